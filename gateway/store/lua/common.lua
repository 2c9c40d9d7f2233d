-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- What every script begins with. KEYS[1] is the prefix of all keys of a gateway, "spark:{ns/name}:"; no key has that name.
-- Keys behind the prefix:
--   h:<holder>    hash  what a holder used and has under way; the buckets of its limits
--   p:<instance>  hash  the reservations of a process by ID, as they were asked for
--   e             zset  when each process was last heard of
--   x:<instance>  hash  what was charged for reservations of a process that was taken for dead
--   i:<instance>  the number of the last batch of settlements of a process
--   g             the generation: a name, a space, and the time from which on it is open
--   l:<day>       stream of records; lb: hash of their bytes by day
--   c:<key>       a cached answer; ci: zset of them in the order of expiry; cs: what they take; cm: zset of purges by time
-- Numbers are doubles, so all that is computed with stays below 2^53; what may grow beyond (cost) is added in two parts. What
-- is counted is written as it shall be and never as an increase: of a transaction that was cut off in the append-only file,
-- the part that is whole may be played again with the next one.
local P = KEYS[1]
local call = redis.call
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local today = floor(time[1] / 86400)
local EXACT = 9007199254740992

local format, match = string.format, string.match

-- plus adds a number below 8e15 to one that is a text of any length, exactly.
local function plus(text, n)
  local sum = tonumber(string.sub(text, -15)) + n
  local carry = floor(sum / 1e15)
  local high = (tonumber(string.sub(text, 1, -16)) or 0) + carry
  if high == 0 then return format('%d', sum) end
  return format('%d%015d', high, sum - carry * 1e15)
end

-- lost says that the store is not the one that a process knows, or not as it was: it has another generation, or last heard
-- of the process before the process knows that it did.
local function lost(instance, generation, heard)
  if call('GET', P .. 'g') ~= generation then return true end
  return tonumber(call('ZSCORE', P .. 'e', instance) or 0) < tonumber(heard)
end

-- month numbers the month that a day lies in, as config.Calendar does: year * 12 + month - 1.
local function month(days)
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local mp = floor((5 * (doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))) + 2) / 153)
  return (yoe + era * 400) * 12 + mp + 2
end

-- begins gives the day that a month begins on.
local function begins(n)
  local y, mp = floor((n - 2) / 12), (n - 2) % 12
  local era = floor(y / 400)
  local yoe = y - era * 400
  return era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + floor((153 * mp + 2) / 5) - 719468
end

local function week(days) return floor((days + 3) / 7) end

-- A holder has these fields, and one for each bucket:
--   u  what it used: requests, tokens, number and cost of the current day, week and month, and milliseconds of the last use
--   c  what it cost in all
--   o  what is under way: slots in use and reserved money
-- Numbers go together in one text: a field each would cost most of a script's time.
local NOTHING = '0 0 0 0 0 0 0 0 0'
local REQUESTS, TOKENS, DAY, WEEK, MONTH, LAST = 1, 2, 3, 5, 7, 9

-- used gives the numbers of u, with the windows of now. They never go back, whatever the clock does.
local function used(text)
  local u = {match(text or NOTHING, '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')}
  for k = 1, 9 do u[k] = tonumber(u[k]) end
  if today > u[DAY] then
    u[DAY], u[DAY + 1], u.fresh = today, 0, true
    local w, m = week(today), month(today)
    if w > u[WEEK] then u[WEEK], u[WEEK + 1] = w, 0 end
    if m > u[MONTH] then u[MONTH], u[MONTH + 1] = m, 0 end
  end
  return u
end

-- under gives the numbers of o.
local function under(text)
  if not text then return 0, 0 end
  local slots, money = match(text, '^(%d+) (%d+)$')
  return tonumber(slots), tonumber(money)
end

-- A constraint is {holder, dimension, field, count, burst, period in microseconds, want, shadow}, where a budget's field is
-- the first letter of its calendar.
local REQUEST, TOKEN, COST, CONCURRENCY, SPENDING = 0, 1, 2, 3, 4

-- read gives u, c and o of each holder of a plan, and the buckets of its constraints behind them; at[j] is where that of
-- constraint j stands.
local function read(holders, constraints)
  local ask, at, have = {}, {}, {}
  for i = 1, #holders do ask[i] = {'HMGET', P .. 'h:' .. holders[i], 'u', 'c', 'o'} end
  for j = 1, #constraints do
    local c = constraints[j]
    if c[2] <= COST then
      local a = ask[c[1]]
      a[#a + 1] = c[3]
      at[j] = #a - 2
    end
  end
  for i = 1, #holders do have[i] = call(unpack(ask[i])) end
  return have, at
end

-- bucket reads a bucket as it is now: how much of it is taken, in whole units, and since when. What leaks out in time is
-- rounded down, and the time that it took is rounded up, so that no more ever leaks than may. Products are exact below 2^53;
-- above, they are taken for less by more than they can be wrong. A debt stays one only as long as the limit is the same.
local function bucket(text, c)
  local count, burst, per = c[4], c[5], c[6]
  local level, at, was = 0, now, count
  if text then
    local a, b, d = match(text, '^(%d+) (%d+) (%d+)$')
    level, at, was = tonumber(a), tonumber(b), tonumber(d)
  end
  if c[2] == REQUEST or was ~= count then level = min(level, burst) end
  if level <= 0 or at > now then return max(level, 0), now end
  local a = (now - at) * count
  if a < EXACT then
    local n = floor(a / per)
    if n >= level then return 0, now end
    return level - n, min(now, at + ceil(n * per / count))
  end
  local q = a / per
  local n = floor(q - q / 1125899906842624)
  if n >= level then return 0, now end
  return level - n, now
end

-- after gives the time until k units have leaked from a bucket that was read.
local function after(k, at, c)
  if k <= 0 then return 0 end
  return max(at + ceil(k * c[6] / c[4]) - now, 1)
end

local function pack(level, at, c) return format('%d %d %d', level, at, c[4]) end

-- keep bounds how long a holder is remembered that clients choose: addresses until their buckets are empty, and users for
-- forty days, told of when they are fresh. What keys, policies and routes used is never forgotten.
local function keep(name, fresh, constraints, i)
  local seconds
  if string.sub(name, 1, 3) == 'ip/' then
    seconds = 900
    for j = 1, #constraints do
      local c = constraints[j]
      if c[1] == i and c[2] <= COST then seconds = max(seconds, ceil((c[5] + c[4]) / c[4] * c[6] / 1000000)) end
    end
  elseif fresh and (string.sub(name, 1, 5) == 'user/' or string.sub(name, 1, 6) == 'token/') then
    seconds = 40 * 86400
  end
  if seconds then call('EXPIRE', P .. 'h:' .. name, seconds) end
end
