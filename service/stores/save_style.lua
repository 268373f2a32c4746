-- Save style: remembers a named picture, which it holds for as long as it is kept.
--
-- style:<tenant>:<id>    hash     a style; no TTL, gone when it is deleted
-- styles:<tenant>        zset     id -> created_ms; no TTL, gone with the last style
-- held:<tenant>:<name>   hash     who needs the picture; no TTL, gone with its last holder
--
-- ARGV  2 tenant   3 id   4 name of what it holds   5… field, value, …
-- Returns when it was made in ms, or false when nobody holds the picture any more.
local tenant, id = ARGV[2], ARGV[3]
local objects = redis.call('HGET', key('held', tenant, ARGV[4]), 'objects')
if not objects then return false end
local now = now_ms()
hold(tenant, ARGV[4], 'style:' .. id, objects)
redis.call('HSET', key('style', tenant, id), 'holds', ARGV[4], 'key', objects, 'created_ms', now, unpack(ARGV, 5))
redis.call('ZADD', key('styles', tenant), now, id)
return now
