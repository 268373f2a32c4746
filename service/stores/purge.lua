-- Purge: forgets a job, an upload or a batch whose time is over, and lets go of what it held.
--
-- expiring               zset     job:tenant:id, upload:tenant:id or batch:tenant:id -> ms of its purge; no TTL
-- job:<tenant>:<id>, upload:<tenant>:<id>, batch:<tenant>:<id>   hash   deleted
-- events:<tenant>:<id>   stream   deleted
-- items:<tenant>:<id>    list     deleted
-- held:<tenant>:<name>   hash     loses this holder
-- jobs:<tenant>, jobs:<tenant>:<state>, labeled:<tenant>:<name>=<value>   zset   lose the job
-- batches:<tenant>       zset     loses the batch
-- changed                channel  tenant:id, so that who follows the job learns that it is gone
-- gone:<tenant>:<id>     string   '1', so that the id is known to have been one; TTL 30 days
--
-- ARGV  2 'job', 'upload' or 'batch'   3 tenant   4 id
-- Returns where objects lie that nobody holds any more, for the caller to delete.
local kind, tenant, id = ARGV[2], ARGV[3], ARGV[4]
local member, what = kind .. ':' .. tenant .. ':' .. id, key(kind, tenant, id)
local at = redis.call('HMGET', what, 'expires_ms', 'holds', 'result', 'state', 'listed', 'raw')
if at[1] and tonumber(at[1]) > now_ms() then return {} end
redis.call('ZREM', key('expiring'), member)
if not at[1] then return {} end

local names = {}
if kind == 'job' then names = cjson.decode(at[2]) end
if kind == 'upload' and at[2] then names = {at[2]} end
if at[3] then table.insert(names, at[3]) end
if at[6] then table.insert(names, at[6]) end
local free = {}
for _, name in ipairs(names) do
  local objects = let_go(tenant, name, kind .. ':' .. id)
  if objects then table.insert(free, objects) end
end
redis.call('DEL', what, key('events', tenant, id), key('items', tenant, id))
if kind ~= 'upload' then redis.call('SET', key('gone', tenant, id), '1', 'PX', 30 * DAY_MS) end
redis.call('ZREM', key('batches', tenant), id)
if kind == 'job' then
  redis.call('ZREM', key('jobs', tenant), id)
  redis.call('ZREM', key('jobs', tenant, at[4]), id)
  for _, name in ipairs(cjson.decode(at[5])) do redis.call('ZREM', key('labeled', tenant, name), id) end
  redis.call('PUBLISH', key('changed'), tenant .. ':' .. id)
end
return free
