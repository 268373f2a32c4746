-- Take delivery: takes the next delivery that is due, for one keeper to send. Should that die, another takes it later.
--
-- due                    zset     tenant:id -> ms of the next try; no TTL
-- delivery:<tenant>:<id> hash     counts the try; TTL 8 days
-- hook:<tenant>:<id>     hash     read
-- secret:<tenant>        hash     read: what signs deliveries to no endpoint
--
-- ARGV  2 ms after which another keeper may send it
-- Returns {tenant, id, the delivery's fields and values, the endpoint's or the tenant's secret's}, or false when none
-- is due. A delivery whose endpoint is gone or disabled is not made.
local due, now = key('due'), now_ms()
for _, member in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, 100)) do
  local tenant, id = string.match(member, '^([^:]+):(.+)$')
  local delivery = key('delivery', tenant, id)
  local hook = redis.call('HGET', delivery, 'hook')
  local to = hook and key(hook == '' and 'secret' or 'hook', tenant, hook ~= '' and hook or nil)
  local open = hook == '' or (hook and redis.call('EXISTS', to) == 1 and redis.call('HEXISTS', to, 'disabled_ms') == 0)
  if open then
    redis.call('ZADD', due, now + ARGV[2], member)
    redis.call('HINCRBY', delivery, 'attempt', 1)
    redis.call('HSET', delivery, 'next_ms', now + ARGV[2])
    return {tenant, id, redis.call('HGETALL', delivery), redis.call('HGETALL', to)}
  end
  redis.call('ZREM', due, member)
  if hook then
    redis.call('HSET', delivery, 'ended', 'dropped')
    redis.call('HDEL', delivery, 'next_ms')
  end
end
return false
