-- node_beat: a node shows that it lives, and tells of itself; how many do decides how many shards each may own. A node of
-- a version that tells nothing is counted all the same.
--
-- KEYS[1]  nodes                                (zset, ms)
-- KEYS[2]  told: what each of them tells        (hash)
-- KEYS[3]  numbers: short names of nodes        (hash, number -> node; 0 -> the number given last)
-- ARGV[1]  node
-- ARGV[2]  a node that was silent for so long is dead (ms)
-- ARGV[3]  what it tells of itself              (JSON)
-- ARGV[4]  the number that it takes for its own, 0 = none yet
-- Reply    {live nodes, number of the node}
-- Access   write, allow-oom
local nodes, told, numbers, node, silence = KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Of a node that is gone the number stays, because sessions name it; a thousandth node later it is given again.
local MOST = 999
local function own_number(said)
  if said ~= '0' and redis.call('HGET', numbers, said) == node then return tonumber(said) end
  local known = redis.call('HGETALL', numbers)
  for i = 1, #known, 2 do
    if known[i + 1] == node and known[i] ~= '0' then return tonumber(known[i]) end
  end
  local number = tonumber(redis.call('HGET', numbers, '0') or '0')
  for _ = 1, MOST do
    number = number % MOST + 1
    local holder = redis.call('HGET', numbers, number)
    if not holder or not redis.call('ZSCORE', nodes, holder) then break end
  end
  redis.call('HSET', numbers, number, node, '0', number)
  return number
end

redis.call('ZADD', nodes, now, node)
redis.call('HSET', told, node, ARGV[3])
redis.call('ZREMRANGEBYSCORE', nodes, '-inf', now - silence)
if redis.call('HLEN', told) > redis.call('ZCARD', nodes) then
  for _, name in ipairs(redis.call('HKEYS', told)) do
    if not redis.call('ZSCORE', nodes, name) then redis.call('HDEL', told, name) end
  end
end
return { redis.call('ZCARD', nodes), own_number(ARGV[4]) }
