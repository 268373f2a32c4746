-- Admit: looks a key up and takes one request from its allowance, in one step.
--
-- key:<id>               hash     no TTL, or until it expires; used_ms is noted once a minute
-- rate:<id>              string   ms at which all that was taken has come back (GCRA); TTL until then
-- bytes:<id>             string   bytes brought in the window of a day that is under way; TTL its end
--
-- ARGV  2 id   3 digest of the secret that was presented   4 requests a minute and 5 burst, where the key says nothing
--       6 bytes that the request brings   7 bytes a day, where the key says nothing
-- Returns {fields and values, 1 if admitted, requests left, ms until one more, ms until all, bytes so far, ms until the
-- bytes' window ends}; or false when there is no such key, or the secret is another. Only who knows the secret takes anything.
local record, now = key('key', ARGV[2]), now_ms()
local at = redis.call('HMGET', record, 'digest', 'old_digest', 'old_until_ms', 'expires_ms', 'requests_per_minute',
  'burst', 'bytes_per_day', 'used_ms')
if not at[1] or (at[4] and tonumber(at[4]) <= now) then return false end
local old = at[2] == ARGV[3] and tonumber(at[3] or 0) > now
if at[1] ~= ARGV[3] and not old then return false end
if now - (at[8] or 0) > 60000 then redis.call('HSET', record, 'used_ms', now) end

local brought, bytes_max = tonumber(ARGV[6]), tonumber(at[7] or ARGV[7])
local bytes = key('bytes', ARGV[2])
local so_far = tonumber(redis.call('GET', bytes) or 0)
local interval = 60000 / tonumber(at[5] or ARGV[4])
local full = interval * tonumber(at[6] or ARGV[5])
local rate = key('rate', ARGV[2])
local back = math.max(now, tonumber(redis.call('GET', rate) or 0)) + interval

local function answer(admitted, until_back)
  local left = math.floor((full - (until_back - now)) / interval)
  return {redis.call('HGETALL', record), admitted, math.max(0, left), math.ceil(math.max(0, back - now - full)),
    math.ceil(until_back - now), so_far, math.max(0, redis.call('PTTL', bytes))}
end

if back - now > full or so_far + brought > bytes_max then return answer(0, back - interval) end
redis.call('SET', rate, back, 'PX', math.max(1, math.ceil(back - now)))
if brought > 0 then
  redis.call('SET', bytes, 0, 'NX', 'PX', DAY_MS)
  redis.call('INCRBY', bytes, brought)
end
return answer(1, back)
