-- room_leave: a session leaves a room. Anybody may, whatever became of their token.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- KEYS[11]   joined                             (hash), see lib/room.lua
-- KEYS[12]   news                               (stream)
-- KEYS[13]   the room                           (zset)
-- ARGV[1]    user
-- ARGV[2]    organisation
-- ARGV[3]    session (<login>.<tab>)
-- ARGV[4]    room
-- Reply      {"restoring"} | {"stale", org} | {"ok", note}; note: left | none (it was not in the room)
-- Access     write, allow-oom
local users, joined, news, room = KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local user, org, id, word = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if is_lost() then return { 'restoring' } end
local rec = load(users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local named, name = name_session(user, id), org .. ':' .. word
local rooms = rooms_of(joined, named)
local index = index_of(rooms, name)
if not index then return { 'ok', 'none' } end
table.remove(rooms, index)
keep_rooms(joined, named, rooms)
leave(rec, user, named, room, name, news)
return { 'ok', 'left' }
