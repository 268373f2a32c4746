-- Submit: writes a new record and makes it ready. The same id again finds the record; work that has been done before
-- is taken over from there.
--
-- job:<tenant>:<id>             hash     no TTL until the job is terminal
-- gone:<tenant>:<id>            string   read: the id of a job that was purged
-- held:<tenant>:<name>          hash     who needs which objects; no TTL, gone with its last holder
-- same:<tenant>:<work>          string   id of a job that has done this work; TTL of that job's retention
-- ready:<tenant>                zset     id -> created_ms less the priority's head start; no TTL
-- leases, active:<tenant>       zset, set   left alone: none of a new job's
-- turns, turn                   zset, string   tenants that have ready jobs, in the order of their turns; no TTL
-- deadlines                     zset     tenant:id -> ms by which it must have started; no TTL
-- expiring                      zset     job:tenant:id -> ms of its purge; no TTL
-- jobs:<tenant>, jobs:<tenant>:<state>, labeled:<tenant>:<name>=<value>   zset   id -> created_ms; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day;   changed   channel   tenant:id
--
-- ARGV  2 tenant   3 id   4 fingerprint of what was posted   5 work, or '' to paint in any case   6 head start in ms
--       7 ms until the start deadline, or ''   8 names of what the job's inputs hold, as JSON
--       9 its labels, name=value, as JSON   10 how many jobs may wait   11… field, value, …
-- Returns {what, the record's fields and values}: 'made', 'same' (was there already), 'other' (the id is another
-- job's); or {'missing', the name of an input that nobody holds any more}, or {'full'}.
local tenant, id = ARGV[2], ARGV[3]
local record = key('job', tenant, id)

local made = redis.call('HMGET', record, 'created_ms', 'fingerprint')
if made[1] then
  redis.call('HSET', record, 'created_ms', made[1]) -- a write, for WAITAOF to wait for
  return {made[2] == ARGV[4] and 'same' or 'other', redis.call('HGETALL', record)}
end
if redis.call('EXISTS', key('gone', tenant, id)) == 1 then return {'other', {}} end

local inputs = cjson.decode(ARGV[8])
for _, name in ipairs(inputs) do
  if redis.call('EXISTS', key('held', tenant, name)) == 0 then return {'missing', name} end
end
local same = key('same', tenant, ARGV[5])
local source = ARGV[5] ~= '' and redis.call('GET', same)
local done = source and redis.call('HMGET', key('job', tenant, source), 'state', 'result', 'outputs', 'report')
local taken_over = done and done[1] == SUCCEEDED and redis.call('EXISTS', key('held', tenant, done[2])) == 1

if not taken_over then
  local waiting = 0
  for _, other in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
    waiting = waiting + redis.call('ZCARD', key('ready', other))
  end
  if waiting >= tonumber(ARGV[10]) then return {'full'} end
end

for _, name in ipairs(inputs) do hold(tenant, name, 'job:' .. id, '') end

local now = now_ms()
redis.call('HSET', record, 'created_ms', now, 'attempt', 0, 'fence', 0, 'version', 0, 'run_ms', 0,
  'fingerprint', ARGV[4], 'work', ARGV[5], 'holds', ARGV[8], 'labels', ARGV[9], unpack(ARGV, 11))
set_state(tenant, id, QUEUED)
redis.call('ZADD', key('jobs', tenant), now, id)
for _, label in ipairs(cjson.decode(ARGV[9])) do redis.call('ZADD', key('labeled', tenant, label), now, id) end

if taken_over then
  hold(tenant, done[2], 'job:' .. id, '')
  local expires = finish(tenant, id, SUCCEEDED, now, 'started_ms', now, 'copied_from', source,
    'result', done[2], 'outputs', done[3], 'report', done[4])
  redis.call('SET', same, id, 'PX', expires - now)
  return {'made', redis.call('HGETALL', record)}
end

if ARGV[7] ~= '' then
  redis.call('HSET', record, 'start_by_ms', now + ARGV[7])
  redis.call('ZADD', key('deadlines'), now + ARGV[7], tenant .. ':' .. id)
end
redis.call('HSET', record, 'ready_score', now - ARGV[6])
make_ready(tenant, id, now - ARGV[6])
return {'made', redis.call('HGETALL', record)}
