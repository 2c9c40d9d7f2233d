-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Keeps a cached answer for a while, within a bound of all of them: those that expire first make room.
-- ARGV: key, value, milliseconds that it is kept, KiB that all may take.
-- Answer: how many had to make room.
-- The index has, of each answer, when it expires in seconds, times UNIT, plus its size in KiB: so it is in the order of expiry,
-- and exact. Where the server evicts by itself, what it evicted counts until it would have expired.
local UNIT, AROUND = 2097152, 256
local key, value, ttl, most = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local index, sum = P .. 'ci', P .. 'cs'
local size = ceil((#value + AROUND) / 1024)
local taken = tonumber(call('GET', sum) or 0)
local evicted = 0

local function forget(name, score)
  call('UNLINK', P .. 'c:' .. name)
  call('ZREM', index, name)
  taken = taken - tonumber(score) % UNIT
end

local known = call('ZSCORE', index, key)
if known then forget(key, known) end
local gone = call('ZRANGEBYSCORE', index, '-inf', format('%d', floor(now / 1000000) * UNIT), 'WITHSCORES', 'LIMIT', 0, 100)
for n = 1, #gone, 2 do forget(gone[n], gone[n + 1]) end
while taken + size > most do
  local first = call('ZRANGEBYSCORE', index, '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
  if #first == 0 then
    taken = 0
    break
  end
  forget(first[1], first[2])
  evicted = evicted + 1
end
if size <= most then
  call('SET', P .. 'c:' .. key, value, 'PX', ttl)
  -- A second more, so that what is forgotten is gone.
  call('ZADD', index, format('%d', (floor((now + ttl * 1000) / 1000000) + 1) * UNIT + size), key)
  taken = taken + size
end
call('SET', sum, format('%d', max(taken, 0)))
-- Longer than any answer is kept.
call('EXPIRE', index, 3000000)
call('EXPIRE', sum, 3000000)
return evicted
