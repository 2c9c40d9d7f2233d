-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Remembers that cached answers were purged.
-- ARGV: label, when in milliseconds, milliseconds that it is remembered, labels that are remembered one by one: of more, the
-- older half becomes a purge of all.
local label, at, keep, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local marks = P .. 'cm'
local function mark(name, time)
  call('ZADD', marks, format('%d', max(time, tonumber(call('ZSCORE', marks, name) or 0))), name)
end
mark(label, at)
local old = call('ZRANGEBYSCORE', marks, '-inf', format('%d', floor(now / 1000) - keep), 'LIMIT', 0, 1000)
if #old > 0 then call('ZREM', marks, unpack(old)) end
if #call('ZRANGEBYSCORE', marks, '-inf', '+inf', 'LIMIT', most, 1) > 0 then
  local half = call('ZRANGEBYSCORE', marks, '-inf', '+inf', 'LIMIT', 0, floor(most / 2))
  local last = tonumber(call('ZSCORE', marks, half[#half]))
  local all = max(last, tonumber(call('ZSCORE', marks, 'all') or 0))
  call('ZREM', marks, unpack(half))
  mark('all', all)
end
call('EXPIRE', marks, ceil(keep / 1000) + 60)
return 1
