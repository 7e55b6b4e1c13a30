-- shard_present: the newest of those who are shown present, of all sets and statuses together.
-- Sets of several shards may be read at once, where the server is no cluster.
--
-- KEYS[1..]  per shard: meta (hash), then its sets: on (zset, status code * 10^13 + since)
-- ARGV[1]    most users
-- ARGV[2]    number of sets of a shard
-- ARGV[3..]  code of a status that is asked for
-- Reply      {"restoring"} | {"ok", packed by MessagePack, lists {user, score ...}}
-- Access     read
local most, sets, codes = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
for i = 3, #ARGV do codes[i - 2] = ARGV[i] end
local lists = newest(KEYS, sets + 1, sets, codes, most)
if not lists then return { 'restoring' } end
for i, list in ipairs(lists) do lists[i] = list.users end
return { 'ok', cmsgpack.pack(lists) }
