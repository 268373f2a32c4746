-- Save hook: registers an endpoint.
--
-- hooks:<tenant>         zset     id -> ms of its making; no TTL
-- hook:<tenant>:<id>     hash     no TTL, until it is deleted
--
-- ARGV  2 tenant   3 id   4 how many a tenant may have   5… field, value, …
-- Returns when it was made in ms, or false when there are too many.
local hooks, now = key('hooks', ARGV[2]), now_ms()
if redis.call('ZCARD', hooks) >= tonumber(ARGV[4]) then return false end
redis.call('ZADD', hooks, now, ARGV[3])
redis.call('HSET', key('hook', ARGV[2], ARGV[3]), 'created_ms', now, unpack(ARGV, 5))
return now
