-- Rotate secret: gives an endpoint, or a tenant, a new secret; the old one signs too for a while.
--
-- hook:<tenant>:<id>     hash     no TTL
-- secret:<tenant>        hash     no TTL
--
-- ARGV  2 tenant   3 id of an endpoint, or ''   4 the new secret   5 for how many ms the old one signs   6 '1' to keep
--       the secret that there is, if there is one
-- Returns the secret, or false when there is no such endpoint.
local tenant, id = ARGV[2], ARGV[3]
local record = id == '' and key('secret', tenant) or key('hook', tenant, id)
local secret = redis.call('HGET', record, 'secret')
if id ~= '' and not secret then return false end
if secret and ARGV[6] == '1' then return secret end
if secret then redis.call('HSET', record, 'old_secret', secret, 'old_until_ms', now_ms() + ARGV[5]) end
redis.call('HSET', record, 'secret', ARGV[4])
return ARGV[4]
