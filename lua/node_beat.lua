-- node_beat: a node shows that it lives; how many do decides how many shards each may own.
--
-- KEYS[1]  nodes                                (zset, ms)
-- ARGV[1]  node, "" = only tell
-- ARGV[2]  a node that was silent for so long is dead (ms)
-- Reply    {live nodes, now in ms}
-- Access   write, allow-oom
local nodes, node, silence = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if node ~= '' then
  redis.call('ZADD', nodes, now, node)
  redis.call('ZREMRANGEBYSCORE', nodes, '-inf', now - silence)
end
return { redis.call('ZCARD', nodes), string.format('%.0f', now) }
