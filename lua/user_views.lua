-- user_views: the records of some users, with what their deadlines and claims say.
-- They may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per user four: meta of the shard (hash), due (zset, ms), claims (hash), records of the user's bucket (hash)
-- ARGV[1..]  user
-- Reply      {"restoring"} | {"ok", per user: "" no record | {org, status, since, online since, last sign, shown since,
--            shown online since, shown last sign, version, text, emoji, device ...}}
-- Access     read
local function int(number) return string.format('%.0f', number) end

local function read(user, packed, due, claims)
  local rec = unpack_record(packed)
  local status, seen, devices = rec.status, rec.seen, {}
  for _, s in ipairs(rec.sessions) do
    local deadline = redis.call('ZSCORE', due, member(user, s.id))
    if deadline then seen = math.max(seen, deadline - s.granted) end
    if s.device ~= '' then devices[#devices + 1] = s.device end
  end
  local held = redis.call('HGET', claims, user)
  held = held and cmsgpack.unpack(held) or {}
  local claim = held[2] or held[1] or {}
  local shown_seen = (status == 0 or status == 4) and rec.shown_seen or seen
  return { rec.org, status, int(rec.since), int(rec.online_since), int(seen), int(rec.shown_since),
    int(rec.shown_online_since), int(shown_seen), int(rec.version), claim[3] or '', claim[4] or '', unpack(devices) }
end

local reply = { 'ok' }
for i, user in ipairs(ARGV) do
  local meta, due, claims, users = KEYS[i * 4 - 3], KEYS[i * 4 - 2], KEYS[i * 4 - 1], KEYS[i * 4]
  if redis.call('HEXISTS', meta, 'epoch') == 0 then return { 'restoring' } end
  local packed = redis.call('HGET', users, user)
  reply[i + 1] = packed and read(user, packed, due, claims) or ''
end
return reply
