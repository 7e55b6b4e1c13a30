-- session_beat: extend the leases of sessions that go on as they are; the fast path of every heartbeat.
-- A session that is new, late, closing, capped or that says something new is left alone and answered `slow`:
-- session_open judges it.
--
-- KEYS[1]    meta of the shard                  (hash)
-- KEYS[2]    due                                (zset, ms)
-- KEYS[3]    on                                 (zset, status code * 10^13 + since)
-- KEYS[4..]  the lease of each item             (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2..]  per item four: user, session, code with tag (tag 0: any), time to live (ms)
-- Reply      {"restoring"} | {"ok", now, per item: score of the user in `on` or ""}; "" means slow
-- Access     write, allow-oom
local meta, due, on = KEYS[1], KEYS[2], KEYS[3]
if redis.call('HEXISTS', meta, 'epoch') == 0 then return { 'restoring' } end
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reply = { 'ok', string.format('%.0f', now) }
for i = 4, #KEYS do
  local at = 2 + (i - 4) * 4
  local user, session, code, ttl = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local lease = tonumber(redis.call('GET', KEYS[i]) or '')
  local score = ''
  if lease and (lease == code or (code < 24 and lease % 24 == code)) then
    local standing = redis.call('ZSCORE', on, user)
    if standing and redis.call('ZADD', due, 'XX', 'GT', 'CH', now + ttl, 's:' .. user .. ':' .. session) == 1 then
      redis.call('SET', KEYS[i], lease, 'PX', ttl)
      score = standing
    end
  end
  reply[#reply + 1] = score
end
return reply
