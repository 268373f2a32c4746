-- Backlog: says how much there is to do, over all tenants, and what has happened so far.
--
-- turns                  zset     tenants that have ready jobs; no TTL
-- ready:<tenant>, active:<tenant>   zset, set   ids of ready jobs, and of running ones; no TTL
-- job:<tenant>:<id>      hash     read
-- leases                 zset     tenant:id -> lease_until in ms; no TTL
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- counts                 hash     what has happened -> how often; no TTL
--
-- ARGV  2 how many jobs of one tenant may run at the same time
-- Returns {jobs that wait, jobs that run, workers that could be busy now, ms for which the longest of the next jobs has
-- waited, deliveries that are overdue, ms for which the longest of them is}, and the counts' fields and values.
local cap, now = tonumber(ARGV[2]), now_ms()
local running = redis.call('ZCARD', key('leases'))

local waiting, wanted, waited = 0, running, 0
for _, tenant in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
  local ready = redis.call('ZCARD', key('ready', tenant))
  waiting = waiting + ready
  wanted = wanted + math.min(ready, math.max(0, cap - redis.call('SCARD', key('active', tenant))))
  local first = redis.call('ZRANGE', key('ready', tenant), 0, 0)[1]
  local created = first and redis.call('HGET', key('job', tenant, first), 'created_ms')
  if created then waited = math.max(waited, now - created) end
end

local overdue, late = 0, 0
for _, tenant in ipairs(redis.call('ZRANGE', key('due'), 0, -1)) do
  overdue = overdue + redis.call('ZCOUNT', key('due', tenant), '-inf', now)
  local first = redis.call('ZRANGE', key('due', tenant), 0, 0, 'WITHSCORES')
  if first[2] then late = math.max(late, now - first[2]) end
end
return {{waiting, running, wanted, waited, overdue, late}, redis.call('HGETALL', key('counts'))}
