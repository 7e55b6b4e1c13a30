-- room_join: a session enters a room, for as long as it lasts. Who is shown offline is not admitted. That it was in
-- the room already is no news.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- KEYS[11]   joined                             (hash), see lib/room.lua
-- KEYS[12]   news                               (stream)
-- KEYS[13]   the room                           (zset)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    session (<login>.<tab>)
-- ARGV[5]    token version
-- ARGV[6]    room
-- ARGV[7]    most rooms per session
-- ARGV[8]    members of the room on all shards, as the caller has counted them
-- ARGV[9]    most members of a room
-- Reply      {"restoring"} | {"gated", kind} | {"ended"} | {"stale", org}
--            | {"ok", note}; note: joined | already | hidden | full | none (the session does not last)
-- Access     write, allow-oom
local users, joined, news, room = KEYS[10], KEYS[11], KEYS[12], KEYS[13]
local now, user, org, id, word = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[6]
if is_lost() then return { 'restoring' } end
local refused = refusal(user, login_of(id), ARGV[5])
if refused then return refused end
local rec = load(users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local session = find(rec, id)
if not session or session.deadline <= now or mode_of(session.code) == CLOSING then return { 'ok', 'none' } end
if shown(rec.status) == OFFLINE then return { 'ok', 'hidden' } end
local named, name = name_session(user, id), org .. ':' .. word
local rooms = rooms_of(joined, named)
if index_of(rooms, name) then return { 'ok', 'already' } end
if #rooms >= tonumber(ARGV[7]) or tonumber(ARGV[8]) >= tonumber(ARGV[9]) then return { 'ok', 'full' } end

rooms[#rooms + 1] = name
keep_rooms(joined, named, rooms)
redis.call('ZADD', room, now, named)
redis.call('ZADD', due, 'NX', session.deadline + 1, 'r:' .. named)
if not in_by_another(rec, user, named, room) then
  tell(news, 'j', user, 'o', org, 'r', word, 'c', rec.status, 't', rec.shown_since, 'n', rec.version)
end
return { 'ok', 'joined' }
