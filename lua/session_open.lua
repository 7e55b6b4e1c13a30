-- session_open: judge one sign of life: start, renew, take over or refuse a session, and recompute the view.
-- Longer than the house number because a sign of life says so much: half of it is its contract.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- KEYS[13]   lease of the session               (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    session (<login>.<tab>)
-- ARGV[5]    token version
-- ARGV[6]    activity: active | idle | "" (says nothing)
-- ARGV[7]    idle for so many ms, -1 = not said
-- ARGV[8]    pace: 0 visible, 1 hidden, 2 socket
-- ARGV[9]    time to live of that pace (ms)
-- ARGV[10]   idle for so long ends a session (ms)
-- ARGV[11]   connection, "" = not said
-- ARGV[12]   device, "" = not said
-- ARGV[13]   tag of the connection, or of the device if no connection is said (1-400), 0 = neither said
-- ARGV[14]   reason of a transition to online: login | connect
-- ARGV[15]   most sessions per user
-- ARGV[16]   1 = may take the session over from another connection, 0 = may not
-- ARGV[17]   number of the node that asks, 0 = not known: the session is that of the node which opened it, or which has its
--            connection
-- Reply      {"restoring"} | {"pressure"} | {"stale", org} | {"gated", kind} | {"ended"}
--            | {"ok", status, since, last sign, now, note}; note: "" | late | ignored | idle
--            | new | evicted (new, and another one had to go) | superseded (another connection has the session: nothing changed)
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, id = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local activity, idle_ms, pace, ttl = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local idle_limit, connection, device, tag = tonumber(ARGV[10]), ARGV[11], ARGV[12], tonumber(ARGV[13])
local reason, most, takes, node = ARGV[14], tonumber(ARGV[15]), ARGV[16] == '1', tonumber(ARGV[17])
if is_lost() then return { 'restoring' } end
local refused = refusal(user, login_of(id), ARGV[5])
if refused then return refused end
local rec = load(place.users, user, org)
local session, index = find(rec, id)
if session and not takes and held_by_another(session, connection) then return standing(rec, now, 'superseded') end
local gone = activity == 'idle' and idle_ms >= idle_limit
if not gone then adopt(rec, org) end
if rec.org ~= org then return { 'stale', rec.org } end

if gone then
  if session then
    settle(user, rec, place, now, { reason = 'idle_timeout', at = now, session = remove(user, rec, index, now) })
  end
  return standing(rec, now, 'idle')
end
if session and mode_of(session.code) == CLOSING and connection ~= '' and session.connection == connection then
  return standing(rec, now, 'ignored')
end
if not session and redis.call('HGET', meta, 'pressure') == '1' then return { 'pressure' } end

local note, cause, fresh = '', { reason = reason, at = now }, not session
if session then
  if session.deadline <= now then note = 'late' end
  cause.reason = activity == 'idle' and 'idle' or 'active'
else
  session, note = place_session(user, rec, id, now, node), 'new'
  if #rec.sessions > most then evict(user, rec, session, now) note = 'evicted' end
end
sign(session, now, activity, idle_ms, pace, ttl, idle_limit)
if pace == SOCKET or connection ~= '' and connection ~= session.connection then session.node = node end
name_connection(session, connection, device, tag, fresh)
cause.session = session
renew(KEYS[13], user, session, now)
settle(user, rec, place, now, cause)
return standing(rec, now, note)
