-- Save style: remembers a named picture, which it holds for as long as it is kept.
--
-- style:<tenant>:<id>    hash     a style; no TTL, gone when it is deleted
-- styles:<tenant>        zset     id -> created_ms; no TTL, gone with the last style
-- held:<tenant>:<name>   hash     who needs the picture; no TTL, gone with its last holder
--
-- ARGV  2 tenant   3 id   4 name of what it holds   5 how many styles a tenant may have   6… field, value, …
-- Returns 'made', 'missing' when nobody holds the picture any more, or 'full'.
local tenant, id = ARGV[2], ARGV[3]
local objects = redis.call('HGET', key('held', tenant, ARGV[4]), 'objects')
if not objects then return 'missing' end
if redis.call('ZCARD', key('styles', tenant)) >= tonumber(ARGV[5]) then return 'full' end
local now = now_ms()
hold(tenant, ARGV[4], 'style:' .. id, objects)
redis.call('HSET', key('style', tenant, id), 'holds', ARGV[4], 'key', objects, 'created_ms', now, unpack(ARGV, 6))
redis.call('ZADD', key('styles', tenant), now, id)
return 'made'
