-- Commit: the one compare-and-set that publishes an attempt's outputs.
--
-- KEYS  1 record   hash    impasto:job:<tenant>:<id>   from here on with the TTL of its retention
--       2 leases   zset    impasto:leases
--       3 active   set     impasto:active:<tenant>
--       4 pace     string  impasto:pace                moving average of a run's ms; TTL 30 days
-- ARGV  1 tenant:id   2 id   3 fence   4 state before   5 state after   6… field, value, …
-- A commit that is sent again because its answer was lost is a success still.
-- Returns 1, or 0 when the job is no longer this worker's; the loser deletes what it wrote.
local at = redis.call('HMGET', KEYS[1], 'state', 'fence', 'retention_ms', 'claimed_ms')
if at[1] == ARGV[5] and at[2] == ARGV[3] then return 1 end
if at[1] ~= ARGV[4] or at[2] ~= ARGV[3] then return 0 end
local now = now_ms()
redis.call('HSET', KEYS[1], 'state', ARGV[5], 'finished_ms', now, 'expires_ms', now + at[3], unpack(ARGV, 6))
redis.call('HDEL', KEYS[1], 'lease_owner', 'lease_until_ms')
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('PEXPIREAT', KEYS[1], now + at[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SREM', KEYS[3], ARGV[2])
local run = now - at[4]
local pace = tonumber(redis.call('GET', KEYS[4]) or run)
redis.call('SET', KEYS[4], math.floor(0.8 * pace + 0.2 * run), 'EX', 30 * 24 * 3600)
return 1
