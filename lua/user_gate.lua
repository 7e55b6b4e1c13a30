-- user_gate: an account may not be online, or may again. A gate that falls ends every session at once; a gate
-- that is lifted brings nobody back: the next sign of life does. Versions order repeated and overtaken calls.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- KEYS[13]   news                               (stream)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    kind: suspended | banned | pending | inactive, "" = lifted
-- ARGV[5]    version of the gate; not newer than the known one changes nothing
-- ARGV[6]    end of the gate (ms), 0 = none
-- ARGV[7]    reason of the transition: suspended | banned | deactivated
-- ARGV[8]    request id of the action, "" = none
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}; note: "" | repeated
-- Access     write, allow-oom
local place, news = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }, KEYS[13]
local now, user, org, kind = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local version, ends = tonumber(ARGV[5]), tonumber(ARGV[6])
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local known = redis.call('HGET', gates, user)
if known and version <= cmsgpack.unpack(known)[2] then return standing(rec, now, 'repeated') end
count_rule()
redis.call('HSET', gates, user, cmsgpack.pack({ kind, version, ends }))
if kind ~= '' and ends > 0 then
  redis.call('ZADD', due, ends, 'g:' .. user)
else
  redis.call('ZREM', due, 'g:' .. user)
end
if kind ~= '' then
  tell(news, 'e', user)
  local last = remove_where(user, rec, now, function() return true end)
  settle(user, rec, place, now, { reason = ARGV[7], at = now, session = last, actor = ARGV[8] })
end
return standing(rec, now)
