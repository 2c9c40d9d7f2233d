-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- What every script begins with. KEYS[1] is the prefix of all keys of a gateway, "spark:{ns/name}:"; no key has that name.
-- Keys behind the prefix:
--   h:<holder>    hash  what a holder used and has under way; the buckets of its limits
--   p:<instance>  hash  the reservations of a process by ID, as they were asked for
--   e             zset  when each process was last heard of
--   x:<instance>  hash  what was charged for reservations of a process that was taken for dead
--   i:<instance>  the number of the last batch of settlements of a process
--   l:<day>       stream of records; lb: hash of their bytes by day
-- Numbers are doubles, so all that is computed with stays below 2^53; what may grow beyond (cost) is counted by HINCRBY.
local P = KEYS[1]
local call = redis.call
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local today = floor(time[1] / 86400)
local EXACT = 9007199254740992

local function str(n) return string.format('%.0f', n) end

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

-- The fields of a holder that every script reads, in this order: slots in use, reserved money, requests, tokens, last use in
-- milliseconds, and the numbers and costs of the current windows.
local SLOTS, MONEY, REQUESTS, TOKENS, LAST, DAY, WEEK, MONTH = 1, 2, 3, 4, 5, 6, 8, 10
local FIELDS = {'s', 'v', 'r', 't', 'l', 'dn', 'd', 'wn', 'w', 'mn', 'm'}
local BASE = #FIELDS

-- A constraint is {holder, dimension, field, count, burst, period in microseconds, want, shadow}, where a budget's field is
-- the first letter of its calendar.
local REQUEST, TOKEN, COST, CONCURRENCY, SPENDING = 0, 1, 2, 3, 4

-- read gives the fields of each holder of a plan, those of the buckets of its constraints behind the others; at[j] is where
-- that of constraint j stands.
local function read(holders, constraints)
  local ask, at, have = {}, {}, {}
  for i = 1, #holders do ask[i] = {unpack(FIELDS)} end
  for j = 1, #constraints do
    local c = constraints[j]
    if c[2] <= COST then
      local a = ask[c[1]]
      a[#a + 1] = c[3]
      at[j] = #a
    end
  end
  for i = 1, #holders do
    local h = call('HMGET', P .. 'h:' .. holders[i], unpack(ask[i]))
    h.new = not h[DAY]
    for k = 1, BASE do h[k] = tonumber(h[k] or 0) end
    have[i] = h
  end
  return have, at
end

-- bucket reads a bucket as it is now: how much of it is taken, in whole units, and since when. What leaks out in time is
-- rounded down, and the time that it took is rounded up, so that no more ever leaks than may. Products are exact below 2^53;
-- above, they are taken for less by more than they can be wrong. A debt stays one only as long as the limit is the same.
local function bucket(text, c)
  local count, burst, per = c[4], c[5], c[6]
  local level, at, was = 0, now, count
  if text then
    local a, b, d = string.match(text, '^(%d+) (%d+) (%d+)$')
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

local function pack(level, at, c) return str(level) .. ' ' .. str(at) .. ' ' .. str(c[4]) end

-- roll moves the windows of a holder on; they never go back, whatever the clock does.
local function roll(h)
  local numbers = {[DAY] = today, [WEEK] = week(today), [MONTH] = month(today)}
  for k, n in pairs(numbers) do
    if n > h[k] then h[k], h[k + 1] = n, 0 end
  end
end

-- keep bounds how long a holder is remembered that clients choose: addresses until their buckets are empty, and users for
-- forty days. What keys, policies and routes used is never forgotten.
local function keep(name, h, constraints, i)
  local seconds
  if string.sub(name, 1, 3) == 'ip/' then
    seconds = 900
    for j = 1, #constraints do
      local c = constraints[j]
      if c[1] == i and c[2] <= COST then seconds = max(seconds, ceil((c[5] + c[4]) / c[4] * c[6] / 1000000)) end
    end
  elseif h.fresh and (string.sub(name, 1, 5) == 'user/' or string.sub(name, 1, 6) == 'token/') then
    seconds = 40 * 86400
  end
  if seconds then call('EXPIRE', P .. 'h:' .. name, str(seconds)) end
end

-- totals gives what a holder used in all, exactly as it is counted.
local function totals(name)
  local t = call('HMGET', P .. 'h:' .. name, 'r', 't', 'c', 'dn', 'd', 'wn', 'w', 'mn', 'm', 'l')
  for k = 1, 10 do t[k] = t[k] or '0' end
  return table.concat(t, ' ')
end
