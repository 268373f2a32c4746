-- Give back: ends an attempt without a result. The job is ready again if it may be tried again and has attempts
-- left, otherwise it has failed. A worker proves by its fence that the job is its own; the keeper, which gives no
-- fence, may do it once the lease has run out.
--
-- KEYS  1 record   hash    impasto:job:<tenant>:<id>   on failure with the TTL of its retention
--       2 ready    zset    impasto:ready:<tenant>
--       3 turns    zset    impasto:turns
--       4 turn     string  impasto:turn
--       5 leases   zset    impasto:leases
--       6 active   set     impasto:active:<tenant>
-- ARGV  1 tenant   2 id   3 fence, or '' for the keeper   4 '1' when another attempt may help
--       5 state before   6 state when ready again   7 state when failed   8 error as JSON, attempt left to us
-- Returns the state after, or false when there was nothing to give back.
local at = redis.call('HMGET', KEYS[1], 'state', 'fence', 'lease_until_ms', 'attempt', 'attempts_max',
  'ready_score', 'retention_ms')
local member, now = ARGV[1] .. ':' .. ARGV[2], now_ms()
if at[1] ~= ARGV[5] then
  if ARGV[3] == '' then redis.call('ZREM', KEYS[5], member) end
  return false
end
if ARGV[3] == '' and tonumber(at[3]) > now then return false end
if ARGV[3] ~= '' and at[2] ~= ARGV[3] then return false end

redis.call('ZREM', KEYS[5], member)
redis.call('SREM', KEYS[6], ARGV[2])
redis.call('HDEL', KEYS[1], 'lease_owner', 'lease_until_ms', 'progress')
redis.call('HINCRBY', KEYS[1], 'version', 1)
if ARGV[4] == '1' and tonumber(at[4]) < tonumber(at[5]) then
  redis.call('HSET', KEYS[1], 'state', ARGV[6])
  make_ready(KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], at[6])
  return ARGV[6]
end
local failure = cjson.decode(ARGV[8])
failure.attempt = tonumber(at[4])
redis.call('HSET', KEYS[1], 'state', ARGV[7], 'finished_ms', now, 'expires_ms', now + at[7],
  'error', cjson.encode(failure))
redis.call('PEXPIREAT', KEYS[1], now + at[7])
return ARGV[7]
