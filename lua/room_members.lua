-- room_members: who is in a room: users who are shown present, by a session that lasts, in the order in which they came.
-- Several shards may be read at once, where the server is no cluster; beyond so many members it stops between two of them.
--
-- KEYS[1..]  per shard four: meta (hash), due (zset, ms), on of the organisation (zset, status code * 10^13 + since),
--            the room (zset, ms)
-- ARGV[1]    most users told of each shard
-- ARGV[2]    stop when so many members were looked at
-- Reply      {"restoring"} | {"ok", shards read, users in the room on them, per user told two: user, joined at (ms)}
-- Access     read
local limit, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local reply, count, looked = { 'ok', 0, 0 }, 0, 0

local function read(due, on, room)
  local members, seen, told = redis.call('ZRANGE', room, 0, -1, 'WITHSCORES'), {}, 0
  for i = 1, #members, 2 do
    local user = string.match(members[i], '^[^:]*')
    local score = not seen[user] and redis.call('ZSCORE', due, 's:' .. members[i]) and redis.call('ZSCORE', on, user)
    if score and tonumber(score) < 4e13 then
      seen[user], count = true, count + 1
      if told < limit then
        told, reply[#reply + 1], reply[#reply + 2] = told + 1, user, members[i + 1]
      end
    end
  end
  looked = looked + #members / 2
end

for shard = 1, #KEYS, 4 do
  if looked >= most then break end
  if redis.call('HEXISTS', KEYS[shard], 'epoch') == 0 then return { 'restoring' } end
  read(KEYS[shard + 1], KEYS[shard + 2], KEYS[shard + 3])
  reply[2] = reply[2] + 1
end
reply[3] = count
return reply
