-- Which sessions are in which rooms. Needs lib/user.lua and lib/news.lua. What every script of rooms shares:
-- joined  hash  `<user>:<handle of session>` -> packed list of its rooms, each `<organisation>:<room>`
-- room    zset  `<user>:<handle of session>` -> joined at (ms)
-- A session that is in rooms has a look in `due`, `r:<user>:<handle>`: when it is to be asked whether it still lasts.

local function rooms_of(joined, named)
  local packed = redis.call('HGET', joined, named)
  return packed and cmsgpack.unpack(packed) or {}
end

local function keep_rooms(joined, named, rooms)
  if #rooms > 0 then return redis.call('HSET', joined, named, cmsgpack.pack(rooms)) end
  redis.call('HDEL', joined, named)
  redis.call('ZREM', due, 'r:' .. named)
end

local function index_of(rooms, name)
  for i, room in ipairs(rooms) do
    if room == name then return i end
  end
end

-- Whether the user is in the room by another session than this one.
local function in_by_another(rec, user, named, room)
  for _, s in ipairs(rec.sessions) do
    local other = name_session(user, s.id)
    if other ~= named and redis.call('ZSCORE', room, other) then return true end
  end
  return false
end

-- A session leaves a room; that is news if none of its user's other sessions is in it.
local function leave(rec, user, named, room, name, news)
  if redis.call('ZREM', room, named) == 0 or in_by_another(rec, user, named, room) then return end
  local org, word = string.match(name, '^([^:]*):(.*)$')
  tell(news, 'l', user, 'o', org, 'r', word)
end
