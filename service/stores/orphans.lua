-- Orphans: says which objects of the storage nobody needs.
--
-- held:<tenant>:<name>   hash     loses holders that are no longer there
-- job:<tenant>:<id>      hash     read
-- upload:<tenant>:<id>, style:<tenant>:<id>   hash   read
--
-- ARGV  2… for each object: its key, its tenant, the name it would be held by, and of an attempt's the job's id, the
--       fence and the file's name; of any other object '', '' and ''
-- Returns the keys of those that belong to no upload, to no style, to no job, and to no attempt that may still be used.
local function held(tenant, name, object)
  local holds = key('held', tenant, name)
  local objects = redis.call('HGET', holds, 'objects')
  if not objects or string.sub(object, 1, #objects) ~= objects then return false end
  for _, holder in ipairs(redis.call('HKEYS', holds)) do
    local kind, id = string.match(holder, '^(%a+):(.+)$')
    if kind and redis.call('EXISTS', key(kind, tenant, id)) == 1 then return true end
    if kind then redis.call('HDEL', holds, holder) end
  end
  redis.call('DEL', holds)
  return false
end

local function in_use(tenant, id, fence, object)
  local at = redis.call('HMGET', key('job', tenant, id), 'state', 'fence', 'checkpoint')
  local open = at[1] == QUEUED or at[1] == RUNNING or at[1] == CANCELING
  return open and (at[2] == fence or at[3] == object)
end

local free = {}
for n = 2, #ARGV, 6 do
  local object, tenant, name, id, fence, file = unpack(ARGV, n, n + 5)
  local used = id ~= '' and in_use(tenant, id, fence, object)
  local passing = file == 'checkpoint.npz' or file == 'preview.webp'
  local needed = used or (not passing and held(tenant, name, object))
  if not needed then table.insert(free, object) end
end
return free
