-- Workers: says who is at work on which devices, and what these have taught.
--
-- present:worker         zset     name -> last beat in ms; TTL of the silence after which a worker has gone
-- device:<name>          string   a worker's device as JSON; TTL as above
-- pace:<device>          hash     <bracket>:s_per_gflop and <bracket>:around_s -> seconds; TTL 30 days
--
-- ARGV  2 ms of silence after which a worker has gone
-- Returns {{name, device or ''}, …}, {device's name, {field, value, …}, …}.
local workers, paces, known = {}, {}, {}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', key('present', 'worker'), now_ms() - ARGV[2], '+inf')) do
  local device = redis.call('GET', key('device', name)) or ''
  table.insert(workers, {name, device})
  if device ~= '' and not known[device] then
    known[device] = true
    local called = cjson.decode(device).name
    table.insert(paces, called)
    table.insert(paces, redis.call('HGETALL', key('pace', called)))
  end
end
return {workers, paces}
