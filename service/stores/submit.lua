-- Submit: writes a new record and makes it ready, or finds that the record is there already.
--
-- KEYS  1 record   hash    impasto:job:<tenant>:<id>   no TTL until the job is terminal
--       2 ready    zset    impasto:ready:<tenant>      id -> created_ms less the priority's head start
--       3 turns    zset    impasto:turns               tenant -> turn; tenants that have ready jobs
--       4 turn     string  impasto:turn                counter
-- ARGV  1 tenant   2 id   3 head start in ms   4… field, value, …
-- Returns the time of creation in ms: that of the first call, when it is sent again.
local made = redis.call('HGET', KEYS[1], 'created_ms')
if made then
  redis.call('HSET', KEYS[1], 'created_ms', made) -- a write, for WAITAOF to wait for
  return made
end
local now = now_ms()
redis.call('HSET', KEYS[1], 'created_ms', now, 'attempt', 0, 'fence', 0, 'version', 1,
  'ready_score', now - ARGV[3], unpack(ARGV, 4))
make_ready(KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2], now - ARGV[3])
return now
