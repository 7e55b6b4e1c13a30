-- user_standing: is this token still good, and how does its user stand? For requests that are no sign of life.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    login
-- ARGV[4]    token version
-- Reply      {"restoring"} | {"gated", kind} | {"ended"} | {"ok", status, since, last sign, now, note}
-- Access     read
local now, user, users = clock(ARGV[1]), ARGV[2], KEYS[10]
if is_lost() then return { 'restoring' } end
return refusal(user, ARGV[3], ARGV[4]) or standing(load(users, user, ''), now)
