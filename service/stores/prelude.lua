-- Stands before every script. Time is the server's, in milliseconds: no worker's clock counts.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Puts a job among its tenant's ready ones, and the tenant at the end of the round if it was not in it.
local function make_ready(ready, turns, turn, tenant, id, score)
  redis.call('ZADD', ready, score, id)
  redis.call('ZADD', turns, 'NX', redis.call('INCR', turn), tenant)
end
