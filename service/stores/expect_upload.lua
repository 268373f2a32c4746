-- Expect upload: remembers an image whose bytes a client will put into the storage itself, and holds their place.
--
-- upload:<tenant>:<id>   hash     while it has the field `raw` its bytes are awaited; TTL of an upload and a day
-- held:<tenant>:<name>   hash     who needs the bytes; no TTL, gone with its last holder
-- expiring               zset     upload:tenant:id -> ms of its purge; no TTL
--
-- ARGV  2 tenant   3 id   4 name of what it holds   5 key of the object   6 TTL in ms   7… field, value, …
-- Returns when the upload expires in ms.
local tenant, id = ARGV[2], ARGV[3]
local upload, expires = key('upload', tenant, id), now_ms() + ARGV[6]
hold(tenant, ARGV[4], 'upload:' .. id, ARGV[5])
redis.call('HSET', upload, 'raw', ARGV[4], 'expires_ms', expires, unpack(ARGV, 7))
redis.call('PEXPIREAT', upload, expires + DAY_MS)
redis.call('ZADD', key('expiring'), expires, 'upload:' .. tenant .. ':' .. id)
return expires
