-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- What settling and sweeping have in common.

-- charge settles a plan: slots and reserved money of a lease are given back, and what was used is counted.
-- how: lease (whether there is one), taken (of each bucket, nil for as much as was wanted), sent (whether use counts), undo
-- (whether not even the request counts), tokens and cost used, tokens and cost that were charged before, requests to count,
-- last (milliseconds). Totals, where it is not nil, gets those of each holder.
local function charge(plan, how, totals)
  local holders, constraints = plan[1], plan[2]
  local have, at = read(holders, constraints)
  local tokens, cost = max(how.tokens - how.beforeTokens, 0), max(how.cost - how.beforeCost, 0)
  local sets = {}
  for i = 1, #holders do
    local h, set = have[i], {'HSET', P .. 'h:' .. holders[i]}
    if how.lease then
      local slots, money = under(h[3])
      set[3], set[4] = 'o', format('%d %d', max(slots - 1, 0), max(money - plan[4], 0))
    end
    if how.sent then
      local u = used(h[1])
      u[REQUESTS], u[TOKENS], u[LAST] = u[REQUESTS] + how.requests, u[TOKENS] + tokens, max(u[LAST], how.last)
      u[DAY + 1], u[WEEK + 1], u[MONTH + 1] = u[DAY + 1] + cost, u[WEEK + 1] + cost, u[MONTH + 1] + cost
      h[1], h.fresh = format('%d %d %d %d %d %d %d %d %d', unpack(u)), u.fresh
      set[#set + 1], set[#set + 2] = 'u', h[1]
      if cost > 0 then
        h[2] = plus(h[2] or '0', cost)
        set[#set + 1], set[#set + 2] = 'c', h[2]
      end
    end
    sets[i] = set
  end
  for j = 1, #constraints do
    local c, change = constraints[j], 0
    if c[2] == REQUEST then
      if how.undo then change = -(how.taken and how.taken[j] or c[7])
      elseif not how.lease and how.sent then change = how.requests end
    elseif c[2] <= COST then
      change = c[2] == TOKEN and tokens or cost
      if how.lease then change = change - (how.taken and how.taken[j] or c[7]) end
    end
    if c[2] <= COST and change ~= 0 then
      local level, since = bucket(have[c[1]][at[j]], c)
      -- Too much used becomes a debt, of a period at most.
      if change < 0 then level = max(level + change, 0)
      else level = max(level, min(level + change, c[5] + c[4])) end
      local set = sets[c[1]]
      set[#set + 1] = c[3]
      set[#set + 1] = pack(level, since, c)
    end
  end
  for i = 1, #holders do
    local name, h = holders[i], have[i]
    if #sets[i] > 2 then call(unpack(sets[i])) end
    if #sets[i] > 2 then keep(name, h.fresh, constraints, i) end
    if totals then totals[name] = (h[1] or NOTHING) .. ' ' .. (h[2] or '0') end
  end
end

-- uneven gives what a lease says was taken of each bucket, nil where it was all that was wanted; its plan is behind the bar.
local function uneven(lease, bar)
  if bar == 1 then return nil end
  local taken = {}
  for n in string.gmatch(string.sub(lease, 1, bar - 1), '%d+') do taken[#taken + 1] = tonumber(n) end
  return taken
end
