-- session_close: a goodbye. The deadline becomes the linger, so that a reload does not flicker; only the
-- connection that holds the session may say it. No sign of life.
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
-- ARGV[5]    connection, "" = not said
-- ARGV[6]    linger (ms)
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}; note: "" | ignored
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, id = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local connection, linger = ARGV[5], tonumber(ARGV[6])
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local s = find(rec, id)
if not s or held_by_another(s, connection) or mode_of(s.code) == CLOSING then return standing(rec, now, 'ignored') end
local sign = s.deadline - s.granted
s.deadline = math.min(s.deadline, now + linger)
s.granted = s.deadline - sign
s.code = encode(tag_of(s.code), CLOSING, pace_of(s.code), idle_of(s.code))
renew(KEYS[13], user, s, now)
save(place.users, user, rec)
return standing(rec, now)
