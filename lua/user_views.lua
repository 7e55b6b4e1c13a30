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
  local r = cmsgpack.unpack(packed)
  local status, seen, devices = r[1], r[4], {}
  for _, s in ipairs(r[11]) do
    local deadline = redis.call('ZSCORE', due, 's:' .. user .. ':' .. s[1])
    if deadline then seen = math.max(seen, deadline - s[3]) end
    if s[4] ~= '' then devices[#devices + 1] = s[4] end
  end
  local held = redis.call('HGET', claims, user)
  held = held and cmsgpack.unpack(held) or {}
  local claim = held[2] or held[1] or {}
  local shown_seen = (status == 0 or status == 4) and r[8] or seen
  return { r[5], status, int(r[2]), int(r[3]), int(seen), int(r[6]), int(r[7]), int(shown_seen), int(r[9]),
    claim[3] or '', claim[4] or '', unpack(devices) }
end

local reply = { 'ok' }
for i, user in ipairs(ARGV) do
  local packed = redis.call('HGET', KEYS[i + 3], user)
  reply[i + 1] = packed and read(user, packed) or ''
end
return reply
