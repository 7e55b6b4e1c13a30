-- Quotas (GCRA): a quota is one time in us, when it is whole again. `each` is what one costs (us), `burst` how many a
-- whole quota holds.

local function micros(now)
  if now > 0 then return now * 1000 end
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function whole_at(key, now, each, burst)
  local at = tonumber(redis.call('GET', key)) or now
  -- A quota that was larger when this was written is no debt.
  return math.min(math.max(at, now), now + each * burst)
end

-- How long until so many fit (us); 0 or less: they fit now.
local function missing(at, now, each, burst, cost)
  return at + each * cost - (now + each * burst)
end

local function left(at, now, each, burst)
  return math.max(0, math.floor((now + each * burst - at) / each))
end

local function spend(key, at, now)
  redis.call('SET', key, string.format('%.0f', at), 'PX', math.max(1, math.ceil((at - now) / 1000)))
end

local function ms(us)
  return string.format('%.0f', math.max(0, math.ceil(us / 1000)))
end
