-- user_views: the records of some users, with what their deadlines and claims say.
-- They may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per user four: meta of the shard (hash), due (zset, ms), claims (hash), records of the user's bucket (hash)
-- ARGV[1..]  user
-- Reply      {"restoring"} | {"ok", per user: "" no record | {org, status, since, online since, last sign, shown since,
--            shown online since, shown last sign, version, text, emoji, device ...}}
-- Access     read
local function read(user, packed, due, claims)
  local view, devices = glance(user, packed, due)
  local held = claims and redis.call('HGET', claims, user)
  held = held and cmsgpack.unpack(held) or {}
  local claim = held[2] or held[1] or {}
  view[10], view[11] = claim[3] or '', claim[4] or ''
  for _, device in ipairs(devices) do view[#view + 1] = device end
  return view
end

-- What is asked of a shard is asked once: whether it is open, and its claims, if there are any.
local reply, open, claims_of = { 'ok' }, {}, {}
for i, user in ipairs(ARGV) do
  local meta, due, claims, users = KEYS[i * 4 - 3], KEYS[i * 4 - 2], KEYS[i * 4 - 1], KEYS[i * 4]
  if not open[meta] then
    if redis.call('HEXISTS', meta, 'epoch') == 0 then return { 'restoring' } end
    open[meta], claims_of[meta] = true, redis.call('EXISTS', claims) == 1 and claims
  end
  local packed = redis.call('HGET', users, user)
  reply[i + 1] = packed and read(user, packed, due, claims_of[meta]) or ''
end
return reply
