-- Rotate key: gives a key a new secret; the old one works for a while.
--
-- key:<id>               hash     no TTL, or until it expires
--
-- ARGV  2 id   3 digest of the new secret   4 for how many ms the old one works   5 whose key it must be, or ''
-- Returns 1, or 0 when there is no such key.
local record = key('key', ARGV[2])
local at = redis.call('HMGET', record, 'digest', 'tenant')
if not at[1] or (ARGV[5] ~= '' and at[2] ~= ARGV[5]) then return 0 end
redis.call('HSET', record, 'digest', ARGV[3], 'old_digest', at[1], 'old_until_ms', now_ms() + ARGV[4])
return 1
