-- user_explain: everything that a user's status is made of, for somebody who asks why.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- KEYS[11]   owner of the shard                 (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- Reply      {"restoring"} | {"ok", now, epoch, n of the shard, owner, grace until, record, sessions, claims, gate, on}
--            record: {} none | {status, since, online since, last sign, organisation, shown since, shown online since,
--            shown last sign, version, n of the last entry}; sessions: {id, code, deadline, granted, device,
--            connection, idle until, ms that the lease has left (-2: it is gone), number of its node (0 not known), opened
--            (0 not known)} each, those not in due left out;
--            claims: {whose, id, status, text, emoji, end (0 none)} each; gate: {} none | {kind, version, end (0 none)};
--            on: score of the user among those present of the organisation, "" if not among them. Times are in ms;
--            they and numbers that may be large are strings.
-- Access     read
local users, owner = KEYS[10], KEYS[11]
local now, user = clock(ARGV[1]), ARGV[2]
if is_lost() then return { 'restoring' } end
local function int(number) return string.format('%.0f', number or 0) end
local state = redis.call('HMGET', meta, 'epoch', 'n', 'grace_until')
local function key(name) return (string.gsub(due, 'due$', name)) end

-- Whoever has no record should not be listed, either.
local record, sessions, score = {}, {}, redis.call('ZSCORE', key('org:' .. DEFAULT_ORG), user)
if redis.call('HEXISTS', users, user) == 1 then
  local rec = load(users, user, '')
  record = { rec.status, int(rec.since), int(rec.online_since), int(last_sign(rec)), rec.org, int(rec.shown_since),
    int(rec.shown_online_since), int(shown(rec.status) == OFFLINE and rec.shown_seen or last_sign(rec)),
    int(rec.version), int(rec.n) }
  score = redis.call('ZSCORE', key('org:' .. rec.org), user)
  for i, s in ipairs(rec.sessions) do
    sessions[i] = { s.id, s.code, int(s.deadline), int(s.granted), s.device, s.connection, int(s.idle_until),
      redis.call('PTTL', key('live:') .. string.sub(member(user, s.id), 3)), s.node, int(s.opened) }
  end
end
local claimed, held = {}, claims_of(user)
for slot, whose in ipairs({ 'manual', 'admin' }) do
  local c = held[slot]
  if c then claimed[#claimed + 1] = { whose, c[1], c[2], c[3], c[4], int(c[5]) } end
end
local gate = redis.call('HGET', gates, user)
gate = gate and cmsgpack.unpack(gate) or {}
if gate[1] then gate = { gate[1], int(gate[2]), int(gate[3]) } end
return { 'ok', int(now), state[1], state[2] or '0', redis.call('GET', owner) or '', state[3] or '0', record, sessions,
  claimed, gate, score or '' }
