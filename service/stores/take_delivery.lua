-- Take delivery: takes the next delivery that is due, for one keeper to send. Should that die, another takes it later.
-- Tenants take turns, and of each only so many are sent at once, so that nobody waits for another's slow receiver.
--
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- sending:<tenant>       zset     ids of deliveries that keepers are sending -> ms until another may; TTL of that
-- delivery:<tenant>:<id> hash     counts the try; TTL 8 days
-- hook:<tenant>:<id>     hash     read
-- secret:<tenant>        hash     read: what signs deliveries to no endpoint
--
-- ARGV  2 ms after which another keeper may send it   3 how many of one tenant are sent at once
-- Returns {tenant, id, the delivery's fields and values, the endpoint's or the tenant's secret's}, or false when none
-- is due. A delivery whose endpoint is gone or disabled is not made.
local turns, now, ttl = key('due'), now_ms(), tonumber(ARGV[2])

local function busy(tenant)
  local sending = key('sending', tenant)
  redis.call('ZREMRANGEBYSCORE', sending, '-inf', now)
  return redis.call('ZCARD', sending) >= tonumber(ARGV[3])
end

-- Gives the next delivery of a tenant that can be made, with whom it is for.
local function next_of(tenant)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('due', tenant), '-inf', now, 'LIMIT', 0, 100)) do
    local delivery = key('delivery', tenant, id)
    local hook = redis.call('HGET', delivery, 'hook')
    local to = hook and key(hook == '' and 'secret' or 'hook', tenant, hook ~= '' and hook or nil)
    if hook == '' or (hook and redis.call('EXISTS', to) == 1 and redis.call('HEXISTS', to, 'disabled_ms') == 0) then
      return id, delivery, to
    end
    redis.call('ZREM', key('due', tenant), id)
    if hook then
      redis.call('HSET', delivery, 'ended', 'dropped')
      redis.call('HDEL', delivery, 'next_ms')
    end
  end
end

local function take(tenant, id, delivery)
  redis.call('ZADD', key('due', tenant), now + ttl, id)
  redis.call('ZADD', key('sending', tenant), now + ttl, id)
  redis.call('PEXPIRE', key('sending', tenant), ttl)
  redis.call('HINCRBY', delivery, 'attempt', 1)
  redis.call('HSET', delivery, 'next_ms', now + ttl)
end

-- Puts a tenant at the end of the round, or where its next delivery is due.
local function pass_on(tenant)
  local first = redis.call('ZRANGE', key('due', tenant), 0, 0, 'WITHSCORES')
  if not first[1] then return redis.call('ZREM', turns, tenant) end
  redis.call('ZADD', turns, math.max(now, tonumber(first[2])), tenant)
end

for _, tenant in ipairs(redis.call('ZRANGEBYSCORE', turns, '-inf', now)) do
  if not busy(tenant) then
    local id, delivery, to = next_of(tenant)
    if id then take(tenant, id, delivery) end
    pass_on(tenant)
    if id then return {tenant, id, redis.call('HGETALL', delivery), redis.call('HGETALL', to)} end
  end
end
return false
