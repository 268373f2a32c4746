-- Commit: the one compare-and-set that publishes an attempt's outputs.
--
-- job:<tenant>:<id>      hash     from here on with the TTL of its retention and a day
-- ready:<tenant>, deadlines, leases, active:<tenant>   sorted sets and a set that a job leaves when it ends
-- held:<tenant>:<name>   hash     the job holds its result; no TTL
-- same:<tenant>:<work>   string   this job, for who wants the same; TTL of its retention
-- jobs:<tenant>:<state>  zset     id -> created_ms; no TTL
-- expiring               zset     job:tenant:id -> ms of its purge; no TTL
-- pace                   string   moving average of a run's ms; TTL 30 days
-- batch:<tenant>:<id>, items:<tenant>:<id>   hash, list   counts the job; a TTL when its last job has ended
-- events:<tenant>:<id>   stream   what has happened to the job; TTL a day;   changed   channel   tenant:id
--
-- ARGV  2 tenant   3 id   4 fence   5 name of the result   6 where its objects lie   7… field, value, …
-- A commit that is sent again because its answer was lost is a success still.
-- Returns 1, or 0 when the job is no longer this worker's or is to be canceled; the loser deletes what it wrote.
local tenant, id = ARGV[2], ARGV[3]
local record = key('job', tenant, id)
local at = redis.call('HMGET', record, 'state', 'fence', 'claimed_ms', 'work')
if at[1] == SUCCEEDED and at[2] == ARGV[4] then return 1 end
if at[1] ~= RUNNING or at[2] ~= ARGV[4] then return 0 end
local now = now_ms()
hold(tenant, ARGV[5], 'job:' .. id, ARGV[6])
local expires = finish(tenant, id, SUCCEEDED, now, 'result', ARGV[5], unpack(ARGV, 7))
if at[4] ~= '' then redis.call('SET', key('same', tenant, at[4]), id, 'PX', expires - now) end
local run = now - at[3]
local pace = tonumber(redis.call('GET', key('pace')) or run)
redis.call('SET', key('pace'), math.floor(0.8 * pace + 0.2 * run), 'PX', 30 * DAY_MS)
return 1
