-- shard_release: give the ownership of a shard up, if it is still held.
--
-- KEYS[1]  owner of the shard                   (string with PX)
-- ARGV[1]  node
-- Reply    1 = released | 0 = was not held
-- Access   write, allow-oom
local owner, node = KEYS[1], ARGV[1]
if redis.call('GET', owner) ~= node then return 0 end
return redis.call('DEL', owner)
