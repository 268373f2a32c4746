-- Replay delivery: makes a delivery once more, from its first try on, under the id that it had.
--
-- delivery:<tenant>:<id> hash     TTL 8 days, from now
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
--
-- ARGV  2 tenant   3 id
-- Returns 1, or 0 when there is no such delivery.
local delivery = key('delivery', ARGV[2], ARGV[3])
if redis.call('EXISTS', delivery) == 0 then return 0 end
redis.call('HSET', delivery, 'attempt', 0, 'next_ms', now_ms())
redis.call('HDEL', delivery, 'ended')
redis.call('PEXPIRE', delivery, 8 * DAY_MS)
make_due(ARGV[2], ARGV[3], now_ms())
return 1
