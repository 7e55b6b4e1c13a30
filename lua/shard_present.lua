-- shard_present: the newest of those who are shown present, of each set of users and each status.
-- Sets of several shards may be read at once, where the server is no cluster.
--
-- KEYS[1..]  per set two: meta of its shard (hash), on (zset, status code * 10^13 + since)
-- ARGV[1]    most users of each set and status
-- ARGV[2..]  code of a status that is asked for
-- Reply      {"restoring"} | {"ok", per set that is not empty, and status: {user, score ...}}
-- Access     read
local most, reply = ARGV[1], { 'ok' }
for set = 1, #KEYS, 2 do
  if redis.call('HEXISTS', KEYS[set], 'epoch') == 0 then return { 'restoring' } end
  -- Most shards have nobody in one of their sets.
  if redis.call('EXISTS', KEYS[set + 1]) == 1 then
    for i = 2, #ARGV do
      local low, high = ARGV[i] * 1e13, '(' .. string.format('%.0f', (ARGV[i] + 1) * 1e13)
      reply[#reply + 1] = redis.call('ZRANGE', KEYS[set + 1], high, low, 'BYSCORE', 'REV', 'LIMIT', 0, most, 'WITHSCORES')
    end
  end
end
return reply
