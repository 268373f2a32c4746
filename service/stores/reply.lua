-- Reply: what an idempotency key stands for. The first call decides on the id; one that was refused counts as
-- none, so that a mended request may come under the same key.
--
-- reply:<tenant>:<digest of the key>   hash     id, fingerprint, answer, refused; TTL 48 h
--
-- ARGV  2 tenant   3 digest of the key   4 fingerprint of what was posted   5 a new id
-- Returns {id, fingerprint, answer or false}.
local reply = key('reply', ARGV[2], ARGV[3])
local at = redis.call('HMGET', reply, 'id', 'refused', 'answer')
if not at[1] or (at[2] and not at[3]) then
  redis.call('DEL', reply)
  redis.call('HSET', reply, 'id', ARGV[5], 'fingerprint', ARGV[4])
  redis.call('PEXPIRE', reply, 2 * DAY_MS)
end
return redis.call('HMGET', reply, 'id', 'fingerprint', 'answer')
