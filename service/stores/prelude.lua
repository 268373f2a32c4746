-- Stands before every script, below a line that names the states as service/job.py spells them.
--
-- A script gets no KEYS: which it touches is decided by what it reads, and its header lists them. ARGV[1] is the
-- prefix of them all. Time is the server's, in milliseconds: no worker's clock counts.
local HOUR_MS = 3600 * 1000
local DAY_MS = 24 * HOUR_MS

local function key(...) return ARGV[1] .. table.concat({...}, ':') end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Puts a job among its tenant's ready ones, and the tenant at the end of the round if it was not in it.
local function make_ready(tenant, id, score)
  redis.call('ZADD', key('ready', tenant), score, id)
  redis.call('ZADD', key('turns'), 'NX', redis.call('INCR', key('turn')), tenant)
end

-- Tells whoever follows a job: the event is kept for a day, or until an hour after the job's end, and everybody who
-- listens is woken.
local function tell(tenant, id, kind, data)
  local events = key('events', tenant, id)
  redis.call('XADD', events, 'MAXLEN', '~', 256, '*', 'kind', kind, 'data', data)
  redis.call('PEXPIRE', events, DAY_MS)
  redis.call('PUBLISH', key('changed'), tenant .. ':' .. id)
end

-- Notes when a delivery is tried next; its tenant's turn comes no later.
local function make_due(tenant, id, at)
  redis.call('ZADD', key('due', tenant), at, id)
  redis.call('ZADD', key('due'), 'LT', at, tenant)
end

-- Makes one delivery of an event, for the keeper to send: to a registered endpoint, or to a URL of its own. The record
-- goes 8 days after its last change, and its place in the log when no schedule can last so long any more.
local function make_delivery(tenant, type, about, hook, url, now)
  local id = 'msg_' .. redis.sha1hex(tenant .. type .. about .. redis.call('INCR', key('messages')))
  local delivery, log, kept = key('delivery', tenant, id), key('deliveries', tenant), 20 * DAY_MS
  redis.call('HSET', delivery, 'type', type, 'about', about, 'at_ms', now, 'hook', hook, 'url', url, 'attempt', 0)
  redis.call('PEXPIRE', delivery, 8 * DAY_MS)
  make_due(tenant, id, now)
  redis.call('ZADD', log, now, id)
  redis.call('ZREMRANGEBYSCORE', log, '-inf', now - kept)
  redis.call('PEXPIRE', log, kept)
end

local function wants(events, type)
  return events and string.find(' ' .. events .. ' ', ' ' .. type .. ' ', 1, true)
end

-- Announces an event to whoever asked for it by a webhook. As it is part of the very change that it announces, none is
-- lost and none is made twice. `about` is JSON; `url` is told if it wants `events`, as every endpoint of the tenant is.
local function announce(tenant, type, about, url, events)
  local now = now_ms()
  if url and wants(events, type) then make_delivery(tenant, type, about, '', url, now) end
  for _, hook in ipairs(redis.call('ZRANGE', key('hooks', tenant), 0, -1)) do
    local at = redis.call('HMGET', key('hook', tenant, hook), 'events', 'disabled_ms')
    if wants(at[1], type) and not at[2] then make_delivery(tenant, type, about, hook, '', now) end
  end
end

-- Announces what has become of a job; what its record says then is all that the delivery needs.
local function announce_job(tenant, id, type)
  local at = redis.call('HMGET', key('job', tenant, id), 'webhook_url', 'webhook_events', 'state', 'error', 'progress',
    'said')
  if not at[1] and redis.call('EXISTS', key('hooks', tenant)) == 0 then return end
  local about = string.format('{"id":%s,"status":%s,"error":%s,"progress":%s,"said":%s}', cjson.encode(id),
    cjson.encode(at[3]), at[4] or 'null', at[5] or 'null', at[6] or '{}')
  announce(tenant, type, about, at[1], at[2])
end

-- Counts what has happened since the first day, for whoever watches over the service.
local function count(what)
  redis.call('HINCRBY', key('counts'), what, 1)
end

-- Counts a job of a batch under its new state.
local function count_in_batch(tenant, batch, from, to)
  local record = key('batch', tenant, batch)
  if from then redis.call('HINCRBY', record, from, -1) end
  redis.call('HINCRBY', record, to, 1)
end

-- Ends a batch whose last job has ended: it stays as long as the last of its jobs does.
local function finish_batch(tenant, batch, now)
  local record = key('batch', tenant, batch)
  local expires = now + redis.call('HGET', record, 'retention_ms')
  redis.call('HSET', record, 'finished_ms', now, 'expires_ms', expires)
  redis.call('PEXPIREAT', record, expires + DAY_MS)
  redis.call('PEXPIREAT', key('items', tenant, batch), expires + DAY_MS)
  redis.call('ZADD', key('expiring'), expires, 'batch:' .. tenant .. ':' .. batch)
  local at = redis.call('HMGET', record, 'webhook_url', 'total', SUCCEEDED, FAILED, CANCELED, EXPIRED)
  local about = cjson.encode({id = batch, total = tonumber(at[2]), counts = {[SUCCEEDED] = tonumber(at[3] or 0),
    [FAILED] = tonumber(at[4] or 0), [CANCELED] = tonumber(at[5] or 0), [EXPIRED] = tonumber(at[6] or 0)}})
  announce(tenant, 'batch.finished', about, at[1], 'batch.finished')
end

-- Moves a job to a state, and lists it under that one alone.
local function set_state(tenant, id, state)
  local record = key('job', tenant, id)
  local at = redis.call('HMGET', record, 'state', 'created_ms', 'batch')
  if at[1] then redis.call('ZREM', key('jobs', tenant, at[1]), id) end
  if at[3] then count_in_batch(tenant, at[3], at[1], state) end
  redis.call('ZADD', key('jobs', tenant, state), at[2], id)
  redis.call('HSET', record, 'state', state)
  redis.call('HINCRBY', record, 'version', 1)
  count((at[1] or '') .. '>' .. state)
  if at[1] then tell(tenant, id, 'state', cjson.encode({status = state})) end -- nobody follows a new job yet
end

-- Somebody needs objects of the storage: they stay until nobody does. Returns where they lie, which the first holder
-- has decided.
local function hold(tenant, name, holder, objects)
  local held = key('held', tenant, name)
  redis.call('HSETNX', held, 'objects', objects)
  redis.call('HSET', held, holder, '1')
  return redis.call('HGET', held, 'objects')
end

-- A holder needs them no longer. Returns where the objects lie if it was the last one, for the caller to delete.
local function let_go(tenant, name, holder)
  local held = key('held', tenant, name)
  redis.call('HDEL', held, holder)
  if redis.call('HLEN', held) ~= 1 then return nil end
  local objects = redis.call('HGET', held, 'objects')
  redis.call('DEL', held)
  return objects
end

-- Takes a running job from its worker, whoever that is.
local function take_away(tenant, id)
  redis.call('ZREM', key('leases'), tenant .. ':' .. id)
  redis.call('SREM', key('active', tenant), id)
  redis.call('HDEL', key('job', tenant, id), 'lease_owner', 'lease_until_ms')
end

-- Ends a job. The record stays for its retention; the day more is for the keeper, which purges what the job held.
local function finish(tenant, id, state, now, ...)
  local record = key('job', tenant, id)
  local expires = now + redis.call('HGET', record, 'retention_ms')
  take_away(tenant, id)
  local by = redis.call('HGET', record, 'key')
  if by then redis.call('SREM', key('inflight', by), tenant .. ':' .. id) end
  redis.call('ZREM', key('ready', tenant), id)
  redis.call('ZREM', key('deadlines'), tenant .. ':' .. id)
  set_state(tenant, id, state)
  redis.call('HSET', record, 'finished_ms', now, 'expires_ms', expires, ...)
  redis.call('PEXPIREAT', record, expires + DAY_MS)
  redis.call('PEXPIRE', key('events', tenant, id), HOUR_MS)
  redis.call('ZADD', key('expiring'), expires, 'job:' .. tenant .. ':' .. id)
  announce_job(tenant, id, 'job.' .. state)
  redis.call('HDEL', record, 'checkpoint', 'preview', 'said', 'claimed_ms', 'ready_score', 'run_max_ms', 'gflop', 'bracket')
  local batch = redis.call('HGET', record, 'batch')
  if batch and redis.call('HINCRBY', key('batch', tenant, batch), 'open', -1) == 0 then
    finish_batch(tenant, batch, now)
  end
  return expires
end
