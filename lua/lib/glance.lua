-- A record as its readers want it. Lists read hundreds at once, so no table is made that is not answered: half the time of
-- unpacking them. Knows the form that lib/record.lua writes; needs it for the names of what is due.

local function times_of(user, r, due)
  local status, since = r[1], r[2]
  local online_since, seen, shown_since = since - r[3], since - r[4], since - r[6]
  local shown_online_since, shown_seen, devices = online_since - r[7], seen - r[8], {}
  for i = 11, #r, 6 do
    local deadline, device = redis.call('ZSCORE', due, member(user, r[i])), string.match(r[i + 3], '^[^;]*')
    if deadline then seen = math.max(seen, deadline - r[i + 2]) end
    if device ~= '' then devices[#devices + 1] = device end
  end
  if status ~= 0 and status ~= 4 then shown_seen = seen end
  return { r[5], status, since, online_since, seen, shown_since, shown_online_since, shown_seen, r[9] }, devices
end

-- {name, {org, status, since, online since, last sign, shown since, shown online since, shown last sign, version}, text,
-- emoji, {device ...}}: of a user whom the reader knows by that name; nil without a record. Without `claims` nobody has any.
local function glance(name, user, records, due, claims)
  local packed = redis.call('HGET', records, user)
  if not packed then return nil end
  local times, devices = times_of(user, cmsgpack.unpack(packed), due)
  local held = claims and redis.call('HGET', claims, user)
  held = held and cmsgpack.unpack(held) or {}
  local claim = held[2] or held[1] or {}
  return { name, times, claim[3] or '', claim[4] or '', devices }
end
