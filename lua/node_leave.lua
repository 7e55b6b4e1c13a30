-- node_leave: a node that stops says so, and the others take its shards at once.
--
-- KEYS[1]  nodes                                (zset, ms)
-- ARGV[1]  node
-- Reply    1 | 0 = was not known
-- Access   write, allow-oom
local nodes, node = KEYS[1], ARGV[1]
return redis.call('ZREM', nodes, node)
