-- shard_present: the newest of those who are shown present, of each set of users and each status.
-- Sets of several shards may be read at once, where the server is no cluster.
--
-- KEYS[1..]  per shard: meta (hash), then its sets: on (zset, status code * 10^13 + since)
-- ARGV[1]    most users of each set and status
-- ARGV[2]    number of sets of a shard
-- ARGV[3..]  code of a status that is asked for
-- Reply      {"restoring"} | {"ok", packed by MessagePack, lists {user, score ...}: of each set one for each status, or one for
--            all of them if it holds fewer users than were asked for}; none is empty
-- Access     read
local call, most, sets, lists = redis.call, ARGV[1], tonumber(ARGV[2]), {}
local function between(low, high)
  return { from = string.format('(%.0f', (high + 1) * 1e13), to = string.format('%.0f', low * 1e13) }
end

local ranges, lowest, highest = {}, math.huge, 0
for i = 3, #ARGV do
  local code = tonumber(ARGV[i])
  ranges[i - 2], lowest, highest = between(code, code), math.min(lowest, code), math.max(highest, code)
end
local whole = highest - lowest < #ranges and between(lowest, highest)

local function list(set, range)
  local found = call('ZRANGE', set, range.from, range.to, 'BYSCORE', 'REV', 'LIMIT', 0, most, 'WITHSCORES')
  -- About all statuses it is enough if there are fewer than asked for, or the first of them is of the lowest.
  local is_all = range ~= whole or #found < 2 * most or tonumber(found[2]) < (lowest + 1) * 1e13
  if is_all and #found > 0 then lists[#lists + 1] = found end
  return is_all
end

-- The first set of a shard is that of nearly everybody; whether anybody is in another one is asked of all shards together.
local others = {}
for first = 1, #KEYS, sets + 1 do
  for set = first + 2, first + sets do others[#others + 1] = KEYS[set] end
end
local asked = #others > 0 and call('EXISTS', unpack(others)) > 0 and sets or 1

for first = 1, #KEYS, sets + 1 do
  if call('HEXISTS', KEYS[first], 'epoch') == 0 then return { 'restoring' } end
  for set = first + 1, first + asked do
    -- Where few are, or all of them in one status, one question is enough; it costs no more than to ask whether somebody is.
    if not (whole and list(KEYS[set], whole)) then
      for _, range in ipairs(ranges) do list(KEYS[set], range) end
    end
  end
end
return { 'ok', cmsgpack.pack(lists) }
