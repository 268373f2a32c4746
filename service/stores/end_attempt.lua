-- End attempt: ends an attempt without a result. A job that is to be canceled is canceled; any other is ready again,
-- or has failed. A worker proves by its fence that the job is its own; the keeper, which gives no fence, may do it
-- once the lease has run out.
--
-- job:<tenant>:<id>      hash     when it is terminal, with the TTL of its retention and a day
-- ready:<tenant>, deadlines, leases, active:<tenant>   sorted sets and a set that a job leaves when it ends
-- ready:<tenant>, turns, turn     a job that is ready again: as in submit.lua
-- jobs:<tenant>:<state>  zset     id -> created_ms; no TTL
-- counts                 hash     <state before>><state after>, failed:<code> -> how often since the first day; no TTL
-- expiring               zset     job:tenant:id -> ms of its purge; no TTL
-- batch:<tenant>:<id>, items:<tenant>:<id>   hash, list   counts the job; a TTL when its last job has ended
-- inflight:<key>         set      tenant:id of the open jobs that an API key has posted; no TTL, gone when empty
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
--
-- ARGV  2 tenant   3 id   4 fence, or '' for the keeper   5 how: 'again' when another attempt may help, 'final' when
--       not, 'uncharged' when the worker leaves and the attempt shall not count   6 error as JSON, attempt left to us
--       7 error as JSON, should the job have run for too long   8 key of a checkpoint, or ''
--       9 '1' when the next attempt shall save memory
-- Returns the state after and the number of the attempt, or false when there was nothing to end.
local tenant, id, fence = ARGV[2], ARGV[3], ARGV[4]
local record = key('job', tenant, id)
local at = redis.call('HMGET', record, 'state', 'fence', 'lease_until_ms', 'attempt', 'attempts_max',
  'ready_score', 'claimed_ms', 'run_ms', 'run_max_ms')
local now = now_ms()
if at[1] ~= RUNNING and at[1] ~= CANCELING then
  if fence == '' then redis.call('ZREM', key('leases'), tenant .. ':' .. id) end
  return false
end
if fence == '' and tonumber(at[3]) > now then return false end
if fence ~= '' and at[2] ~= fence then return false end

local function with_attempt(error)
  local failure = cjson.decode(error)
  failure.attempt = tonumber(at[4])
  return cjson.encode(failure), failure.code
end

local function failed(error)
  local failure, code = with_attempt(error)
  finish(tenant, id, FAILED, now, 'error', failure)
  count('failed:' .. code)
  return { FAILED, at[4] }
end

redis.call('HDEL', record, 'progress', 'preview')
local run = at[8] + now - at[7]
redis.call('HSET', record, 'run_ms', run)
if at[1] == CANCELING then
  finish(tenant, id, CANCELED, now)
  return { CANCELED, at[4] }
end
if run >= tonumber(at[9]) then return failed(ARGV[7]) end
if ARGV[5] == 'final' or (ARGV[5] == 'again' and tonumber(at[4]) >= tonumber(at[5])) then return failed(ARGV[6]) end

take_away(tenant, id)
tell(tenant, id, 'log', (with_attempt(ARGV[6])))
set_state(tenant, id, QUEUED)
if ARGV[5] == 'uncharged' then redis.call('HINCRBY', record, 'attempt', -1) end
if ARGV[8] ~= '' then redis.call('HSET', record, 'checkpoint', ARGV[8]) end
if ARGV[9] == '1' then redis.call('HSET', record, 'frugal', '1') end
make_ready(tenant, id, at[6])
return { QUEUED, at[4] }
