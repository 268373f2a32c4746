-- Wait: says what stands before a queued job. Reads thirty-two of the jobs that wait, and a hundred of those that run.
--
-- ready:<tenant>         zset     ids of ready jobs; no TTL
-- turns                  zset     tenants that have ready jobs, in the order of their turns; no TTL
-- leases                 zset     tenant:id -> lease_until in ms; no TTL
-- job:<tenant>:<id>      hash     read
--
-- ARGV  2 tenant   3 id, or '' for a job that would be submitted now   4 its head start in ms
-- As tenants take turns, of each other tenant's ready jobs as many go first as go first of this tenant's own.
-- Returns false when it no longer waits, or {its position, {gflop, bracket, …} of the first jobs before it in the
-- order of the turns, {worker, gflop, bracket, fraction, …} of running jobs, how many run}.
local AT_MOST = 32
local tenant = ARGV[2]
local rank = redis.call('ZRANK', key('ready', tenant), ARGV[3])
if ARGV[3] == '' then rank = redis.call('ZCOUNT', key('ready', tenant), '-inf', now_ms() - ARGV[4]) end
if not rank then return false end

local position, tenants = rank + 1, {}
for _, other in ipairs(redis.call('ZRANGE', key('turns'), 0, -1)) do
  if other ~= tenant then position = position + math.min(redis.call('ZCARD', key('ready', other)), rank) end
  if #tenants < AT_MOST then table.insert(tenants, other) end
end

-- The first jobs, a slice of each tenant's at a time, dealt out as the turns would.
local ahead, from = {}, 0
while #ahead < AT_MOST and from < rank and #tenants > 0 do
  local slice = math.max(1, math.floor((AT_MOST - #ahead) / #tenants))
  local ids, waiting = {}, {}
  for _, other in ipairs(tenants) do
    local some = redis.call('ZRANGE', key('ready', other), from, math.min(from + slice, rank) - 1)
    if some[1] then
      table.insert(waiting, other)
      ids[other] = some
    end
  end
  for round = 1, slice do
    for _, other in ipairs(waiting) do
      if ids[other][round] and #ahead < AT_MOST then table.insert(ahead, {other, ids[other][round]}) end
    end
  end
  tenants, from = waiting, from + slice
end

local loads = {}
for _, at in ipairs(ahead) do
  local load = redis.call('HMGET', key('job', at[1], at[2]), 'gflop', 'bracket')
  table.insert(loads, load[1] or '')
  table.insert(loads, load[2] or '')
end

local running = {}
for _, member in ipairs(redis.call('ZRANGE', key('leases'), 0, 99)) do
  local whose, id = string.match(member, '^([^:]+):(.+)$')
  local at = redis.call('HMGET', key('job', whose, id), 'lease_owner', 'gflop', 'bracket', 'progress', 'state')
  local done = at[4] and string.match(at[4], '"fraction": ?([%d.]+)') or '0'
  for _, fact in ipairs({at[1] or '', at[2] or '', at[3] or '', at[5] == CANCELING and '1' or done}) do
    table.insert(running, fact)
  end
end
return {position, loads, running, redis.call('ZCARD', key('leases'))}
