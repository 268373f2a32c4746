-- Renew: a worker's heartbeat. Prolongs the lease and notes the progress, if the job is still this worker's.
--
-- KEYS  1 record   hash    impasto:job:<tenant>:<id>
--       2 leases   zset    impasto:leases
-- ARGV  1 tenant:id   2 fence   3 lease TTL in ms   4 state it must be in   5 progress as JSON, or ''
-- Returns 1, or 0 when the job is no longer this worker's.
local at = redis.call('HMGET', KEYS[1], 'state', 'fence')
if at[1] ~= ARGV[4] or at[2] ~= ARGV[2] then return 0 end
local lease_until = now_ms() + ARGV[3]
redis.call('HSET', KEYS[1], 'lease_until_ms', lease_until)
redis.call('ZADD', KEYS[2], lease_until, ARGV[1])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'progress', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'version', 1)
end
return 1
