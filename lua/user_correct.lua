-- user_correct: after a store was set back, a user's record learns what the history says of the status that holds again:
-- since when, and under which version others have it. Who has changed since is left alone.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    status code that holds again
-- ARGV[5]    since (ms); a record that is as young is another
-- ARGV[6]    online since, 0 = offline
-- ARGV[7]    shown since (ms)
-- ARGV[8]    shown online since, 0 = shown offline
-- ARGV[9]    shown version
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}; note: "" | changed
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, status, since = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if is_lost() then return { 'restoring' } end
if redis.call('HEXISTS', place.users, user) == 0 then return standing(load(place.users, user, org), now, 'changed') end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

if rec.status ~= status or rec.since >= since then return standing(rec, now, 'changed') end
rec.since, rec.online_since = since, tonumber(ARGV[6])
rec.shown_since, rec.shown_online_since = tonumber(ARGV[7]), tonumber(ARGV[8])
rec.version = tonumber(ARGV[9])
if status ~= OFFLINE then stand_in(place.org, others, rec, user, status * SCALE + since) end
save(place.users, user, rec)
return standing(rec, now)
