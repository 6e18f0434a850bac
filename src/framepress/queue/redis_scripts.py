"""What the Redis queue does on the server, in Lua: each script is one step that nobody sees half done.

Keys, all beginning with ``{<name>}:`` (braces, so that a cluster keeps them together):

    jobs              stream, group "framepress". Fields: run, id, body. A plain producer may write an entry
                      with ``body`` alone; its id is then that of the entry.
    delayed           sorted set: uid -> when it is due, in milliseconds. uid is ``<run>\\n<id>``.
    held              hash: uid -> body, of delayed jobs
    deliveries, failures    hashes: uid -> count
    known:<run>       set of every id sent, so that sending again adds nothing
    parked:<run>      list of uid, body of a paused run's jobs that were met in the stream
    dead:<run>        hash: id -> JSON {body, error, failures}
    paused, cancelled sets of runs
    runs              hash: run -> when something was last sent, milliseconds
    done              stream for consumers, see `JobQueue.announce`

A lease is an entry pending for a consumer; its age is the entry's idle time, which `EXTEND` sets back. Every
object is a consumer of its own, and each script asks first whether the entry is still that consumer's.
"""

from __future__ import annotations

_KEYS = """
local function key(part) return KEYS[1] .. part end
local GROUP = 'framepress'
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function fields_of(entry)
  local fields = {}
  for i = 1, #entry[2], 2 do fields[entry[2][i]] = entry[2][i + 1] end
  local run, id = fields.run or '', fields.id or entry[1]
  return run, id, run .. '\\n' .. id, fields.body or ''
end
local function split(uid)
  local at = string.find(uid, '\\n', 1, true)
  return string.sub(uid, 1, at - 1), string.sub(uid, at + 1)
end
local function put(uid, body)
  local run, id = split(uid)
  redis.call('XADD', key('jobs'), '*', 'run', run, 'id', id, 'body', body)
end
local function remove(entry_id)
  redis.call('XACK', key('jobs'), GROUP, entry_id)
  redis.call('XDEL', key('jobs'), entry_id)
end
local function uncount(uid)
  redis.call('HDEL', key('deliveries'), uid)
  redis.call('HDEL', key('failures'), uid)
end
"""

# The entry if it is pending for this consumer, else nil.
_MINE = """
local function mine(entry_id, consumer)
  local pending = redis.call('XPENDING', key('jobs'), GROUP, entry_id, entry_id, 1)
  if #pending == 0 or pending[1][2] ~= consumer then return nil end
  local found = redis.call('XRANGE', key('jobs'), entry_id, entry_id)
  return found[1]
end
"""

#: ARGV: now sent jobs as run, id, body, run, id, body ... Returns how many were new.
SEND = (
    _KEYS
    + """
local count = 0
for i = 1, #ARGV, 3 do
  local run, id, body = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('SADD', key('known:' .. run), id) == 1 then
    redis.call('XADD', key('jobs'), '*', 'run', run, 'id', id, 'body', body)
    count = count + 1
  end
  if i == 1 then
    redis.call('HSET', key('runs'), run, now_ms())
    redis.call('SREM', key('cancelled'), run)
  end
end
return count
"""
)

#: ARGV: consumer, lease in ms, cursor of the reclaim ("" for not now).
#: Returns {cursor, entry id, run, id, body, deliveries, failures}, or {cursor} if there is nothing.
RECEIVE = (
    _KEYS
    + """
local consumer, lease_ms, cursor = ARGV[1], ARGV[2], ARGV[3]
local due = redis.call('ZRANGEBYSCORE', key('delayed'), '-inf', now_ms(), 'LIMIT', 0, 100)
for _, uid in ipairs(due) do
  local body = redis.call('HGET', key('held'), uid)
  redis.call('ZREM', key('delayed'), uid)
  redis.call('HDEL', key('held'), uid)
  if body then put(uid, body) end
end
-- Bounded, so that a long queue of a paused or cancelled run does not stop the server.
for _ = 1, 200 do
  local entry = nil
  if cursor ~= '' then
    local claimed = redis.call('XAUTOCLAIM', key('jobs'), GROUP, consumer, lease_ms, cursor, 'COUNT', 1)
    cursor = claimed[1]
    entry = claimed[2][1]
    if not entry and cursor == '0-0' then cursor = '' end
  else
    local read = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', 1, 'STREAMS', key('jobs'), '>')
    if not read or #read == 0 then return {cursor} end
    entry = read[1][2][1]
  end
  if entry then
    local run, id, uid, body = fields_of(entry)
    if redis.call('SISMEMBER', key('cancelled'), run) == 1 then
      remove(entry[1])
      uncount(uid)
    elseif redis.call('SISMEMBER', key('paused'), run) == 1 then
      redis.call('RPUSH', key('parked:' .. run), uid, body)
      remove(entry[1])
    else
      local deliveries = redis.call('HINCRBY', key('deliveries'), uid, 1)
      local failures = redis.call('HGET', key('failures'), uid) or '0'
      return {cursor, entry[1], run, id, body, deliveries, failures}
    end
  end
end
return {cursor}
"""
)

#: ARGV: entry id, consumer. Returns 1, or 0 if it is no longer ours.
EXTEND = (
    _KEYS
    + _MINE
    + """
local entry = mine(ARGV[1], ARGV[2])
if not entry then return 0 end
if redis.call('SISMEMBER', key('cancelled'), (fields_of(entry))) == 1 then return 0 end
redis.call('XCLAIM', key('jobs'), GROUP, ARGV[2], 0, ARGV[1], 'JUSTID')
return 1
"""
)

#: ARGV: entry id, consumer.
ACK = (
    _KEYS
    + _MINE
    + """
local entry = mine(ARGV[1], ARGV[2])
if not entry then return 0 end
local _, _, uid = fields_of(entry)
remove(ARGV[1])
uncount(uid)
return 1
"""
)

#: ARGV: entry id, consumer, delay in ms, failures to add.
GIVE_BACK = (
    _KEYS
    + _MINE
    + """
local entry = mine(ARGV[1], ARGV[2])
if not entry then return 0 end
local _, _, uid, body = fields_of(entry)
remove(ARGV[1])
if tonumber(ARGV[4]) > 0 then redis.call('HINCRBY', key('failures'), uid, ARGV[4]) end
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', key('held'), uid, body)
  redis.call('ZADD', key('delayed'), now_ms() + ARGV[3], uid)
else
  put(uid, body)
end
return 1
"""
)

#: ARGV: entry id, consumer, error as JSON.
BURY = (
    _KEYS
    + _MINE
    + """
local entry = mine(ARGV[1], ARGV[2])
if not entry then return 0 end
local run, id, uid, body = fields_of(entry)
local failures = 1 + (redis.call('HGET', key('failures'), uid) or 0)
local dead = cjson.encode({body = body, error = ARGV[3], failures = failures})
redis.call('HSET', key('dead:' .. run), id, dead)
redis.call('HINCRBY', key('runs_dead'), run, 1)
remove(ARGV[1])
uncount(uid)
return 1
"""
)

#: ARGV: run, "retry" or "drop", ids ... Returns how many.
DEAD = (
    _KEYS
    + """
local run, count = ARGV[1], 0
for i = 3, #ARGV do
  local dead = redis.call('HGET', key('dead:' .. run), ARGV[i])
  if dead then
    redis.call('HDEL', key('dead:' .. run), ARGV[i])
    redis.call('HINCRBY', key('runs_dead'), run, -1)
    if ARGV[2] == 'retry' then put(run .. '\\n' .. ARGV[i], cjson.decode(dead).body) end
    count = count + 1
  end
end
return count
"""
)

#: ARGV: run.
RESUME = (
    _KEYS
    + """
redis.call('SREM', key('paused'), ARGV[1])
local parked = key('parked:' .. ARGV[1])
for _ = 1, 1000 do
  local uid = redis.call('LPOP', parked)
  if not uid then return 0 end
  put(uid, redis.call('LPOP', parked))
end
return redis.call('LLEN', parked)
"""
)

#: ARGV: run, ids ... Returns how many were found. Entries of the stream are looked for one by one.
FORGET = (
    _KEYS
    + """
local run, wanted, found = ARGV[1], {}, 0
for i = 2, #ARGV do
  local uid = run .. '\\n' .. ARGV[i]
  wanted[uid] = true
  local hits = redis.call('HDEL', key('dead:' .. run), ARGV[i])
  if hits == 1 then redis.call('HINCRBY', key('runs_dead'), run, -1) end
  hits = hits + redis.call('ZREM', key('delayed'), uid)
  redis.call('HDEL', key('held'), uid)
  uncount(uid)
  redis.call('SREM', key('known:' .. run), ARGV[i])
  if hits > 0 then wanted[uid] = nil; found = found + 1 end
end
local from = '-'
while next(wanted) do
  local entries = redis.call('XRANGE', key('jobs'), from, '+', 'COUNT', 1000)
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local _, _, uid = fields_of(entry)
    if wanted[uid] then wanted[uid] = nil; found = found + 1; remove(entry[1]) end
  end
  from = '(' .. entries[#entries][1]
end
local parked = key('parked:' .. run)
local kept = redis.call('LRANGE', parked, 0, -1)
redis.call('DEL', parked)
for i = 1, #kept, 2 do
  if wanted[kept[i]] then found = found + 1 else redis.call('RPUSH', parked, kept[i], kept[i + 1]) end
end
return found
"""
)
