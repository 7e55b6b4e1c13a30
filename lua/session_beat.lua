-- session_beat: extend the leases of sessions that go on as they are; the fast path of every heartbeat.
-- A session that is new, late, closing, capped or that says something new is left alone and answered `slow`:
-- session_open judges it. So does a shard that has lost its data: it has no leases.
-- Items may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  per item two or three: due (zset, ms), lease (string), and where a user is named on of the organisation
--            (zset, status code * 10^13 + since)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2..]  per item four: member of due, code with tag (tag 0: any), time to live (ms), user or "" whose status the
--            caller knows
-- Reply      {now, per item: score of the user in `on`, "known", or ""}; "" means slow
-- Access     write, allow-oom
local call, keys, args, now = redis.call, KEYS, ARGV, tonumber(ARGV[1])
-- A lease that ends at a moment is what Redis keeps and logs; one that ends after a span is turned into that. A moment that
-- is told is no time of Redis' clock.
local is_real = now == 0
if is_real then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- Deadlines by time to live, as texts: a number would be written out for each heartbeat, and few differ.
local reply, key, deadlines = { string.format('%.0f', now) }, 1, {}
for item = 1, (#args - 1) / 4 do
  local due, lease = keys[key], keys[key + 1]
  local member, code, ttl, user = args[item * 4 - 2], args[item * 4 - 1], args[item * 4], args[item * 4 + 1]
  local held, standing, score = call('GET', lease), 'known', ''
  key, deadlines[ttl] = key + 2, deadlines[ttl] or string.format('%.0f', now + ttl)
  -- A code without a tag is below 24.
  if held and (held == code or #code < 3 and tonumber(code) < 24 and held % 24 == tonumber(code)) then
    if user ~= '' then standing = call('ZSCORE', keys[key], user) end
    if standing and call('ZADD', due, 'XX', 'GT', 'CH', deadlines[ttl], member) == 1 then
      if is_real then call('PEXPIREAT', lease, deadlines[ttl]) else call('PEXPIRE', lease, ttl) end
      score = standing
    end
  end
  if user ~= '' then key = key + 1 end
  reply[item + 1] = score
end
return reply
