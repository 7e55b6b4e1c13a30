-- Lists from the sets of those who are shown present. A set is a zset, user -> status code * 10^13 + since.

local SCALE = 1e13

local function score(code, since) return string.format('%.0f', code * SCALE + since) end
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

-- Of each shard there are `stride` keys: the first is meta (hash), the last are its `sets`. Answers lists of the `few` newest
-- of a set and a status, or of all statuses, if those are no more; each with its `users` {user, score ...} and the number of
-- the `first` key of its shard; nil if a shard has lost its data.
local function lists_of(keys, stride, sets, codes, few)
  local statuses, all = ranges_of(codes)
  local lists, others = {}, {}
  local function ask(first, set, wanted)
    local users = read(set, wanted.from, wanted.to, 0, few)
    -- Of several statuses it is enough if there are fewer than asked for, or the first of them is of the lowest.
    if few > 0 and #users == 2 * few and tonumber(users[2]) >= (wanted.low + 1) * SCALE then return false end
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
  return lists
end
