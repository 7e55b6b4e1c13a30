-- How a sign of life changes a session. Needs lib/user.lua.

-- Adds a session that this node opens, in place of what a restore put there. The first that names its tab replaces `0`.
local function place_session(user, rec, id, now, node)
  remove_where(user, rec, now, function(s) return s.id == RESTORED end)
  local login, at, zero, named = login_of(id), #rec.sessions + 1, nil, false
  for i, s in ipairs(rec.sessions) do
    if s.id == login .. '.0' then zero = i elseif login_of(s.id) == login then named = true end
  end
  if zero and not named and id ~= login .. '.0' then
    remove(user, rec, zero, now)
    at = zero
  end
  local session = { id = id, code = 0, granted = 0, device = '', connection = '', idle_until = 0, deadline = 0,
    node = node, opened = now }
  table.insert(rec.sessions, at, session)
  return session
end

-- Ends the session that is due first, to make room for another.
local function evict(user, rec, newcomer, now)
  local first
  for i, s in ipairs(rec.sessions) do
    if s ~= newcomer and (not first or s.deadline < rec.sessions[first].deadline) then first = i end
  end
  remove(user, rec, first, now)
end

-- A sign of life: activity, idle time and deadline. Of these only the idle cap may lower a deadline, and only when
-- the client says for how long it has been idle; a request that says nothing extends it no further than the cap.
local function sign(session, now, activity, idle_ms, pace, ttl, idle_limit)
  local idle, said, cap = idle_of(session.code), activity == 'idle' and idle_ms >= 0, nil
  local limit = now + idle_limit - math.max(idle_ms, 0)
  if activity == 'active' then
    idle, session.idle_until = 0, 0
  elseif activity == 'idle' then
    if idle == 0 or said and limit < now + ttl then session.idle_until = limit end
    idle = 1
  end
  if idle == 1 and (not said or limit < now + ttl) then cap = session.idle_until end
  local deadline, mode = math.max(session.deadline, now + ttl), STANDARD
  if deadline > now + ttl then mode = LONG end
  if cap and cap < deadline then
    deadline, mode = said and cap or math.max(session.deadline, cap), CAPPED
  end
  session.deadline, session.granted = deadline, deadline - now
  session.code = encode(tag_of(session.code), mode, pace, idle)
end

-- A newer connection takes the session over, and says on which device it runs. Where connections have no names, the
-- device alone is noted.
local function name_connection(session, connection, device, tag, fresh)
  if connection ~= '' and connection ~= session.connection then
    session.connection, fresh = connection, true
    session.code = tag * 24 + session.code % 24
  elseif connection == '' and session.connection == '' and device ~= '' then
    fresh, session.code = true, tag * 24 + session.code % 24
  end
  if fresh and device ~= '' then session.device = device end
end
