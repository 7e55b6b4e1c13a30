-- shard_raise: a shard that was set back to an older state goes on under a new epoch, so that numbers which were given
-- twice can be told apart.
--
-- KEYS[1]  meta of the shard                    (hash)
-- ARGV[1]  epoch that was found
-- ARGV[2]  epoch that follows
-- Reply    {epoch, n} as they now stand, "" and "" if the shard has no epoch
-- Access   write, allow-oom
local meta, found, follows = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', meta, 'epoch') == found then redis.call('HSET', meta, 'epoch', follows) end
local known = redis.call('HMGET', meta, 'epoch', 'n')
return { known[1] or '', known[2] or '' }
