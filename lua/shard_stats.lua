-- shard_stats: how many users are shown in which status, and their sessions. Counted from sets, never kept beside them.
--
-- KEYS[1]   meta of the shard                   (hash)
-- KEYS[2]   log                                 (stream)
-- KEYS[3..] per set of users two: on (zset, status code * 10^13 + since), tabs (zset, sessions of those with two or more)
-- ARGV[1]   most sessions per user
-- Reply     {"restoring"} | {"ok", online, away, busy, sessions, invisible, entries in the log, now in ms}
-- Access    read
local meta, log, most = KEYS[1], KEYS[2], tonumber(ARGV[1])
if redis.call('HEXISTS', meta, 'epoch') == 0 then return { 'restoring' } end
local time = redis.call('TIME')
local count, sessions = { 0, 0, 0, 0 }, 0
for set = 3, #KEYS, 2 do
  local on, tabs = KEYS[set], KEYS[set + 1]
  for code = 1, 4 do
    local users = redis.call('ZCOUNT', on, code * 1e13, '(' .. string.format('%.0f', (code + 1) * 1e13))
    count[code] = count[code] + users
    if code < 4 then sessions = sessions + users end
  end
  for least = 2, most do
    local more = redis.call('ZCOUNT', tabs, least, '+inf')
    if more == 0 then break end
    sessions = sessions + more
  end
end
return { 'ok', count[1], count[2], count[3], sessions, count[4], redis.call('XLEN', log),
  string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
