-- shard_present: the newest of those who are shown present, of each set of users and each status.
-- Sets of several shards may be read at once, where the server is no cluster.
--
-- KEYS[1..]  per shard: meta (hash), then its sets: on (zset, status code * 10^13 + since)
-- ARGV[1]    most users of each set and status
-- ARGV[2]    number of sets of a shard
-- ARGV[3..]  code of a status that is asked for
-- Reply      {"restoring"} | {"ok", packed by MessagePack, per set and status that is not empty: {user, score ...}}
-- Access     read
local call, most, sets, ranges, lists = redis.call, ARGV[1], tonumber(ARGV[2]), {}, {}
for i = 3, #ARGV do
  local code = tonumber(ARGV[i])
  ranges[i - 2] = { string.format('%.0f', code * 1e13), string.format('(%.0f', (code + 1) * 1e13) }
end
for first = 1, #KEYS, sets + 1 do
  if call('HEXISTS', KEYS[first], 'epoch') == 0 then return { 'restoring' } end
  for set = first + 1, first + sets do
    -- Most shards have nobody in one of their sets.
    if call('EXISTS', KEYS[set]) == 1 then
      for _, range in ipairs(ranges) do
        local found = call('ZRANGE', KEYS[set], range[2], range[1], 'BYSCORE', 'REV', 'LIMIT', 0, most, 'WITHSCORES')
        if #found > 0 then lists[#lists + 1] = found end
      end
    end
  end
end
return { 'ok', cmsgpack.pack(lists) }
