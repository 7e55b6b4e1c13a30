-- The newest of those who are shown present, of several shards, sets and statuses together. Needs lib/present.lua.

-- Since when the last of the newest has been present; 0 if they are too few.
local function oldest_of(lists, most)
  local count, moments = 0, {}
  for _, list in ipairs(lists) do count = count + #list.users / 2 end
  if count < most then return 0 end
  for _, list in ipairs(lists) do
    for i = 2, #list.users, 2 do moments[#moments + 1] = list.users[i] % SCALE end
  end
  table.sort(moments)
  return moments[#moments - most + 1]
end

-- A list that came full may hide others who are newer than that.
local function complete(list, oldest, few, most)
  local users = list.users
  local last = tonumber(users[#users])
  if few == most or #users < 2 * few or last % SCALE <= oldest then return end
  local more = read(list.set, list.from, '(' .. score(math.floor(last / SCALE), oldest), few, most - few)
  for i = 1, #more do users[#users + 1] = more[i] end
end

-- Leaves the newest: of those who came in the same moment as the last of them only as many as are missing.
local function cut(lists, oldest, most)
  local missing = most
  for _, list in ipairs(lists) do
    for i = 2, #list.users, 2 do missing = missing - (list.users[i] % SCALE > oldest and 1 or 0) end
  end
  for _, list in ipairs(lists) do
    local left = {}
    for i = 1, #list.users, 2 do
      local since = list.users[i + 1] % SCALE
      if since == oldest then missing = missing - 1 end
      if since > oldest or since == oldest and missing >= 0 then
        left[#left + 1], left[#left + 2] = list.users[i], list.users[i + 1]
      end
    end
    list.users = left
  end
end

-- Lists as in lib/present.lua, of `most` users in all; nil if a shard has lost its data.
local function newest(keys, stride, sets, codes, most)
  -- They are spread over all shards by chance. Of 50 from 64 shards one list in five is read on, which costs less than one
  -- user more of each.
  local few = math.min(most, math.ceil(most * stride / #keys) + 1)
  local lists = lists_of(keys, stride, sets, codes, few)
  if not lists then return nil end
  local oldest = oldest_of(lists, most)
  for _, list in ipairs(lists) do complete(list, oldest, few, most) end
  oldest = oldest_of(lists, most)
  if oldest > 0 then cut(lists, oldest, most) end
  return lists
end
