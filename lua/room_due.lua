-- room_due: sessions that are in rooms are looked at: one that lasts is looked at again when its lease ends, one that does
-- not leaves all its rooms. So a heartbeat pays nothing for rooms. May come late or twice.
--
-- KEYS[1-9]   the shard, see lib/shard.lua
-- KEYS[10]    joined                            (hash), see lib/room.lua
-- KEYS[11]    news                              (stream)
-- KEYS[12..]  per session: records of the user's bucket (hash), and each room (zset) that the caller takes it to be in
-- ARGV[1]     now in ms, 0 = clock of Redis
-- ARGV[2]     1 = they leave, also those that last
-- ARGV[3]     look again after so long at one that is overdue and has not been ended (ms)
-- ARGV[4..]   per session two: <user>:<handle>, the rooms that the caller takes it to be in (each <organisation>:<room>,
--             separated by spaces), in their order
-- Reply       {"restoring"} | {"ok", per session: "" in no room, or looked at again
--             | "stale <its rooms>" | "left <number of rooms>"}
-- Access      write, allow-oom
local joined, news, key = KEYS[10], KEYS[11], 12
local now, leaves, again = clock(ARGV[1]), ARGV[2] == '1', tonumber(ARGV[3])
if is_lost() then return { 'restoring' } end

local function look(named, said, users, first)
  local rooms, ends = rooms_of(joined, named), tonumber(redis.call('ZSCORE', due, 's:' .. named) or '')
  if #rooms == 0 then
    redis.call('ZREM', due, 'r:' .. named)
    return ''
  end
  if ends and not leaves then
    redis.call('ZADD', due, ends < now and now + again or ends + 1, 'r:' .. named)
    return ''
  end
  local truth = table.concat(rooms, ' ')
  if truth ~= said then return 'stale ' .. truth end
  local user = string.match(named, '^[^:]*')
  local rec = load(users, user, '')
  for i, name in ipairs(rooms) do leave(rec, user, named, KEYS[first + i - 1], name, news) end
  keep_rooms(joined, named, {})
  return 'left ' .. #rooms
end

local reply = { 'ok' }
for i = 4, #ARGV, 2 do
  local first = key + 1
  local _, count = string.gsub(ARGV[i + 1], '%S+', '')
  reply[i / 2] = look(ARGV[i], ARGV[i + 1], KEYS[key], first)
  key = first + count
end
return reply
