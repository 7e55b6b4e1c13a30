-- session_beat: extend the leases of sessions that go on as they are; the fast path of every heartbeat.
-- A session that is new, late, closing, capped or that says something new is left alone and answered `slow`:
-- session_open judges it. So does a shard that has lost its data: it has no leases.
-- Items may be of several shards, where the server is no cluster.
--
-- KEYS[1..]  lease of each item (string), then due of each (zset, ms), then for each whose user's status is asked for, on
--            of the organisation (zset, status code * 10^13 + since)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    packed by MessagePack, {code with tag (tag 0: any) of each item, a text; time to live (ms) of all items, or a
--            list of those of each; users: item -> user whose status the caller does not know}
-- ARGV[3..]  member of due of each item
-- Reply      {now, then of each item that is slow or whose user's status was asked for: its number (from 1), and "" (slow)
--            or the score of the user in `on`}
-- Access     write, allow-oom
local call, keys, args, now = redis.call, KEYS, ARGV, tonumber(ARGV[1])
-- A lease that ends at a moment is what Redis keeps and logs; one that ends after a span is turned into that. A moment that
-- is told is no time of Redis' clock.
local is_real = now == 0
if is_real then
  local time = call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- Packed, and said once where all have it in common: each argument more costs Redis something.
local codes, ttls, users = unpack(cmsgpack.unpack(args[2]))
local items, of_all = #codes, type(ttls) == 'number' and ttls
-- Leases are read at once: each call from here takes Redis half a microsecond to begin.
local held_by, on = call('MGET', unpack(keys, 1, items)), items * 2
-- Deadlines by time to live, as texts: a number would be written out for each heartbeat, and few differ.
local reply, deadlines = { string.format('%.0f', now) }, {}
for item = 1, items do
  local code, ttl, user = codes[item], of_all or ttls[item], users[item]
  local lease, held, standing, score = keys[item], held_by[item], 'known', ''
  deadlines[ttl] = deadlines[ttl] or string.format('%.0f', now + ttl)
  if user then on = on + 1 end
  -- A code without a tag is below 24.
  if held and (held == code or #code < 3 and tonumber(code) < 24 and held % 24 == tonumber(code)) then
    if user then standing = call('ZSCORE', keys[on], user) end
    if standing and call('ZADD', keys[items + item], 'XX', 'GT', 'CH', deadlines[ttl], args[item + 2]) == 1 then
      if is_real then call('PEXPIREAT', lease, deadlines[ttl]) else call('PEXPIRE', lease, ttl) end
      score = standing
    end
  end
  if score ~= 'known' then reply[#reply + 1], reply[#reply + 2] = item, score end
end
return reply
