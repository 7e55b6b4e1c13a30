-- user_expire: what was due of some users happens: sessions, claims and gates come to their end. The judge is the
-- due score alone, so the call may come from an event, a nudge or a sweep, late or twice.
-- Longer than the house number because what ends at one moment must be settled at once, whatever ends.
--
-- KEYS[1-9]   the shard, see lib/shard.lua
-- KEYS[10..]  per user three: on of the organisation, tabs of the organisation, records of the user's bucket
-- ARGV[1]     now in ms, 0 = clock of Redis
-- ARGV[2]     a gap since the last tick of more than this is a stall (ms)
-- ARGV[3..]   per user two: user, organisation
-- Reply       {"restoring"} | {"grace"} | {"ok", per user: "" nothing was due | "stale <org>"
--             | "<sessions ended> <ms since the deadline if the user went offline, else -1>"}
-- Access      write, allow-oom
local now, stall = clock(ARGV[1]), tonumber(ARGV[2])
if is_lost() then return { 'restoring' } end
-- Nobody can be blamed for silence while nobody listened. The owner's next tick turns the stall into a grace.
local held = redis.call('HMGET', meta, 'tick', 'grace_until', 'restored_until', 'lost_at', 'uncertainty')
if now - tonumber(held[1]) > stall or tonumber(held[2] or '0') > now then return { 'grace' } end

local REASONS = { [CAPPED] = 'idle_timeout', [CLOSING] = 'closed' }

local function end_gate(user)
  local score = redis.call('ZSCORE', due, 'g:' .. user)
  if not score or tonumber(score) > now then return false end
  redis.call('ZREM', due, 'g:' .. user)
  local gate = cmsgpack.unpack(redis.call('HGET', gates, user))
  if gate[3] == 0 or gate[3] > now then return false end
  redis.call('HSET', gates, user, cmsgpack.pack({ '', gate[2], 0 }))
  return true
end

-- Whoever was put back after a loss has until the end of the restore and a time to live to return.
local function spare_restored(user, rec)
  local s = find(rec, RESTORED)
  if not s or s.deadline >= tonumber(held[3]) then return end
  s.deadline = tonumber(held[3])
  redis.call('ZADD', due, s.deadline, member(user, s.id))
end

local function why(session)
  if session.id == RESTORED then
    return { reason = 'store_lost', at = tonumber(held[4]), uncertainty = held[5] }
  end
  return { reason = REASONS[mode_of(session.code)] or 'expired', at = session.deadline, session = session }
end

local function expire(user, org, place)
  local rec = load(place.users, user, org)
  if rec.org ~= org then return 'stale ' .. rec.org end
  spare_restored(user, rec)
  local gate, n = end_gate(user), rec.n
  local claim, before = end_claims(user, now)
  local last = remove_where(user, rec, now, function(s) return s.deadline <= now end)
  local count, from, delay = rec.before - #rec.sessions, rec.status, -1
  if not (gate or claim or last) then return '' end
  local cause = claim
  if last and (#rec.sessions == 0 or not claim) then
    cause = why(last)
    -- Another session may have shown itself after this deadline, and have ended since.
    if #rec.sessions == 0 then cause.at = math.max(cause.at, rec.seen) end
  end
  if cause then
    cause.claims = claim ~= nil
    settle(user, rec, place, now, cause)
  end
  if claim then tell_claim(place.users, user, rec, n, before, now, claim) end
  if last and from ~= OFFLINE and rec.status == OFFLINE then delay = now - last.deadline end
  return string.format('%d %.0f', count, delay)
end

local reply = { 'ok' }
for i = 1, (#KEYS - 9) / 3 do
  local at = 7 + i * 3
  reply[i + 1] = expire(ARGV[1 + i * 2], ARGV[2 + i * 2], { org = KEYS[at], tabs = KEYS[at + 1], users = KEYS[at + 2] })
end
return reply
