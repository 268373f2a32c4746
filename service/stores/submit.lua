-- Submit: writes new jobs and makes them ready, all or none. The same id again finds what was written; work that has
-- been done before is taken over from there.
--
-- job:<tenant>:<id>             hash     no TTL until the job is terminal
-- gone:<tenant>:<id>            string   read: the id of a job that was purged
-- held:<tenant>:<name>          hash     who needs which objects; no TTL, gone with its last holder
-- same:<tenant>:<work>          string   id of a job that has done this work; TTL of that job's retention
-- ready:<tenant>                zset     id -> created_ms less the priority's head start; no TTL
-- leases, active:<tenant>       zset, set   left alone: none of a new job's
-- turns, turn                   zset, string   tenants that have ready jobs, in the order of their turns; no TTL
-- deadlines                     zset     tenant:id -> ms by which it must have started; no TTL
-- expiring                      zset     job:tenant:id or batch:tenant:id -> ms of its purge; no TTL
-- jobs:<tenant>, jobs:<tenant>:<state>, labeled:<tenant>:<name>=<value>   zset   id -> created_ms; no TTL
-- counts                 hash     <state before>><state after>, failed:<code> -> how often since the first day; no TTL
-- inflight:<key>         set      tenant:id of the open jobs that an API key has posted; no TTL, gone when empty
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>          stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
-- batch:<tenant>:<id>           hash     no TTL until all its jobs are terminal
-- items:<tenant>:<id>           list     of a batch: its jobs' ids and custom ids, as JSON; no TTL until then
-- batches:<tenant>              zset     id -> created_ms; no TTL
--
-- ARGV  2 tenant   3 how many jobs may wait   4 the batch that they are, as JSON, or '': id, fingerprint, fields
--       5… a job each, as JSON: id; fingerprint of what was posted; work, '' to paint in any case; head_start_ms;
--       start_within_ms, or ''; key, of who posts it, or '', and in_flight_max; holds, the names of what its inputs hold; listed, what it is listed under; batch and
--       custom_id, or ''; fields. Fields are a list: name, value, name, value. A batch or a job without fields is
--       only looked for
-- Returns {what, …}: 'made', 'same' (was there already) or 'other' (the id is another's), with the record's fields and
-- values: the batch's, or the one job's; or {'missing', which job, the name of an input that nobody holds any more},
-- {'full'}, or {'busy', how many jobs of the key are open}; or {'none'}: what was looked for is not there.
local tenant, waiting_max, jobs = ARGV[2], tonumber(ARGV[3]), {}
for n = 5, #ARGV do table.insert(jobs, cjson.decode(ARGV[n])) end
local batch = ARGV[4] ~= '' and cjson.decode(ARGV[4])
local subject = batch or jobs[1]
local record = key(batch and 'batch' or 'job', tenant, subject.id)

local made = redis.call('HMGET', record, 'created_ms', 'fingerprint')
if made[1] then
  redis.call('HSET', record, 'created_ms', made[1]) -- a write, for WAITAOF to wait for
  return {made[2] == subject.fingerprint and 'same' or 'other', redis.call('HGETALL', record)}
end
if redis.call('EXISTS', key('gone', tenant, subject.id)) == 1 then return {'other', {}} end
if not subject.fields then return {'none', {}} end

-- Finds a finished job that has done a job's work, and whose result is still there.
local function done_before(job)
  local source = job.work ~= '' and redis.call('GET', key('same', tenant, job.work))
  if not source then return nil end
  local at = redis.call('HMGET', key('job', tenant, source), 'state', 'result', 'outputs', 'report')
  if at[1] ~= SUCCEEDED or redis.call('EXISTS', key('held', tenant, at[2])) == 0 then return nil end
  return {source = source, result = at[2], outputs = at[3], report = at[4]}
end

local to_paint = 0
for n, job in ipairs(jobs) do
  for _, name in ipairs(job.holds) do
    if redis.call('EXISTS', key('held', tenant, name)) == 0 then return {'missing', n, name} end
  end
  job.done = done_before(job)
  if not job.done then to_paint = to_paint + 1 end
end
if to_paint > 0 then
  local waiting = 0
  for _, other in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
    waiting = waiting + redis.call('ZCARD', key('ready', other))
  end
  if waiting + to_paint > waiting_max then return {'full'} end
end

local first = jobs[1]
local in_flight = first.key ~= '' and redis.call('SCARD', key('inflight', first.key)) or 0
if to_paint > 0 and first.key ~= '' and in_flight + to_paint > first.in_flight_max then return {'busy', in_flight} end

local now = now_ms()

local function take_over(job)
  hold(tenant, job.done.result, 'job:' .. job.id, '')
  local expires = finish(tenant, job.id, SUCCEEDED, now, 'started_ms', now, 'copied_from', job.done.source,
    'result', job.done.result, 'outputs', job.done.outputs, 'report', job.done.report)
  redis.call('SET', key('same', tenant, job.work), job.id, 'PX', expires - now)
end

local function queue(job)
  local new = key('job', tenant, job.id)
  if job.start_within_ms ~= '' then
    redis.call('HSET', new, 'start_by_ms', now + job.start_within_ms)
    redis.call('ZADD', key('deadlines'), now + job.start_within_ms, tenant .. ':' .. job.id)
  end
  redis.call('HSET', new, 'ready_score', now - job.head_start_ms)
  make_ready(tenant, job.id, now - job.head_start_ms)
end

local function write(job)
  local new = key('job', tenant, job.id)
  redis.call('HSET', new, 'created_ms', now, 'attempt', 0, 'fence', 0, 'version', 0, 'run_ms', 0,
    'fingerprint', job.fingerprint, unpack(job.fields))
  if job.work ~= '' then redis.call('HSET', new, 'work', job.work) end
  if job.key ~= '' then
    redis.call('HSET', new, 'key', job.key)
    redis.call('SADD', key('inflight', job.key), tenant .. ':' .. job.id)
  end
  if job.batch ~= '' then redis.call('HSET', new, 'batch', job.batch, 'custom_id', job.custom_id) end
  for _, name in ipairs(job.holds) do hold(tenant, name, 'job:' .. job.id, '') end
  set_state(tenant, job.id, QUEUED)
  redis.call('ZADD', key('jobs', tenant), now, job.id)
  for _, name in ipairs(job.listed) do redis.call('ZADD', key('labeled', tenant, name), now, job.id) end
  if job.done then take_over(job) else queue(job) end
end

if batch then
  redis.call('HSET', record, 'created_ms', now, 'fingerprint', batch.fingerprint, 'total', #jobs, 'open', #jobs,
    unpack(batch.fields))
  redis.call('ZADD', key('batches', tenant), now, batch.id)
  for _, job in ipairs(jobs) do
    redis.call('RPUSH', key('items', tenant, batch.id), cjson.encode({id = job.id, custom_id = job.custom_id}))
  end
end
for _, job in ipairs(jobs) do write(job) end
return {'made', redis.call('HGETALL', record)}
