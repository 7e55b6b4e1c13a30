-- user_cut: a logout everywhere: every token below a version ends, with all sessions; one login may be exempt.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- KEYS[13]   news                               (stream)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    lowest token version that is still good
-- ARGV[5]    login that stays, "" = none
-- ARGV[6]    reason: logout_all | force_logout | banned | logout (of a host's user whose tokens name no login)
-- ARGV[7]    request id of the action, "" = none
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}; note: "" | repeated
-- Access     write, allow-oom
local place, news = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }, KEYS[13]
local now, user, org, version, keep = clock(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local lowest = string.match(redis.call('HGET', cut, user) or '0', '^%d+')
if version <= tonumber(lowest) then return standing(rec, now, 'repeated') end
count_rule()
redis.call('HSET', cut, user, ARGV[4] .. ' ' .. keep)
tell(news, 'e', user)
-- What a restore put back may stand for the login that stays.
local last = remove_where(user, rec, now, function(s)
  return login_of(s.id) ~= keep and (s.id ~= RESTORED or keep == '')
end)
settle(user, rec, place, now, { reason = ARGV[6], at = now, session = last, actor = ARGV[7] })
return standing(rec, now)
