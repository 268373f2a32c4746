-- Commit: the one compare-and-set that publishes an attempt's outputs.
--
-- job:<tenant>:<id>      hash     from here on with the TTL of its retention and a day
-- ready:<tenant>, deadlines, leases, active:<tenant>   sorted sets and a set that a job leaves when it ends
-- held:<tenant>:<name>   hash     the job holds its result; no TTL
-- same:<tenant>:<work>   string   this job, for who wants the same; TTL of its retention
-- jobs:<tenant>:<state>  zset     id -> created_ms; no TTL
-- counts                 hash     <state before>><state after>, failed:<code> -> how often since the first day; no TTL
-- expiring               zset     job:tenant:id -> ms of its purge; no TTL
-- batch:<tenant>:<id>, items:<tenant>:<id>   hash, list   counts the job; a TTL when its last job has ended
-- pace:<device>          hash     <bracket>:s_per_gflop and <bracket>:around_s -> moving averages; TTL 30 days
-- inflight:<key>         set      tenant:id of the open jobs that an API key has posted; no TTL, gone when empty
-- hooks:<tenant>, hook:<tenant>:<id>   zset, hash   read: who is told
-- messages               string   counts deliveries; no TTL
-- delivery:<tenant>:<id>, deliveries:<tenant>   hash, zset   what is to be told, and the log; TTL 8 days
-- due, due:<tenant>      zset     tenants by turn; of each the ids of deliveries -> ms of the next try; no TTL
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day, an hour after its end;   changed   channel   tenant:id
--
-- ARGV  2 tenant   3 id   4 fence   5 name of the result   6 where its objects lie
--       7 what the run has taught, as JSON of {device, bracket, gflop, paint_s}, or ''   8… field, value, …
-- A commit that is sent again because its answer was lost is a success still.
-- Returns 1, or 0 when the job is no longer this worker's or is to be canceled; the loser deletes what it wrote.
local tenant, id = ARGV[2], ARGV[3]
local record = key('job', tenant, id)
local at = redis.call('HMGET', record, 'state', 'fence', 'claimed_ms', 'work')
if at[1] == SUCCEEDED and at[2] == ARGV[4] then return 1 end
if at[1] ~= RUNNING or at[2] ~= ARGV[4] then return 0 end
local now = now_ms()
hold(tenant, ARGV[5], 'job:' .. id, ARGV[6])
local expires = finish(tenant, id, SUCCEEDED, now, 'result', ARGV[5], unpack(ARGV, 8))
if at[4] and at[4] ~= '' then redis.call('SET', key('same', tenant, at[4]), id, 'PX', expires - now) end

-- One run that was held up, or skipped something, moves what is known by less than a factor of two.
local function learn(pace, field, measured)
  local known = tonumber(redis.call('HGET', pace, field) or measured)
  local value = math.min(math.max(measured, known / 4), known * 4)
  redis.call('HSET', pace, field, string.format('%.6g', 0.8 * known + 0.2 * value))
end
if ARGV[7] ~= '' then
  local run = cjson.decode(ARGV[7])
  local pace = key('pace', run.device)
  if run.gflop > 0 then learn(pace, run.bracket .. ':s_per_gflop', run.paint_s / run.gflop) end
  learn(pace, run.bracket .. ':around_s', math.max(0, (now - at[3]) / 1000 - run.paint_s))
  redis.call('PEXPIRE', pace, 30 * DAY_MS)
end
return 1
