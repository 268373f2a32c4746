-- Save upload: remembers an uploaded image, and holds its pixels before they are stored.
--
-- upload:<tenant>:<id>   hash     TTL of an upload and a day, in which the keeper purges it
-- held:<tenant>:<name>   hash     who needs the image; no TTL, gone with its last holder
-- expiring               zset     upload:tenant:id -> ms of its purge; no TTL
--
-- ARGV  2 tenant   3 id   4 name of what it holds   5 key of the object, should nobody hold it yet   6 TTL in ms
--       7 'new', or 'known': an upload whose bytes a client has put into the storage, and that must still be there
--       8… field, value, …
-- Returns {key of the object, when the upload expires in ms}, or false when a known one is gone. Whoever gets a key that others hold already stores the
-- same bytes under it once more: they may not be there yet, nor ever come.
local tenant, id = ARGV[2], ARGV[3]
local upload, expires = key('upload', tenant, id), now_ms() + ARGV[6]
local before = redis.call('HGET', upload, 'holds')
if ARGV[7] == 'known' and redis.call('EXISTS', upload) == 0 then return false end
if before and before ~= ARGV[4] then let_go(tenant, before, 'upload:' .. id) end
local object = hold(tenant, ARGV[4], 'upload:' .. id, ARGV[5])
redis.call('HSET', upload, 'key', object, 'holds', ARGV[4], 'expires_ms', expires, unpack(ARGV, 8))
redis.call('PEXPIREAT', upload, expires + DAY_MS)
redis.call('ZADD', key('expiring'), expires, 'upload:' .. tenant .. ':' .. id)
return {object, expires}
