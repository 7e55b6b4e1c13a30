-- user_views: the records of some users of a shard, with what their deadlines and claims say.
--
-- KEYS[1]    meta of the shard                  (hash)
-- KEYS[2]    due                                (zset, ms)
-- KEYS[3]    claims                             (hash)
-- KEYS[4..]  records of each user's bucket      (hash)
-- ARGV[1..]  user, one per bucket key
-- Reply      {"restoring"} | {"ok", per user: "" no record | {org, status, since, online since, last sign, shown since,
--            shown online since, shown last sign, version, text, emoji, device ...}}
-- Access     read
local meta, due, claims = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HEXISTS', meta, 'epoch') == 0 then return { 'restoring' } end
local function int(number) return string.format('%.0f', number) end

local function read(user, packed)
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
  local packed = redis.call('HGET', KEYS[i + 3], user)
  reply[i + 1] = packed and read(user, packed) or ''
end
return reply
