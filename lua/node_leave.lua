-- node_leave: a node that stops says so, and the others take its shards at once.
--
-- KEYS[1]  nodes                                (zset, ms)
-- KEYS[2]  told: what each of them tells        (hash)
-- ARGV[1]  node
-- Reply    1 | 0 = was not known
-- Access   write, allow-oom
local nodes, told, node = KEYS[1], KEYS[2], ARGV[1]
redis.call('HDEL', told, node)
return redis.call('ZREM', nodes, node)
