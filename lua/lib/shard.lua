-- The keys that every script of a user shares, and the clock.
--
-- KEYS[1]  meta    hash    epoch, n, rules, layout, shards, tick, grace_until, pressure; of a restore: restoring (the epoch
--                          that it begins), lost_at, uncertainty, restored_until
-- KEYS[2]  due     zset    s:<user>:<handle of session>, c:<user>, g:<user>, r:<user>:<handle> -> when (ms): the
--                          only truth about time
-- KEYS[3]  others  zset    user -> status code * 10^13 + since (ms), of all organisations but the default one
-- KEYS[4]  other tabs  zset  user -> number of sessions, of those of them shown with two or more
-- KEYS[5]  claims  hash    user -> packed {manual, admin}
-- KEYS[6]  gate    hash    user -> packed {kind, version, until}; kind '' once lifted
-- KEYS[7]  ended   zset    <user>:<login> -> until when its tokens live (ms)
-- KEYS[8]  cut     hash    user -> '<lowest token version still good> <login that is exempt, or nothing>'
-- KEYS[9]  log     stream  the outbox
local meta, due, others, other_tabs, claims = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local gates, ended, cut, log = KEYS[6], KEYS[7], KEYS[8], KEYS[9]

-- Now in ms: what the caller says (tests move time), else the clock of Redis.
local function clock(said)
  local now = tonumber(said)
  if now > 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A shard without an epoch has lost its data, and has not been given them back: nobody may be judged by it.
local function is_lost()
  return redis.call('HEXISTS', meta, 'epoch') == 0
end

-- Counts what is decided about users. Where the count falls, the store was set back and has to be told again: unlike a
-- change of status such a decision may leave no entry.
local function count_rule()
  redis.call('HINCRBY', meta, 'rules', 1)
end
