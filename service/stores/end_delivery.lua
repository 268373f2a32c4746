-- End delivery: notes how a try to deliver went, and when the next one is due, if there is to be one.
--
-- delivery:<tenant>:<id> hash     TTL 8 days, from now
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- sending:<tenant>       zset     loses it; TTL of a try
-- hook:<tenant>:<id>     hash     no TTL; since when it fails, and whether it is disabled
--
-- ARGV  2 tenant   3 id   4 which try   5 'delivered', 'failed', or ms until the next try   6 why the endpoint is to be
--       disabled at once, or ''   7 ms after which an endpoint that always fails is disabled   8… field, value, …
-- Returns why the endpoint was disabled, or false. A try that another keeper has taken over changes nothing.
local tenant, id, how = ARGV[2], ARGV[3], ARGV[5]
local delivery, now = key('delivery', tenant, id), now_ms()
local at = redis.call('HMGET', delivery, 'attempt', 'hook')
if at[1] ~= ARGV[4] then return false end
redis.call('HSET', delivery, 'tried_ms', now, unpack(ARGV, 8))
redis.call('PEXPIRE', delivery, 8 * DAY_MS)
redis.call('ZREM', key('sending', tenant), id)
if how == 'delivered' or how == 'failed' then
  redis.call('ZREM', key('due', tenant), id)
  if redis.call('EXISTS', key('due', tenant)) == 0 then redis.call('ZREM', key('due'), tenant) end
  redis.call('HSET', delivery, 'ended', how)
  redis.call('HDEL', delivery, 'next_ms')
else
  make_due(tenant, id, now + how)
  redis.call('HSET', delivery, 'next_ms', now + how)
end
local hook = key('hook', tenant, at[2])
if redis.call('EXISTS', hook) == 0 then return false end
if how == 'delivered' then
  redis.call('HDEL', hook, 'failing_ms')
  return false
end
redis.call('HSETNX', hook, 'failing_ms', now)
local why = ARGV[6]
if why == '' and now - redis.call('HGET', hook, 'failing_ms') >= tonumber(ARGV[7]) then why = 'it has failed for days' end
if why == '' then return false end
redis.call('HSET', hook, 'disabled_ms', now, 'disabled_why', why)
return why
