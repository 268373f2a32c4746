-- Settle upload: an awaited image is there, normalised and stored; what the client had put is needed no longer.
--
-- upload:<tenant>:<id>   hash     loses the field `raw`
-- held:<tenant>:<name>   hash     loses this holder
--
-- ARGV  2 tenant   3 id
-- Returns the key of what the client had put, for the caller to delete; '' when somebody else settled it, and false
-- when the upload is gone.
local tenant, id = ARGV[2], ARGV[3]
local upload = key('upload', tenant, id)
if redis.call('EXISTS', upload) == 0 then return false end
local raw = redis.call('HGET', upload, 'raw')
redis.call('HDEL', upload, 'raw')
return raw and let_go(tenant, raw, 'upload:' .. id) or ''
