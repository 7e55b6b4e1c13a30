-- shard_open: open a shard whose restore is complete; one that is open stays as it is, and so does one whose restore
-- has begun anew under another epoch, because Redis was emptied again.
--
-- KEYS[1]  meta of the shard                    (hash)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  epoch whose restore is complete
-- ARGV[3]  for so long nobody who was put back goes offline by silence (ms)
-- Reply    {epoch, n, layout, shards} as they now stand; epoch "" if another restore is under way, or none
-- Access   write, allow-oom
local meta, now = KEYS[1], tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local epoch = ARGV[2]
if redis.call('HGET', meta, 'restoring') == epoch then
  redis.call('HSET', meta, 'epoch', epoch, 'tick', now, 'restored_until', string.format('%.0f', now + ARGV[3]))
  redis.call('HDEL', meta, 'restoring')
end
local known = redis.call('HMGET', meta, 'epoch', 'n', 'layout', 'shards')
return { known[1] or '', known[2] or '', known[3] or '', known[4] or '' }
