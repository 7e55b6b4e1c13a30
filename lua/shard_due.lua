-- shard_due: what is due. Touching a lease that has reached its end makes Redis expire it on the spot and say so;
-- what has been due for longer than `settle` (its event came and went, or never will) is returned to be expired. So is
-- a look at a session that is in rooms: whatever ended with it has been ended by then.
-- Several shards may be looked at at once, where the server is no cluster.
--
-- KEYS[1..]  due of each shard                  (zset, ms)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    how long after its deadline a member is returned (ms); ends of claims and gates are returned at once
-- ARGV[3]    most members of all shards: an equal share of each, and what others leave
-- ARGV[4..]  of each shard the prefix of its leases, "" = touch none
-- Reply      per shard: {ms since the first of all was due or "", member ...}
-- Access     read
local now, settle, left = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local function look(due, leases, most)
  local members = redis.call('ZRANGE', due, '-inf', now, 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
  local found = { members[2] and string.format('%.0f', now - members[2]) or '' }
  for i = 1, #members, 2 do
    local member, score = members[i], tonumber(members[i + 1])
    local kind = string.sub(member, 1, 2)
    if kind ~= 's:' and kind ~= 'r:' or score <= now - settle then
      found[#found + 1] = member
    elseif kind == 's:' and leases ~= '' then
      redis.call('EXISTS', leases .. string.sub(member, 3))
    end
  end
  return found, #members / 2
end

local reply = {}
for shard, due in ipairs(KEYS) do
  local found, count = look(due, ARGV[shard + 3], math.ceil(left / (#KEYS - shard + 1)))
  reply[shard], left = found, left - count
end
return reply
