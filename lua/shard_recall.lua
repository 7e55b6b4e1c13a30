-- shard_recall: a shard that is being restored is told the rules that were in force: gates, claims, ended tokens. It
-- adds, and never overwrites what is as new.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    epoch that is being restored
-- ARGV[3..]  per item seven: what, user, and
--            gate            kind, version, end (ms, 0 = none), "", ""
--            manual, admin   id of the claim, status code, text, emoji, end (ms, 0 = none)
--            cut             lowest token version still good, login that is exempt or "", "", "", ""
--            ended           login, for so long a token of it may still live (ms), "", "", ""
-- Reply      {"open"} the shard is not being restored, or under another epoch | {"ok"}
-- Access     write, allow-oom
local now = clock(ARGV[1])
if redis.call('HGET', meta, 'restoring') ~= ARGV[2] then return { 'open' } end

local recall = {}

function recall.gate(user, kind, version, ends)
  local known = redis.call('HGET', gates, user)
  if known and tonumber(version) <= cmsgpack.unpack(known)[2] then return end
  redis.call('HSET', gates, user, cmsgpack.pack({ kind, tonumber(version), tonumber(ends) }))
  if tonumber(ends) > 0 then
    redis.call('ZADD', due, ends, 'g:' .. user)
  else
    redis.call('ZREM', due, 'g:' .. user)
  end
end

local function claim(slot)
  return function(user, id, status, text, emoji, ends)
    local held = claims_of(user)
    if held[slot] then return end
    held[slot] = { id, tonumber(status), text, emoji, tonumber(ends) }
    store_claims(user, held)
  end
end
recall.manual, recall.admin = claim(1), claim(2)

function recall.cut(user, version, keep)
  local lowest = string.match(redis.call('HGET', cut, user) or '0', '^%d+')
  if tonumber(version) > tonumber(lowest) then redis.call('HSET', cut, user, version .. ' ' .. keep) end
end

function recall.ended(user, login, life)
  redis.call('ZADD', ended, 'GT', now + tonumber(life), user .. ':' .. login)
end

for i = 3, #ARGV, 7 do recall[ARGV[i]](unpack(ARGV, i + 1, i + 6)) end
return { 'ok' }
