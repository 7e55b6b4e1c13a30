-- A user's record as it is kept, and the names of what is due. The only place that knows either form.

-- Sessions have names of any length; keys hold ten characters that stand for each. Two sessions of one user share them
-- once in 10^12; then they share a deadline, too, and the user is present as long as either shows itself.
local function name_session(user, session)
  return user .. ':' .. (#session > 10 and string.sub(redis.sha1hex(session), 1, 10) or session)
end

local function member(user, session) return 's:' .. name_session(user, session) end

-- A session's device, and behind it, for whoever asks why somebody is online, the number of the node that has it (0: not
-- known) and since when it lasts: seconds after its user came, left out where it is the one they came with. In this form
-- a version that knows only the device still reads the record, and finds a device that it does not know.
local function pack_device(rec, s)
  if not s.opened then return s.device end
  local after = math.max(0, math.floor((s.opened - rec.online_since) / 1000))
  return s.device .. ';' .. s.node .. (after > 0 and string.format(';%x', after) or '')
end

local function unpack_device(rec, said)
  local stop = string.find(said, ';', 1, true)
  if not stop then return said, 0, nil end
  local node, after = string.match(said, '^;(%d+);?(%x*)$', stop)
  if not node then return '', 0, nil end
  return string.sub(said, 1, stop - 1), tonumber(node), rec.online_since + (tonumber(after, 16) or 0) * 1000
end

-- Most times of a record are the same, and a difference of 0 takes one byte instead of nine.
local function pack_record(rec)
  local r = { rec.status, rec.since, rec.since - rec.online_since, rec.since - rec.seen, rec.org,
    rec.since - rec.shown_since, rec.online_since - rec.shown_online_since, rec.seen - rec.shown_seen,
    rec.version, rec.n - rec.version % 4294967296 }
  for _, s in ipairs(rec.sessions) do
    local device = pack_device(rec, s)
    for _, field in ipairs({ s.id, s.code, s.granted, device, s.connection, s.idle_until }) do r[#r + 1] = field end
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
    local device, node, opened = unpack_device(rec, r[i + 3])
    table.insert(rec.sessions, { id = r[i], code = r[i + 1], granted = r[i + 2], device = device,
      connection = r[i + 4], idle_until = r[i + 5], node = node, opened = opened })
  end
  return rec
end
