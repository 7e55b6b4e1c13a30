-- session_beat: extend the leases of sessions that go on as they are; the fast path of every heartbeat.
-- A session that is new, late, closing, capped or that says something new is left alone and answered `slow`:
-- session_open judges it. So does a shard that has lost its data: it has no leases.
-- Items may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per item three: due (zset, ms), on (zset, status code * 10^13 + since), lease (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2..]  per item four: user, session, code with tag (tag 0: any), time to live (ms)
-- Reply      {now, per item: score of the user in `on` or ""}; "" means slow
-- Access     write, allow-oom
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reply = { string.format('%.0f', now) }
for item = 0, #KEYS / 3 - 1 do
  local due, on, lease = KEYS[item * 3 + 1], KEYS[item * 3 + 2], KEYS[item * 3 + 3]
  local user, session = ARGV[item * 4 + 2], ARGV[item * 4 + 3]
  local code, ttl = tonumber(ARGV[item * 4 + 4]), tonumber(ARGV[item * 4 + 5])
  local held = tonumber(redis.call('GET', lease) or '')
  local score = ''
  if held and (held == code or (code < 24 and held % 24 == code)) then
    local standing = redis.call('ZSCORE', on, user)
    if standing and redis.call('ZADD', due, 'XX', 'GT', 'CH', now + ttl, 's:' .. user .. ':' .. session) == 1 then
      redis.call('SET', lease, held, 'PX', ttl)
      score = standing
    end
  end
  reply[item + 2] = score
end
return reply
