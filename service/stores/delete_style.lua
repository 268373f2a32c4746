-- Delete style: forgets a style, and lets go of its picture and of its statistics.
--
-- style:<tenant>:<id>        hash     deleted
-- styles:<tenant>            zset     loses the style
-- statistics:<tenant>:<id>   zset     names of the statistics that it holds; deleted
-- held:<tenant>:<name>       hash     loses this holder
--
-- ARGV  2 tenant   3 id
-- Returns where objects lie that nobody holds any more, for the caller to delete; false when there is no such style.
local tenant, id = ARGV[2], ARGV[3]
local style, statistics = key('style', tenant, id), key('statistics', tenant, id)
local picture = redis.call('HGET', style, 'holds')
if not picture then return false end

local names = redis.call('ZRANGE', statistics, 0, -1)
table.insert(names, picture)
local free = {}
for _, name in ipairs(names) do
  local objects = let_go(tenant, name, 'style:' .. id)
  if objects then table.insert(free, objects) end
end
redis.call('DEL', style, statistics)
redis.call('ZREM', key('styles', tenant), id)
return free
