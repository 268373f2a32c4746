-- Forget: lets a job be purged as soon as it has ended. One that waits is canceled, one that runs is asked to stop.
--
-- job:<tenant>:<id>      hash     when it is terminal, with a TTL of a day
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
-- ARGV  2 tenant   3 id
-- Returns the state after, or false when there is no such job.
local tenant, id = ARGV[2], ARGV[3]
local record = key('job', tenant, id)
local state = redis.call('HGET', record, 'state')
if not state then return false end
redis.call('HSET', record, 'retention_ms', 0)
if state == QUEUED then
  finish(tenant, id, CANCELED, now_ms())
  return CANCELED
end
if state == RUNNING then set_state(tenant, id, CANCELING) end
if state == RUNNING or state == CANCELING then return CANCELING end
redis.call('HSET', record, 'expires_ms', now_ms())
redis.call('ZADD', key('expiring'), now_ms(), 'job:' .. tenant .. ':' .. id)
return state
