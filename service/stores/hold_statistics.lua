-- Hold statistics: a style takes statistics for its own, those that are kept already or new ones.
--
-- style:<tenant>:<id>        hash     read
-- statistics:<tenant>:<id>   zset     name -> ms of their last use; no TTL, gone with the style
-- held:<tenant>:<name>       hash     who needs the statistics; no TTL, gone with its last holder
--
-- ARGV  2 tenant   3 id of the style   4 name of what it holds   5 key of the object should nobody hold it yet, or ''
--       to take what is there   6 how many statistics a style may hold
-- Returns {key of the object, where objects lie that nobody holds any more, …}, the latter for the caller to delete:
-- the style lets go of what was not used for longest. The key is '' when there is none, or no such style any more.
local tenant, id = ARGV[2], ARGV[3]
if redis.call('EXISTS', key('style', tenant, id)) == 0 then return {''} end
if ARGV[5] == '' and redis.call('EXISTS', key('held', tenant, ARGV[4])) == 0 then return {''} end

local own = key('statistics', tenant, id)
local answer = {hold(tenant, ARGV[4], 'style:' .. id, ARGV[5])}
redis.call('ZADD', own, now_ms(), ARGV[4])
local beyond = redis.call('ZCARD', own) - tonumber(ARGV[6])
local oldest = beyond > 0 and redis.call('ZPOPMIN', own, beyond) or {}
for n = 1, #oldest, 2 do -- name, score, name, score
  local objects = let_go(tenant, oldest[n], 'style:' .. id)
  if objects then table.insert(answer, objects) end
end
return answer
