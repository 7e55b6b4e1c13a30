-- user_restore: people whom Postgres last knew as present are put back, each with a session that stands for all they
-- had and is no sign of life. It adds, and never overwrites: who is here already stays as he is.
--
-- KEYS[1-9]   the shard, see lib/shard.lua
-- KEYS[10..]  per user three: on of the organisation, tabs of the organisation, records of the user's bucket
-- ARGV[1]     now in ms, 0 = clock of Redis
-- ARGV[2]     time to live (ms); shard_open counts it from the end of the restore
-- ARGV[3]     epoch that is being restored
-- ARGV[4..]   per user ten: user, organisation, status code, since, online since, last sign of life, shown since,
--             shown online since, shown last sign (ms), shown version
-- Reply       {"open"} the shard is not being restored, or under another epoch | {"ok", users put back}
-- Access      write, allow-oom
local now, ttl = clock(ARGV[1]), tonumber(ARGV[2])
if redis.call('HGET', meta, 'restoring') ~= ARGV[3] then return { 'open' } end
local lost_at = tonumber(redis.call('HGET', meta, 'lost_at'))
-- Granted for longer than there has been time: never taken for a sign of life.
local NO_SIGN = 1e15
local REASONS = { suspended = 'suspended', banned = 'banned', pending = 'deactivated', inactive = 'deactivated' }

-- The rules in force may be newer than what Postgres last heard of the user: then they decide.
local function why(user, gate)
  if gate ~= '' then return REASONS[gate] end
  local held = claims_of(user)
  return held[2] and 'admin_set' or held[1] and 'manual_set' or 'manual_expired'
end

local function restore(user, org, place, said)
  if redis.call('HEXISTS', place.users, user) == 1 then return 0 end
  local rec = load(place.users, user, org)
  rec.status, rec.since, rec.online_since, rec.seen = said[1], said[2], said[3], math.max(said[4], lost_at)
  rec.shown_since, rec.shown_online_since, rec.shown_seen, rec.version = said[5], said[6], said[7], said[8]
  stand_in(place.org, others, rec, user, rec.status * SCALE + rec.since)
  local gate = redis.call('HGET', gates, user)
  gate = gate and cmsgpack.unpack(gate)[1] or ''
  if gate == '' then
    local code = encode(0, STANDARD, 0, rec.status == AWAY and 1 or 0)
    rec.sessions[1] = { id = RESTORED, code = code, granted = NO_SIGN, device = '', connection = '', idle_until = 0,
      deadline = now + ttl, node = 0 }
    redis.call('ZADD', due, now + ttl, member(user, RESTORED))
  end
  settle(user, rec, place, now, { reason = why(user, gate), at = lost_at })
  return 1
end

local count = 0
for i = 1, (#KEYS - 9) / 3 do
  local key, arg, said = 7 + i * 3, i * 10 - 6, {}
  for field = 1, 8 do said[field] = tonumber(ARGV[arg + 1 + field]) end
  count = count + restore(ARGV[arg], ARGV[arg + 1], { org = KEYS[key], tabs = KEYS[key + 1], users = KEYS[key + 2] }, said)
end
return { 'ok', count }
