-- News: what happens that is no change of status and that nobody audits. Whoever listens hears it; after a minute it is
-- forgotten. Ids are Redis' own time, also where tests move time, so that a Redis that was set back goes on.
local function tell(news, kind, user, ...)
  local minute_ago = (redis.call('TIME')[1] - 60) * 1000
  redis.call('XADD', news, 'MINID', '~', string.format('%.0f', minute_ago), '*', 'k', kind, 'u', user, ...)
  redis.call('PEXPIRE', news, 120000)
end
