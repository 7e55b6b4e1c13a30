-- Claims as they are kept, and what others see of them. Needs lib/user.lua.

-- What others could notice of the claim in force, as one comparable string.
local function seen_claim(held)
  local claim = held[2] or held[1]
  return claim and claim[3] .. '\0' .. claim[4] .. '\0' .. string.format('%.0f', claim[5]) or ''
end

-- Keeps the claims of a user, and the next moment at which one of them ends.
local function store_claims(user, held)
  local next_end
  for _, claim in ipairs({ held[1] or {}, held[2] or {} }) do
    local ends = claim[5] or 0
    if ends > 0 and (not next_end or ends < next_end) then next_end = ends end
  end
  if next_end then
    redis.call('ZADD', due, next_end, 'c:' .. user)
  else
    redis.call('ZREM', due, 'c:' .. user)
  end
  if held[1] or held[2] then
    redis.call('HSET', claims, user, cmsgpack.pack({ held[1] or false, held[2] or false }))
  else
    redis.call('HDEL', claims, user)
  end
end

-- Ends the claims that are due. Answers the cause that this is, or nil, and what others could notice before.
local function end_claims(user, now)
  local held, cause = claims_of(user), nil
  local before = seen_claim(held)
  for slot, whose in ipairs({ 'manual', 'admin' }) do
    local ends = held[slot] and held[slot][5] or 0
    if ends > 0 and ends <= now then
      cause, held[slot] = { reason = whose .. '_expired', at = ends, claims = true }, false
    end
  end
  if cause then store_claims(user, held) end
  return cause, before
end

-- Claims that changed while the status stayed get an entry, too, so that Postgres has them: of kind `c` where others
-- could notice since `before`; else of kind `w`, which is nobody's news and leaves the record as it was.
-- n: the user's last entry before the record was settled; another one says it already.
local function tell_claim(users, user, rec, n, before, now, cause)
  if rec.n ~= n then return end
  local news = shown(rec.status) ~= OFFLINE and seen_claim(claims_of(user)) ~= before
  local version = next_n(rec)
  if news then rec.version = version end
  append(user, rec, news and 'c' or 'w', rec.status, now, cause)
  if news then save(users, user, rec) end
end
