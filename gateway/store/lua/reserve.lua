-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Takes all that a request needs, or nothing.
-- ARGV: instance, ID, plan {holders, constraints, {least tokens, least cost}, cost}, time after which its caller has given up,
-- generation, when this process was last heard of as it knows.
-- Answer: {said, now, refused, wait, shadowed, requests {index, remaining, reset}, tokens {likewise}, totals of each holder},
-- where said is 1 for yes, 0 for no, 2 for too late, 3 for an ID that is known, 4 for a store that lost something. Times are
-- microseconds; indices are from 1, 0 for none; a wait of -1 never ends.
local instance, id = ARGV[1], ARGV[2]
if now > tonumber(ARGV[4]) then return {2, now} end
if lost(instance, ARGV[5], ARGV[6]) then return {4, now} end
local plan = cjson.decode(ARGV[3])
local holders, constraints = plan[1], plan[2]
local have, at = read(holders, constraints)
local never = 1e300

-- spent gives the cost in the window of a budget, and the time until it ends.
local function spent(letter, h)
  if letter == 't' then return tonumber(h[2] or 0), never end
  h.used = h.used or used(h[1])
  local u, cost, day = h.used
  if letter == 'd' then cost, day = u[DAY + 1], u[DAY] + 1
  elseif letter == 'w' then cost, day = u[WEEK + 1], (u[WEEK] + 1) * 7 - 3
  else cost, day = u[MONTH + 1], begins(u[MONTH] + 1) end
  return cost, max(day * 86400000000 - now, 1)
end

for i = 1, #holders do
  local h = have[i]
  h.slots, h.money = under(h[3])
end

-- look says whether a constraint lets the request pass, else how long to wait.
local level, since = {}, {}
local function look(j, c, h)
  if c[2] == CONCURRENCY then return h.slots + 1 <= c[4], 0 end
  if c[2] == SPENDING then
    local cost, ends = spent(c[3], h)
    return cost + h.money + c[7] <= c[4], ends
  end
  level[j], since[j] = bucket(h[at[j]], c)
  return level[j] + c[7] <= c[5], after(level[j] + c[7] - c[5], since[j], c)
end

local refused, wait, shadowed = 0, -1, 0
local fits, waits = {}, {}
for j = 1, #constraints do
  local c = constraints[j]
  local ok, w = look(j, c, have[c[1]])
  fits[j], waits[j] = ok, w
  if not ok then
    if c[8] == 1 then
      if shadowed == 0 then shadowed = j end
    elseif w > wait then
      refused, wait = j, w
    end
  end
end

-- Nothing is written for a request that is refused: a flood of them costs the server little.
local taken, uneven = {}, false
if refused == 0 then
  local sets = {}
  for i = 1, #holders do
    local h = have[i]
    sets[i] = {'HSET', P .. 'h:' .. holders[i], 'o', format('%d %d', h.slots + 1, h.money + plan[4])}
  end
  for j = 1, #constraints do
    local c = constraints[j]
    taken[j] = 0
    if c[2] <= COST then
      -- What a limit in shadow would have refused takes what there is, so that it shows the truth.
      local next = max(level[j], min(level[j] + c[7], c[5]))
      local took = next - level[j]
      taken[j] = format('%d', took)
      if took ~= c[7] then uneven = true end
      level[j] = next
      local set = sets[c[1]]
      set[#set + 1] = c[3]
      set[#set + 1] = pack(next, since[j], c)
    end
  end
  local lease = '|' .. ARGV[3]
  if uneven then lease = table.concat(taken, ',') .. lease end
  if call('HSETNX', P .. 'p:' .. instance, id, lease) == 0 then return {3, now} end
  local heard = call('ZSCORE', P .. 'e', instance)
  if not heard or tonumber(heard) < now - 5000000 then call('ZADD', P .. 'e', now, instance) end
  for i = 1, #holders do
    call(unpack(sets[i]))
    keep(holders[i], not have[i][1], constraints, i)
  end
end

-- The tightest limits of requests and of tokens: those that refuse, of them the one with the longest wait, else the one
-- with the least remaining.
local answer = {refused == 0 and 1 or 0, now, refused, wait, shadowed}
if refused > 0 and wait >= never then answer[4] = -1 end
for dimension = REQUEST, TOKEN do
  local best, bw, br, reset = 0, -1, 0, 0
  for j = 1, #constraints do
    local c = constraints[j]
    if c[2] == dimension and c[8] == 0 then
      local w, r = fits[j] and 0 or waits[j], max(c[5] - level[j], 0)
      if best == 0 or w > bw or w == bw and r < br then
        best, bw, br, reset = j, w, r, after(level[j], since[j], c)
      end
    end
  end
  answer[#answer + 1] = best
  answer[#answer + 1] = br
  answer[#answer + 1] = reset
end
for i = 1, #holders do answer[#answer + 1] = (have[i][1] or NOTHING) .. ' ' .. (have[i][2] or '0') end
return answer
