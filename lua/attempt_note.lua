-- attempt_note: how an attempt went. A failure makes the next one at this account from this address wait, twice as long
-- each time after the first few; a success forgets the failures and remembers the address.
-- Repeated after a time-out a failure may count twice, which errs to the strict side.
--
-- KEYS[1]  wait of account and address          (string with PX: until when, ms, and failures so far)
-- KEYS[2]  the account is used from there       (string with PX)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  good | bad
-- ARGV[3]  failures that cost nothing
-- ARGV[4]  the first wait (ms)
-- ARGV[5]  the longest wait (ms)
-- ARGV[6]  failures are forgotten after so long without one (ms)
-- ARGV[7]  an address is remembered for so long (ms)
-- Reply    {failures so far, until the next attempt (ms)}
-- Access   write, allow-oom
local wait, known, free, most = KEYS[1], KEYS[2], tonumber(ARGV[3]), tonumber(ARGV[5])
if ARGV[2] == 'good' then
  redis.call('DEL', wait)
  redis.call('SET', known, 1, 'PX', ARGV[7])
  return { 0, '0' }
end
local now = tonumber(ARGV[1])
if now == 0 then now = math.floor(micros(0) / 1000) end
local failures = (tonumber(string.match(redis.call('GET', wait) or '', '%d+$')) or 0) + 1
local span = failures > free and math.min(most, tonumber(ARGV[4]) * 2 ^ math.min(failures - free - 1, 30)) or 0
redis.call('SET', wait, string.format('%.0f %d', now + span, failures), 'PX', math.max(ARGV[6], span))
return { failures, string.format('%.0f', span) }
