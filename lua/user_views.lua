-- user_views: the records of some users, with what their deadlines and claims say.
-- They may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per shard three: meta (hash), due (zset, ms), claims (hash); then per user: records of the user's bucket
--            (hash)
-- ARGV[1]    number of shards
-- ARGV[2..]  per user two: user, which of these shards (from 1)
-- Reply      {"restoring"} | {"ok", packed by MessagePack, of each user who has a record what lib/glance.lua tells: by its
--            place among those asked for, from 1}
-- Access     read
local call, shards = redis.call, tonumber(ARGV[1])
-- What is asked of a shard is asked once; whether it has claims only where some of them have and some have not.
local dues, claims_of = {}, {}
for shard = 1, shards do
  if call('HEXISTS', KEYS[shard * 3 - 2], 'epoch') == 0 then return { 'restoring' } end
  dues[shard], claims_of[shard] = KEYS[shard * 3 - 1], KEYS[shard * 3]
end
local having = call('EXISTS', unpack(claims_of))
for shard = 1, having < shards and shards or 0 do
  claims_of[shard] = having > 0 and call('EXISTS', claims_of[shard]) == 1 and claims_of[shard]
end

local views = {}
for item = 1, (#ARGV - 1) / 2 do
  local shard = tonumber(ARGV[item * 2 + 1])
  views[#views + 1] = glance(item, ARGV[item * 2], KEYS[shards * 3 + item], dues[shard], claims_of[shard])
end
-- As one text: hundreds of lists of a dozen words cost Redis and its caller more than finding what they say.
return { 'ok', cmsgpack.pack(views) }
