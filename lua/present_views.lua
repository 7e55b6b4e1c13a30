-- present_views: the records of the newest of those who are shown present, of all sets and statuses together: shard_present
-- and user_views in one way.
-- Sets of several shards may be read at once, where the server is no cluster.
--
-- KEYS[1..]  per shard: meta (hash), due (zset, ms), claims (hash), what the keys of its records begin with (hashes), then its
--            sets: on (zset, status code * 10^13 + since)
-- ARGV[1]    most users
-- ARGV[2]    number of sets of a shard
-- ARGV[3]    number of all shards there are
-- ARGV[4..]  code of a status that is asked for
-- Reply      {"restoring"} | {"ok", packed by MessagePack, of each user what lib/glance.lua tells: by name}
-- Access     read
local most, sets, shards, codes = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), {}
for i = 4, #ARGV do codes[i - 3] = ARGV[i] end
local lists = newest(KEYS, sets + 4, sets, codes, most)
if not lists then return { 'restoring' } end

local claims_of = {}
for first = 1, #KEYS, sets + 4 do claims_of[#claims_of + 1] = KEYS[first + 2] end
local has_claims = redis.call('EXISTS', unpack(claims_of)) > 0

local views = {}
for _, list in ipairs(lists) do
  local due, claims, records = KEYS[list.first + 1], has_claims and KEYS[list.first + 2] or nil, KEYS[list.first + 3]
  for i = 1, #list.users, 2 do
    local user = list.users[i]
    views[#views + 1] = glance(user, user, records .. bucket(user, shards), due, claims)
  end
end
return { 'ok', cmsgpack.pack(views) }
