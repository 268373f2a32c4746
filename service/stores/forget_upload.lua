-- Forget upload: lets an upload be purged now. Jobs that name it hold its image themselves.
--
-- upload:<tenant>:<id>   hash     as it was, but that its time is over
-- expiring               zset     upload:tenant:id -> ms of its purge; no TTL
--
-- ARGV  2 tenant   3 id
-- Returns whether there is such an upload.
local upload = key('upload', ARGV[2], ARGV[3])
if redis.call('EXISTS', upload) == 0 then return 0 end
redis.call('HSET', upload, 'expires_ms', now_ms())
redis.call('ZADD', key('expiring'), now_ms(), 'upload:' .. ARGV[2] .. ':' .. ARGV[3])
return 1
