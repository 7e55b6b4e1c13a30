-- A user's record as it is kept, and the names of what is due. The only place that knows either form.

-- Sessions have names of any length; keys hold ten characters that stand for each. Two sessions of one user share them
-- once in 10^12; then they share a deadline, too, and the user is present as long as either shows itself.
local function name_session(user, session)
  return user .. ':' .. (#session > 10 and string.sub(redis.sha1hex(session), 1, 10) or session)
end

local function member(user, session) return 's:' .. name_session(user, session) end

-- Most times of a record are the same, and a difference of 0 takes one byte instead of nine.
local function pack_record(rec)
  local r = { rec.status, rec.since, rec.since - rec.online_since, rec.since - rec.seen, rec.org,
    rec.since - rec.shown_since, rec.online_since - rec.shown_online_since, rec.seen - rec.shown_seen,
    rec.version, rec.n - rec.version % 4294967296 }
  for _, s in ipairs(rec.sessions) do
    for _, field in ipairs({ s.id, s.code, s.granted, s.device, s.connection, s.idle_until }) do r[#r + 1] = field end
  end
  return cmsgpack.pack(r)
end

-- The record, with its sessions as they were kept: whether one still lasts is said by `due` alone.
local function unpack_record(packed)
  local r = cmsgpack.unpack(packed)
  local rec = { status = r[1], since = r[2], online_since = r[2] - r[3], seen = r[2] - r[4], org = r[5],
    shown_since = r[2] - r[6], version = r[9], n = r[10] + r[9] % 4294967296, sessions = {} }
  rec.shown_online_since, rec.shown_seen = rec.online_since - r[7], rec.seen - r[8]
  for i = 11, #r, 6 do
    table.insert(rec.sessions, { id = r[i], code = r[i + 1], granted = r[i + 2], device = r[i + 3],
      connection = r[i + 4], idle_until = r[i + 5] })
  end
  return rec
end
