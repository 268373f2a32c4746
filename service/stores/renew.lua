-- Renew: a worker's heartbeat. Prolongs the lease, notes the progress and the checkpoint, if the job is this worker's.
--
-- job:<tenant>:<id>      hash
-- leases                 zset     tenant:id -> lease_until in ms; no TTL
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
--
-- ARGV  2 tenant   3 id   4 fence   5 lease TTL in ms   6 progress as JSON, or ''   7 key of the checkpoint, or ''
--       8 key of a new preview, or ''
-- Returns the job's state, or false when it is no longer this worker's.
local PROGRESS_MS = 10000 -- between two announcements of progress
local record = key('job', ARGV[2], ARGV[3])
local at = redis.call('HMGET', record, 'state', 'fence', 'checkpoint')
if (at[1] ~= RUNNING and at[1] ~= CANCELING) or at[2] ~= ARGV[4] then return false end
local lease_until = now_ms() + ARGV[5]
redis.call('HSET', record, 'lease_until_ms', lease_until)
redis.call('ZADD', key('leases'), lease_until, ARGV[2] .. ':' .. ARGV[3])
if ARGV[6] ~= '' then
  redis.call('HSET', record, 'progress', ARGV[6])
  redis.call('HINCRBY', record, 'version', 1)
  tell(ARGV[2], ARGV[3], 'progress', ARGV[6])
  if now_ms() - (redis.call('HGET', record, 'announced_ms') or 0) >= PROGRESS_MS then
    redis.call('HSET', record, 'announced_ms', now_ms())
    announce_job(ARGV[2], ARGV[3], 'job.progress')
  end
end
if ARGV[7] ~= '' then redis.call('HSET', record, 'checkpoint', ARGV[7]) end
if ARGV[8] ~= '' then
  redis.call('HSET', record, 'preview', ARGV[8])
  tell(ARGV[2], ARGV[3], 'preview', '{}')
end
return at[1]
