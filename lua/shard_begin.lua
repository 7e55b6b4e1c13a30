-- shard_begin: a shard that came back empty begins a new life. It stays closed until shard_open, so that what Postgres
-- knows can be put back before anybody is judged. A restore that was broken off goes on under the epoch it began with.
--
-- KEYS[1]  meta of the shard                    (hash)
-- KEYS[2]  log                                  (stream)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  epoch
-- ARGV[3]  layout version of keys and records
-- ARGV[4]  number of shards
-- ARGV[5]  when the shard was last heard of: what was lost is dated by it (ms), 0 = never
-- ARGV[6]  how far that may be wrong (ms)
-- Reply    {epoch that is being restored, or "" if the shard is open}
-- Access   write, allow-oom
local meta, log = KEYS[1], KEYS[2]
if redis.call('HEXISTS', meta, 'epoch') == 1 then return { '' } end
if redis.call('HEXISTS', meta, 'restoring') == 0 then
  redis.call('DEL', log)
  redis.call('HSET', meta, 'restoring', ARGV[2], 'n', '0', 'layout', ARGV[3], 'shards', ARGV[4], 'lost_at', ARGV[5],
    'uncertainty', ARGV[6])
end
return { redis.call('HGET', meta, 'restoring') }
