-- session_touch: a request that is no heartbeat is a sign of life of its login's newest session, and starts
-- session `0` if the login has none. It says nothing of activity and never ends a linger.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- KEYS[13]   lease of the session that the caller takes for the newest (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    session that the caller takes for the newest of the login (<login>.<tab>)
-- ARGV[5]    token version
-- ARGV[6]    time to live of the visible pace (ms)
-- ARGV[7]    time to live of the hidden pace (ms)
-- ARGV[8]    time to live of the socket pace (ms)
-- ARGV[9]    idle for so long ends a session (ms)
-- ARGV[10]   most sessions per user
-- ARGV[11]   number of the node that asks, 0 = not known
-- Reply      {"restoring"} | {"pressure"} | {"stale", org, session} | {"gated", kind} | {"ended"}
--            | {"ok", status, since, last sign, now, note}; note: "" | late | ignored | evicted
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, guess = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local ttls = { tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]) }
local idle_limit, most, node = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
if is_lost() then return { 'restoring' } end
local login = login_of(guess)
local refused = refusal(user, login, ARGV[5])
if refused then return refused end
local rec = load(place.users, user, org)
adopt(rec, org)

local session
for _, s in ipairs(rec.sessions) do
  if login_of(s.id) == login then session = s end
end
local id = session and session.id or login .. '.0'
if rec.org ~= org or id ~= guess then return { 'stale', rec.org, id } end
if session and mode_of(session.code) == CLOSING then return standing(rec, now, 'ignored') end
if not session and redis.call('HGET', meta, 'pressure') == '1' then return { 'pressure' } end

local note = session and session.deadline <= now and 'late' or ''
if not session then
  session = place_session(user, rec, id, now, node)
  if #rec.sessions > most then evict(user, rec, session, now) note = 'evicted' end
end
local pace = pace_of(session.code)
sign(session, now, '', -1, pace, ttls[pace + 1], idle_limit)
renew(KEYS[13], user, session, now)
settle(user, rec, place, now, { reason = 'connect', at = now, session = session })
return standing(rec, now, note)
