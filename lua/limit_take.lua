-- limit_take: take from several quotas at once; from none, if one of them holds too few.
-- Repeated after a time-out it may take twice, which errs to the strict side. Items may be of several tags where the
-- server is no cluster.
--
-- KEYS[1..]  per item: the quota                (string with PX: when it is whole again, us)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2..]  per item three: what one costs (us), how many a whole quota holds, how many are taken
-- Reply      {"ok" | "spent", per item three: how many are left, until it is whole (ms), until the take fits (ms)}
-- Access     write, allow-oom
local keys, args, now, ats, verdict = KEYS, ARGV, micros(tonumber(ARGV[1])), {}, 'ok'
local function item(i) return tonumber(args[i * 3 - 1]), tonumber(args[i * 3]), tonumber(args[i * 3 + 1]) end
for i, key in ipairs(keys) do
  local each, burst, cost = item(i)
  ats[i] = whole_at(key, now, each, burst)
  if missing(ats[i], now, each, burst, cost) > 0 then verdict = 'spent' end
end
local reply = { verdict }
for i, key in ipairs(keys) do
  local each, burst, cost = item(i)
  local wait = missing(ats[i], now, each, burst, cost)
  if verdict == 'ok' then
    wait, ats[i] = 0, ats[i] + each * cost
    spend(key, ats[i], now)
  end
  reply[i * 3 - 1] = left(ats[i], now, each, burst)
  reply[i * 3], reply[i * 3 + 1] = ms(ats[i] - now), ms(wait)
end
return reply
