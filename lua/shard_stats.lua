-- shard_stats: how many users are shown in which status, and their sessions. Counted from sets, never kept beside them.
-- Several shards may be counted at once, where the server is no cluster.
--
-- KEYS[1..]  per shard: meta (hash), log (stream), and per set of users two: on (zset, status code * 10^13 + since),
--            tabs (zset, sessions of those with two or more)
-- ARGV[1]    most sessions per user
-- ARGV[2]    sets of users per shard
-- Reply      {"restoring"} | {"ok", online, away, busy, sessions, invisible, entries in the logs, now in ms}
-- Access     read
local most, each = tonumber(ARGV[1]), 2 + 2 * ARGV[2]
local count, sessions, entries = { 0, 0, 0, 0 }, 0, 0

-- Counting walks through a set, which is left as soon as nobody of it remains.
local function count_set(on, tabs)
  local left = redis.call('ZCARD', on)
  if left == 0 then return end
  for code = 1, 4 do
    local users = redis.call('ZCOUNT', on, code * 1e13, '(' .. string.format('%.0f', (code + 1) * 1e13))
    count[code], left = count[code] + users, left - users
    if code < 4 then sessions = sessions + users end
    if left == 0 then break end
  end
  for least = 2, most do
    local more = redis.call('ZCOUNT', tabs, least, '+inf')
    if more == 0 then break end
    sessions = sessions + more
  end
end

for shard = 1, #KEYS, each do
  if redis.call('HEXISTS', KEYS[shard], 'epoch') == 0 then return { 'restoring' } end
  entries = entries + redis.call('XLEN', KEYS[shard + 1])
  for set = shard + 2, shard + each - 1, 2 do
    count_set(KEYS[set], KEYS[set + 1])
  end
end
local time = redis.call('TIME')
return { 'ok', count[1], count[2], count[3], sessions, count[4], entries,
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
