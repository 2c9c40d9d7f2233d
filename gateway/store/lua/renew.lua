-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Says that a process lives, and sweeps up, some at a time, what a process left behind that was not heard of for long.
-- ARGV: instance, microseconds after which a process is taken for dead, whether this one leaves (1), generation, when this one
-- was last heard of as it knows.
-- Answer: {now, how many were swept, whether there are more}, the last one -1 where the store lost something.
local instance, silence = ARGV[1], tonumber(ARGV[2])
if lost(instance, ARGV[4], ARGV[5]) then return {now, 0, -1} end
if ARGV[3] == '1' then
  if call('HLEN', P .. 'p:' .. instance) == 0 then call('ZREM', P .. 'e', instance) end
else
  call('ZADD', P .. 'e', now, instance)
end
local dead = call('ZRANGEBYSCORE', P .. 'e', '-inf', now - silence, 'LIMIT', 0, 1)[1]
if not dead then return {now, 0, 0} end
local leases, swept = P .. 'p:' .. dead, P .. 'x:' .. dead
local found = call('HRANDFIELD', leases, 50, 'WITHVALUES')
for n = 1, #found, 2 do
  local lease = found[n + 1]
  local bar = string.find(lease, '|', 1, true)
  local plan, taken = cjson.decode(string.sub(lease, bar + 1)), uneven(lease, bar)
  local least = plan[3]
  -- It may have been sent, so it counts as a request, with the least that it can have cost.
  charge(plan, {lease = true, taken = taken, sent = true, tokens = least[1], cost = least[2], requests = 1,
    beforeTokens = 0, beforeCost = 0, last = floor(now / 1000)})
  call('HSET', swept, found[n], format('%d %d', least[1], least[2]))
  call('HDEL', leases, found[n])
end
if #found > 0 then call('EXPIRE', swept, 86400) end
if call('HLEN', leases) > 0 then return {now, #found / 2, 1} end
call('ZREM', P .. 'e', dead)
return {now, #found / 2, 1}
