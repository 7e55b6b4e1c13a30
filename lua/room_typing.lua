-- room_typing: somebody in a room begins or ends typing. Of who is not in it, or is shown offline, nothing is told.
--
-- KEYS[1-9]  the shard, see lib/shard.lua
-- KEYS[10]   records of the user's bucket       (hash)
-- KEYS[11]   joined                             (hash), see lib/room.lua
-- KEYS[12]   news                               (stream)
-- ARGV[1]    now in ms, 0 = clock of Redis
-- ARGV[2]    user
-- ARGV[3]    organisation
-- ARGV[4]    session (<login>.<tab>)
-- ARGV[5]    room
-- ARGV[6]    1 = types, 0 = no longer
-- Reply      {"restoring"} | {"stale", org} | {"ok", note}; note: told | none (it is not in the room, or not shown)
-- Access     write, allow-oom
local users, joined, news = KEYS[10], KEYS[11], KEYS[12]
local now, user, org, id, word = clock(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if is_lost() then return { 'restoring' } end
local rec = load(users, user, org)
if rec.org ~= org then return { 'stale', rec.org } end

local session = find(rec, id)
if not session or session.deadline <= now or shown(rec.status) == OFFLINE then return { 'ok', 'none' } end
if not index_of(rooms_of(joined, name_session(user, id)), org .. ':' .. word) then return { 'ok', 'none' } end
tell(news, 't', user, 'o', org, 'r', word, 's', ARGV[6])
return { 'ok', 'told' }
