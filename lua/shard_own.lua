-- shard_own: take or keep the ownership of a shard for a while, and keep its house: the tick that shows a stall,
-- the memory pressure that refuses newcomers, ended logins whose tokens have died anyway.
--
-- KEYS[1]  owner of the shard                   (string with PX)
-- KEYS[2]  meta of the shard                    (hash)
-- KEYS[3]  ended                                (zset, ms)
-- ARGV[1]  now in ms, 0 = clock of Redis
-- ARGV[2]  node
-- ARGV[3]  for how long (ms)
-- ARGV[4]  a gap between ticks of more than this is a stall (ms)
-- ARGV[5]  grace after a stall: nothing expires for so long (ms)
-- ARGV[6]  1 = memory is nearly full
-- Reply    {"other"} | {"lost", epoch whose restore has begun or ""} owned, but the shard is not open
--          | {"own", epoch, n, until when those who were put back may return (ms; 0 = nobody was), decisions counted,
--            run of the server that answers, or ""}
-- Access   write, allow-oom
local owner, meta, ended, node = KEYS[1], KEYS[2], KEYS[3], ARGV[2]
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local holder = redis.call('GET', owner)
if holder and holder ~= node then return { 'other' } end
redis.call('SET', owner, node, 'PX', ARGV[3])
local known = redis.call('HMGET', meta, 'epoch', 'n', 'tick', 'restored_until', 'restoring', 'rules')
if not known[1] then return { 'lost', known[5] or '' } end
local gap = now - tonumber(known[3])
if gap > tonumber(ARGV[4]) or gap < 0 then
  redis.call('HSET', meta, 'grace_until', string.format('%.0f', now + tonumber(ARGV[5])))
end
redis.call('HSET', meta, 'tick', now, 'pressure', ARGV[6])
redis.call('ZREMRANGEBYSCORE', ended, '-inf', now)
-- Where INFO is not allowed the shard is owned all the same.
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
return { 'own', known[1], known[2], known[4] or '0', known[6] or '0', server }
