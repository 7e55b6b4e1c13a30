-- user_claim: a wish that overrides what sessions say is set or taken back. Where the status stays but its text,
-- emoji or end changed for others, an entry of kind `c` says so. The id makes a repeated call change nothing.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   on of the organisation             (zset)
-- KEYS[11]   tabs of the organisation           (zset)
-- KEYS[12]   records of the user's bucket       (hash)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    whose claim: manual | admin
-- ARGV[5]    id of the claim, chosen by the caller
-- ARGV[6]    status code, "" = taken back
-- ARGV[7]    text
-- ARGV[8]    emoji
-- ARGV[9]    end (ms), 0 = none
-- ARGV[10]   request id of the action, "" = none
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note}; note: "" | repeated
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, whose, id = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local held, slot = claims_of(user), whose == 'admin' and 2 or 1
local before, status = seen_claim(held), tonumber(ARGV[6])
if held[slot] and held[slot][1] == id or not held[slot] and not status then
  return standing(rec, now, 'repeated')
end
held[slot] = status and { id, status, ARGV[7], ARGV[8], tonumber(ARGV[9]) } or false
store_claims(user, held)
local n, cause = rec.n, { reason = whose .. (status and '_set' or '_cleared'), at = now, actor = ARGV[10] }
settle(user, rec, place, now, cause)
tell_claim(place.users, user, rec, n, before, now, cause)
return standing(rec, now)
