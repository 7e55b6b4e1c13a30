-- shard_open: open an empty shard under a new epoch; a shard that is open stays as it is.
--
-- KEYS[1]  meta of the shard                    (hash)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  epoch
-- ARGV[3]  layout version of keys and records
-- ARGV[4]  number of shards
-- Reply    {epoch, n, layout, shards} as they now stand
-- Access   write, allow-oom
local meta, now = KEYS[1], tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if redis.call('HEXISTS', meta, 'epoch') == 0 then
  redis.call('HSET', meta, 'epoch', ARGV[2], 'n', '0', 'layout', ARGV[3], 'shards', ARGV[4], 'tick', now)
end
return redis.call('HMGET', meta, 'epoch', 'n', 'layout', 'shards')
