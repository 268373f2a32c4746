-- Claim next: takes the next ready job for a worker, if there is one.
-- Tenants take turns; within a tenant the lowest score (age less head start) goes first; a tenant at its cap of
-- running jobs is passed over. Attempt and fence count up here, before any work, so that a crash counts too.
--
-- turns, turn            zset, string   tenants that have ready jobs; a counter; no TTL
-- ready:<tenant>         zset     ids; no TTL
-- active:<tenant>        set      ids of running jobs; no TTL
-- leases                 zset     tenant:id -> lease_until in ms; no TTL
-- deadlines              zset     tenant:id -> ms by which it must have started; no TTL
-- job:<tenant>:<id>      hash
-- jobs:<tenant>:<state>  zset     id -> created_ms; no TTL
-- counts                 hash     <state before>><state after>, failed:<code> -> how often since the first day; no TTL
-- claim:<token>          hash     tenant and id given to this very call; TTL of the lease
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
--
-- ARGV  2 token   3 owner   4 lease TTL in ms   5 cap   6 the newest format of records that the worker understands
-- A call that is sent again because its answer was lost gets the same job again. A job whose start deadline has
-- passed is left to the keeper, which ends it; one whose record is of a newer format, to workers that understand it.
-- Of those, so many of each tenant are passed over at most.
-- Returns {tenant, id, the record's fields and values}, or false when nothing is ready.
local LOOK_AT = 32
local asked, owner, ttl, cap, format = key('claim', ARGV[2]), ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])

local function answer(tenant, id) return {tenant, id, redis.call('HGETALL', key('job', tenant, id))} end

-- Says whether a job is to start now, and whether it is among the ready ones for nothing.
local function may_start(record, now)
  local at = redis.call('HMGET', record, 'state', 'start_by_ms', 'format')
  local stale = at[1] ~= QUEUED or (at[2] and tonumber(at[2]) < now)
  return not stale and tonumber(at[3] or 1) <= format, stale
end

local function start(tenant, id, record, now)
  set_state(tenant, id, RUNNING)
  redis.call('HSET', record, 'lease_owner', owner, 'lease_until_ms', now + ttl, 'claimed_ms', now)
  local first = redis.call('HSETNX', record, 'started_ms', now) == 1
  redis.call('HDEL', record, 'start_by_ms')
  for _, counter in ipairs({'attempt', 'fence'}) do redis.call('HINCRBY', record, counter, 1) end
  redis.call('ZREM', key('deadlines'), tenant .. ':' .. id)
  redis.call('ZADD', key('leases'), now + ttl, tenant .. ':' .. id)
  redis.call('SADD', key('active', tenant), id)
  redis.call('HSET', asked, 'tenant', tenant, 'id', id)
  redis.call('PEXPIRE', asked, ttl)
  if first then announce_job(tenant, id, 'job.started') end
end

local given = redis.call('HMGET', asked, 'tenant', 'id')
if given[1] then return answer(given[1], given[2]) end

local turns, now = key('turns'), now_ms()

-- Gives the next job of a tenant that may start, and takes the tenant out of the round when none of its jobs is ready.
local function next_of(tenant)
  local ready = key('ready', tenant)
  if redis.call('SCARD', key('active', tenant)) < cap then
    local newer = 0
    while newer < LOOK_AT do
      local id = redis.call('ZRANGE', ready, newer, newer)[1]
      if not id then break end
      local record = key('job', tenant, id)
      local may, stale = may_start(record, now)
      if may or stale then redis.call('ZREM', ready, id) else newer = newer + 1 end
      if may then
        start(tenant, id, record, now)
        redis.call('ZADD', turns, redis.call('INCR', key('turn')), tenant)
        if redis.call('EXISTS', ready) == 0 then redis.call('ZREM', turns, tenant) end
        return id
      end
    end
    if redis.call('EXISTS', ready) == 0 then redis.call('ZREM', turns, tenant) end
  end
end

-- Mostly the first tenant has a job that may start: a few are read at a time, however many there are.
local passed = 0
while true do
  local some = redis.call('ZRANGE', turns, passed, passed + LOOK_AT - 1)
  if not some[1] then return false end
  local before = redis.call('ZCARD', turns)
  for _, tenant in ipairs(some) do
    local id = next_of(tenant)
    if id then return answer(tenant, id) end
  end
  passed = passed + #some - (before - redis.call('ZCARD', turns))
end
