-- attempt_admit: may somebody try a password at this account, from this address?
-- Strangers, who did not get in from their address lately, share one quota: guessing from many addresses wins nothing.
-- An address that the account is used from has a quota of its own, so that strangers cannot lock the owner out.
--
-- KEYS[1]  wait of account and address          (string with PX: until when, ms, and failures so far)
-- KEYS[2]  the account is used from there       (string with PX)
-- KEYS[3]  quota of strangers                   (string with PX: when it is whole again, us)
-- KEYS[4]  quota of account and address         (the same)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  what one attempt costs (us)
-- ARGV[3]  how many a whole quota holds
-- Reply    {"ok" | "spent" | "wait", how many are left, until the quota is whole (ms), until one may try again (ms),
--           1 = the account is used from there}
-- Access   write, allow-oom
local wait, known, strangers, own = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now, each, burst = micros(tonumber(ARGV[1])), tonumber(ARGV[2]), tonumber(ARGV[3])
local at_home = redis.call('EXISTS', known)
local quota = at_home == 1 and own or strangers
local at = whole_at(quota, now, each, burst)
local function reply(word, us) return { word, left(at, now, each, burst), ms(at - now), ms(us), at_home } end
local held = string.match(redis.call('GET', wait) or '', '^%d+')
if held and held * 1000 > now then return reply('wait', held * 1000 - now) end
local short = missing(at, now, each, burst, 1)
if short > 0 then return reply('spent', short) end
at = at + each
spend(quota, at, now)
return reply('ok', 0)
