-- One user's record, and the only place where what others see changes. Needs lib/shard.lua and lib/record.lua.
-- Longer than the house number because a change of status must not be spread over files: here it is whole.
local OFFLINE, ONLINE, AWAY, INVISIBLE = 0, 1, 2, 4
local STANDARD, CAPPED, CLOSING, LONG = 0, 1, 2, 3
local SOCKET = 2
local SCALE = 1e13
local DEFAULT_ORG = 'main'
-- The session of somebody who was put back after a loss. It stands for all sessions there were, and is no sign of life.
local RESTORED = '*'

local function login_of(session) return string.match(session, '^[^.]*') end
local function shown(status) return status == INVISIBLE and OFFLINE or status end

-- A session's code is one small integer: ((tag * 4 + mode) * 3 + pace) * 2 + idle. It is the lease's value too.
-- The tag stands for connection and device (0: not said), so that a beat that changes either is noticed.
local function encode(tag, mode, pace, idle) return ((tag * 4 + mode) * 3 + pace) * 2 + idle end
local function idle_of(code) return code % 2 end
local function pace_of(code) return math.floor(code / 2) % 3 end
local function mode_of(code) return math.floor(code / 6) % 4 end
local function tag_of(code) return math.floor(code / 24) end

local function load(users, user, org)
  local packed = redis.call('HGET', users, user)
  local rec = packed and unpack_record(packed) or {
    status = OFFLINE, since = 0, online_since = 0, seen = 0, org = org,
    shown_since = 0, shown_online_since = 0, shown_seen = 0, version = 0, n = 0, sessions = {},
  }
  local kept = rec.sessions
  rec.sessions = {}
  for _, s in ipairs(kept) do
    s.deadline = tonumber(redis.call('ZSCORE', due, member(user, s.id)) or '')
    if s.deadline then table.insert(rec.sessions, s) end
  end
  rec.before = #rec.sessions
  return rec
end

-- Someone who comes from offline comes to the organisation that the token names now.
local function adopt(rec, org)
  if rec.status == OFFLINE then rec.org = org end
end

local function save(users, user, rec)
  if #rec.sessions == 0 and rec.n == 0 then return redis.call('HDEL', users, user) end
  redis.call('HSET', users, user, pack_record(rec))
end

-- The last sign of life: a session's deadline less the time it was granted is when it last showed itself.
local function last_sign(rec)
  local seen = rec.seen
  for _, s in ipairs(rec.sessions) do seen = math.max(seen, s.deadline - s.granted) end
  return seen
end

local function find(rec, id)
  for i, s in ipairs(rec.sessions) do
    if s.id == id then return s, i end
  end
end

-- Whether another connection has taken the session. Who names none is never another.
local function held_by_another(session, connection)
  return connection ~= '' and session.connection ~= '' and session.connection ~= connection
end

local function renew(lease, user, s, now)
  redis.call('ZADD', due, s.deadline, member(user, s.id))
  redis.call('SET', lease, s.code, 'PX', math.max(1, s.deadline - now))
end

-- Leaving `due` is what ends a session; a lease that stays behind fires an event that changes nothing. If it was in rooms
-- it is looked at now, and leaves them.
local function remove(user, rec, i, now)
  rec.seen = last_sign(rec)
  local named = name_session(user, rec.sessions[i].id)
  redis.call('ZREM', due, 's:' .. named)
  redis.call('ZADD', due, 'XX', 'LT', now, 'r:' .. named)
  return table.remove(rec.sessions, i)
end

-- Removes every session that the test picks; answers the one among them that was due last.
local function remove_where(user, rec, now, test)
  local last
  for i = #rec.sessions, 1, -1 do
    if test(rec.sessions[i]) then
      local s = remove(user, rec, i, now)
      if not last or s.deadline > last.deadline then last = s end
    end
  end
  return last
end

-- {manual, admin}; each {id, status, text, emoji, until} or false.
local function claims_of(user)
  local packed = redis.call('HGET', claims, user)
  return packed and cmsgpack.unpack(packed) or { false, false }
end

local function view(user, rec)
  if #rec.sessions == 0 then return OFFLINE end
  local held = claims_of(user)
  local claim = held[2] or held[1]
  if claim then return claim[2] end
  for _, s in ipairs(rec.sessions) do
    if idle_of(s.code) == 0 then return ONLINE end
  end
  return AWAY
end

-- What an entry says of claims: all of them where they changed, and the words of the one in force where it has any.
local function told_claims(user, cause)
  local held = claims_of(user)
  local claim, told = held[2] or held[1], {}
  if cause.claims then told = { 'c', cjson.encode(held) } end
  for field, word in pairs(claim and { w = claim[3], e = claim[4] } or {}) do
    if word ~= '' then told[#told + 1], told[#told + 2] = field, word end
  end
  return told
end

-- Appends the entry of a change; (epoch, n) is its name, and n has no gaps.
local function append(user, rec, kind, from, now, cause)
  local session = cause.session or { id = '', device = '' }
  redis.call('XADD', log, string.format('%.0f-0', rec.n), 'k', kind, 'u', user, 'o', rec.org, 'f', from,
    't', rec.status, 'r', cause.reason, 'a', math.max(cause.at, rec.since), 'd', now, 's', rec.since,
    'os', rec.online_since, 'l', rec.seen, 'ss', rec.shown_since, 'so', rec.shown_online_since, 'sl', rec.shown_seen,
    'sv', rec.version, 'i', session.id, 'v', session.device, 'x', cause.actor or '', 'y', cause.uncertainty or 0,
    unpack(told_claims(user, cause)))
end

local function next_n(rec)
  rec.n = redis.call('HINCRBY', meta, 'n', 1)
  local epoch = redis.call('HGET', meta, 'epoch') or redis.call('HGET', meta, 'restoring')
  return epoch * 4294967296 + rec.n
end

-- Puts a user into the set of the organisation, or takes them out (no score). Who is not of the default one stands in
-- a set with all others of that kind, too, so that two sets hold everybody.
local function stand_in(set, other, rec, user, score)
  for _, key in ipairs(rec.org == DEFAULT_ORG and { set } or { set, other }) do
    if score then redis.call('ZADD', key, score, user) else redis.call('ZREM', key, user) end
  end
end

local function count_tabs(user, rec, org_tabs)
  local count = shown(rec.status) ~= OFFLINE and #rec.sessions or 0
  if count < 2 and rec.before < 2 then return end
  stand_in(org_tabs, other_tabs, rec, user, count > 1 and count)
end

-- Recomputes the view; where it differs, stores it and appends its entry, both or neither.
-- cause: {reason, at (ms), session or nil, actor or nil, claims: whether they changed}
local function settle(user, rec, place, now, cause)
  local from, to = rec.status, view(user, rec)
  if to ~= from then
    local version, at = next_n(rec), math.max(cause.at, rec.since)
    rec.seen = last_sign(rec)
    rec.status, rec.since = to, at
    if to == OFFLINE then rec.online_since = 0 elseif from == OFFLINE then rec.online_since = at end
    if shown(from) ~= shown(to) then
      rec.version, rec.shown_since = version, at
      if shown(to) == OFFLINE then
        rec.shown_online_since, rec.shown_seen = 0, rec.seen
      elseif shown(from) == OFFLINE then
        rec.shown_online_since = at
      end
    end
    if shown(to) ~= OFFLINE then rec.shown_seen = rec.seen end
    stand_in(place.org, others, rec, user, to ~= OFFLINE and to * SCALE + at)
    append(user, rec, 't', from, now, cause)
  end
  count_tabs(user, rec, place.tabs)
  save(place.users, user, rec)
end

-- How the user stands, for the answer: {'ok', status, since, last sign, now, note}
local function standing(rec, now, note)
  return { 'ok', rec.status, string.format('%.0f', rec.since), string.format('%.0f', last_sign(rec)),
    string.format('%.0f', now), note or '' }
end

-- Why the bearer of a token may not be online, or nil: {'gated', kind} or {'ended'}
local function refusal(user, login, version)
  local gate = redis.call('HGET', gates, user)
  local kind = gate and cmsgpack.unpack(gate)[1] or ''
  if kind ~= '' then return { 'gated', kind } end
  if redis.call('ZSCORE', ended, user .. ':' .. login) then return { 'ended' } end
  local lowest, kept = string.match(redis.call('HGET', cut, user) or '0 ', '^(%d+) (.*)$')
  if tonumber(version) < tonumber(lowest) and login ~= kept then return { 'ended' } end
end
