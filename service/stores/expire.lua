-- Expire: ends jobs whose start deadline has passed.
--
-- deadlines              zset     tenant:id -> ms by which it must have started; no TTL
-- job:<tenant>:<id>      hash     when it has expired, with the TTL of its retention and a day
-- ready:<tenant>, deadlines, leases, active:<tenant>   sorted sets and a set that a job leaves when it ends
-- jobs:<tenant>:<state>  zset     id -> created_ms; no TTL
-- counts                 hash     <state before>><state after>, failed:<code> -> how often since the first day; no TTL
-- expiring               zset     job:tenant:id -> ms of its purge; no TTL
-- batch:<tenant>:<id>, items:<tenant>:<id>   hash, list   counts the job; a TTL when its last job has ended
-- inflight:<key>         set      tenant:id of the open jobs that an API key has posted; no TTL, gone when empty
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
--
-- ARGV  2 how many at most
-- Returns {tenant, id, tenant, id, …} of those that have expired.
local now, ended = now_ms(), {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, ARGV[2])) do
  local tenant, id = string.match(member, '^([^:]+):(.+)$')
  if redis.call('HGET', key('job', tenant, id), 'state') == QUEUED then
    finish(tenant, id, EXPIRED, now)
    table.insert(ended, tenant)
    table.insert(ended, id)
  end
  redis.call('ZREM', key('deadlines'), member)
end
return ended
