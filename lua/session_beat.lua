-- session_beat: extend the leases of sessions that go on as they are; the fast path of every heartbeat.
-- A session that is new, late, closing, capped or that says something new is left alone and answered `slow`:
-- session_open judges it. So does a shard that has lost its data: it has no leases.
-- Items may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per item three: due (zset, ms), on of the organisation (zset, status code * 10^13 + since), lease (string)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2..]  per item four: user, member of due, code with tag (tag 0: any), time to live (ms)
-- Reply      {now, per item: score of the user in `on` or ""}; "" means slow
-- Access     write, allow-oom
local call, keys, args, now = redis.call, KEYS, ARGV, tonumber(ARGV[1])
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reply = { string.format('%.0f', now) }
for item = 0, #keys / 3 - 1 do
  local due, on, lease = keys[item * 3 + 1], keys[item * 3 + 2], keys[item * 3 + 3]
  local user, member, code, ttl = args[item * 4 + 2], args[item * 4 + 3], args[item * 4 + 4], args[item * 4 + 5]
  local held, score = call('GET', lease), ''
  -- A code without a tag is below 24.
  if held and (held == code or #code < 3 and tonumber(code) < 24 and held % 24 == tonumber(code)) then
    local standing = call('ZSCORE', on, user)
    if standing and call('ZADD', due, 'XX', 'GT', 'CH', now + ttl, member) == 1 then
      call('PEXPIRE', lease, ttl)
      score = standing
    end
  end
  reply[item + 2] = score
end
return reply
