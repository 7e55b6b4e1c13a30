-- outbox_trim: forget entries that are copied and old, and the records of users whose last entry is among them and
-- who are offline. Always leaves the last copied entry, which shows a rewound store.
--
-- KEYS[1]    log                                (stream)
-- KEYS[2..]  records of each user's bucket      (hash)
-- ARGV[1]    smallest n that stays
-- ARGV[2..]  user, one per bucket key
-- Reply      {entries trimmed, records forgotten}
-- Access     write, allow-oom
local log, keep = KEYS[1], tonumber(ARGV[1])
local trimmed, forgotten = redis.call('XTRIM', log, 'MINID', '=', string.format('%.0f-0', keep)), 0
for i = 2, #KEYS do
  local packed = redis.call('HGET', KEYS[i], ARGV[i])
  local rec = packed and unpack_record(packed)
  if rec and rec.status == 0 and #rec.sessions == 0 and rec.n < keep then
    forgotten = forgotten + redis.call('HDEL', KEYS[i], ARGV[i])
  end
end
return { trimmed, forgotten }
