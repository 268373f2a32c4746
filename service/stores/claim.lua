-- Claim next: takes the next ready job for a worker, if there is one.
-- Tenants take turns; within a tenant the lowest score (age less head start) goes first; a tenant at its cap of
-- running jobs is passed over. Attempt and fence count up here, before any work, so that a crash counts too.
--
-- KEYS  1 turns    zset    impasto:turns
--       2 turn     string  impasto:turn
--       3 leases   zset    impasto:leases              tenant:id -> lease_until in ms
--       4 asked    hash    impasto:claim:<token>       tenant and id given to this very call; TTL of the lease
-- Also, by tenant: ready (zset), active (set of ids), record (hash); see submit.lua.
-- ARGV  1 prefix   2 owner   3 lease TTL in ms   4 cap   5 state before   6 state after
-- A call that is sent again because its answer was lost gets the same job again.
-- Returns {tenant, id, the record's fields and values}, or false when nothing is ready.
local prefix, owner, cap = ARGV[1], ARGV[2], tonumber(ARGV[4])

local function answer(tenant, id)
  return {tenant, id, redis.call('HGETALL', prefix .. 'job:' .. tenant .. ':' .. id)}
end

local given = redis.call('HMGET', KEYS[4], 'tenant', 'id')
if given[1] then return answer(given[1], given[2]) end

for _, tenant in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local ready, active = prefix .. 'ready:' .. tenant, prefix .. 'active:' .. tenant
  if redis.call('SCARD', active) < cap then
    local head = redis.call('ZPOPMIN', ready)
    while head[1] do
      local id = head[1]
      local record = prefix .. 'job:' .. tenant .. ':' .. id
      if redis.call('HGET', record, 'state') == ARGV[5] then
        local now = now_ms()
        local lease_until = now + ARGV[3]
        redis.call('HSET', record, 'state', ARGV[6], 'lease_owner', owner, 'lease_until_ms', lease_until,
          'claimed_ms', now)
        redis.call('HSETNX', record, 'started_ms', now)
        for _, counter in ipairs({'attempt', 'fence', 'version'}) do
          redis.call('HINCRBY', record, counter, 1)
        end
        redis.call('ZADD', KEYS[3], lease_until, tenant .. ':' .. id)
        redis.call('SADD', active, id)
        redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[2]), tenant)
        if redis.call('EXISTS', ready) == 0 then redis.call('ZREM', KEYS[1], tenant) end
        redis.call('HSET', KEYS[4], 'tenant', tenant, 'id', id)
        redis.call('PEXPIRE', KEYS[4], ARGV[3])
        return answer(tenant, id)
      end
      head = redis.call('ZPOPMIN', ready)
    end
    redis.call('ZREM', KEYS[1], tenant)
  end
end
return false
