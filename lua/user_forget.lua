-- user_forget: what still names somebody who was erased leaves the shard, once the last of their tokens has expired: the
-- gate that refused them, and the record. Who is here (a host's user who came back meanwhile) stays.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- ARGV[1]    user
-- ARGV[2]    version of the gate; another one stays
-- Reply      {"restoring"} | {"ok", 1 if nothing is left of the user, else 0}
-- Access     write, allow-oom
local user, users, version = ARGV[1], KEYS[10], tonumber(ARGV[2])
if is_lost() then return { 'restoring' } end

local gate = redis.call('HGET', gates, user)
if gate and cmsgpack.unpack(gate)[2] == version then
  redis.call('HDEL', gates, user)
  redis.call('ZREM', due, 'g:' .. user)
end
local rec = load(users, user, '')
if rec.status ~= OFFLINE or #rec.sessions > 0 then return { 'ok', 0 } end
redis.call('HDEL', users, user)
redis.call('HDEL', claims, user)
redis.call('ZREM', due, 'c:' .. user)
redis.call('HDEL', cut, user)
return { 'ok', 1 }
