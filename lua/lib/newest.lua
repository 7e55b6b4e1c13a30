-- The newest of those who are shown present, of several shards, sets and statuses together. A set is a zset, user -> status
-- code * 10^13 + since.

local SPAN = 1e13

local function score(code, since) return string.format('%.0f', code * SPAN + since) end
local function range(low, high) return { low = low, from = '(' .. score(high + 1, 0), to = score(low, 0) } end

-- Each status by itself, and all of them in one, if they are neighbours.
local function ranges_of(codes)
  local single, lowest, highest = {}, math.huge, 0
  for i, code in ipairs(codes) do
    code = tonumber(code)
    single[i], lowest, highest = range(code, code), math.min(lowest, code), math.max(highest, code)
  end
  return single, highest - lowest < #single and range(lowest, highest)
end

local function read(set, from, to, skipped, count)
  return redis.call('ZRANGE', set, from, to, 'BYSCORE', 'REV', 'LIMIT', skipped, count, 'WITHSCORES')
end

-- Since when the last of the newest has been present; 0 if they are too few.
local function oldest_of(lists, most)
  local count, moments = 0, {}
  for _, list in ipairs(lists) do count = count + #list.users / 2 end
  if count < most then return 0 end
  for _, list in ipairs(lists) do
    for i = 2, #list.users, 2 do moments[#moments + 1] = list.users[i] % SPAN end
  end
  table.sort(moments)
  return moments[#moments - most + 1]
end

-- A list that came full may hide others who are newer than that.
local function complete(list, oldest, few, most)
  local users = list.users
  local last = tonumber(users[#users])
  if few == most or #users < 2 * few or last % SPAN <= oldest then return end
  local more = read(list.set, list.from, '(' .. score(math.floor(last / SPAN), oldest), few, most - few)
  for i = 1, #more do users[#users + 1] = more[i] end
end

-- Leaves the newest: of those who came in the same moment as the last of them only as many as are missing.
local function cut(lists, oldest, most)
  local missing = most
  for _, list in ipairs(lists) do
    for i = 2, #list.users, 2 do missing = missing - (list.users[i] % SPAN > oldest and 1 or 0) end
  end
  for _, list in ipairs(lists) do
    local left = {}
    for i = 1, #list.users, 2 do
      local since = list.users[i + 1] % SPAN
      if since == oldest then missing = missing - 1 end
      if since > oldest or since == oldest and missing >= 0 then
        left[#left + 1], left[#left + 2] = list.users[i], list.users[i + 1]
      end
    end
    list.users = left
  end
end

-- Of each shard there are `stride` keys: the first is meta (hash), the last are its `sets`. Answers lists, each with its
-- `users` {user, score ...} and the number of the `first` key of their shard, of `most` users; nil if a shard has lost its
-- data.
local function newest(keys, stride, sets, codes, most)
  local statuses, all = ranges_of(codes)
  -- They are spread over all shards by chance. Of 50 from 64 shards one list in five is read on, which costs less than one
  -- user more of each.
  local few, lists, others = math.min(most, math.ceil(most * stride / #keys) + 1), {}, {}
  local function ask(first, set, wanted)
    local users = read(set, wanted.from, wanted.to, 0, few)
    -- Of several statuses it is enough if there are fewer than asked for, or the first of them is of the lowest.
    if few > 0 and #users == 2 * few and tonumber(users[2]) >= (wanted.low + 1) * SPAN then return false end
    if #users > 0 then lists[#lists + 1] = { first = first, set = set, from = wanted.from, users = users } end
    return true
  end
  -- The first set of a shard is that of nearly everybody; whether anybody is in another one is asked of all together.
  for first = 1, #keys, stride do
    for set = first + stride - sets + 1, first + stride - 1 do others[#others + 1] = keys[set] end
  end
  local asked = #others > 0 and redis.call('EXISTS', unpack(others)) > 0 and sets or 1
  for first = 1, #keys, stride do
    if redis.call('HEXISTS', keys[first], 'epoch') == 0 then return nil end
    for set = first + stride - sets, first + stride - sets + asked - 1 do
      -- Where all are in one status one question is enough, until it fails once; it costs no more than whether somebody is.
      all = all and ask(first, keys[set], all) and all
      for _, status in ipairs(all and {} or statuses) do ask(first, keys[set], status) end
    end
  end
  local oldest = oldest_of(lists, most)
  for _, list in ipairs(lists) do complete(list, oldest, few, most) end
  oldest = oldest_of(lists, most)
  if oldest > 0 then cut(lists, oldest, most) end
  return lists
end
