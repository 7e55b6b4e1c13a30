-- user_claim: a wish that overrides what sessions say is set, amended or taken back. One entry says so, whether or not
-- others notice (see lib/claim.lua). The id makes a repeated call change nothing.
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
-- ARGV[11]   what stays as it is held, whatever is said above: any of s (status), t (text), e (emoji), u (end)
-- Reply      {"restoring"} | {"stale", org} | {"ok", status, since, last sign, now, note};
--            note: "" | repeated | none (there is no claim to amend)
-- Access     write, allow-oom
local place = { org = KEYS[10], tabs = KEYS[11], users = KEYS[12] }
local now, user, org, whose, id = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_lost() then return { 'restoring' } end
local rec = load(place.users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local held, slot = claims_of(user), whose == 'admin' and 2 or 1
local old, before, status, kept = held[slot], seen_claim(held), tonumber(ARGV[6]), ARGV[11]
if old and old[1] == id or not old and not status then return standing(rec, now, 'repeated') end
if not old and string.find(kept, 's', 1, true) then return standing(rec, now, 'none') end
local claim = status and { id, status, ARGV[7], ARGV[8], tonumber(ARGV[9]) } or false
for letter, field in pairs({ s = 2, t = 3, e = 4, u = 5 }) do
  if old and claim and string.find(kept, letter, 1, true) then claim[field] = old[field] end
end
held[slot] = claim
store_claims(user, held)
local cause = { reason = whose .. (claim and '_set' or '_cleared'), at = now, actor = ARGV[10], claims = true }
local n = rec.n
settle(user, rec, place, now, cause)
tell_claim(place.users, user, rec, n, before, now, cause)
return standing(rec, now)
