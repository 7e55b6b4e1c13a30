-- login_end: a logout, one's own or by force: the login's tokens end, and with them all its sessions. No sign of life.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- KEYS[13]   news                               (stream)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    login
-- ARGV[5]    for so long a token of the login may still live (ms)
-- ARGV[6]    reason: logout, force_logout
-- ARGV[7]    actor: the request id of who did it, may be empty
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}
-- Access     write, allow-oom
local place, news = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }, KEYS[13]
local now, user, org, login = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

if not redis.call('ZSCORE', ended, user .. ':' .. login) then
  count_rule()
  tell(news, 'e', user)
end
redis.call('ZADD', ended, 'GT', now + tonumber(ARGV[5]), user .. ':' .. login)
local last = remove_where(user, rec, now, function(s) return login_of(s.id) == login end)
settle(user, rec, place, now, { reason = ARGV[6], at = now, session = last, actor = ARGV[7] })
return standing(rec, now)
