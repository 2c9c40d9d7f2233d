-- What settling and sweeping have in common.

-- charge settles a plan: slots and reserved money of a lease are given back, and what was used is counted.
-- how: lease (whether there is one), taken (of each bucket, nil for as much as was wanted), sent (whether use counts), undo
-- (whether not even the request counts), tokens and cost used, tokens and cost that were charged before, requests to count,
-- last (milliseconds).
local function charge(plan, how)
  local holders, constraints = plan[1], plan[2]
  local have, at = read(holders, constraints)
  local tokens, cost = max(how.tokens - how.beforeTokens, 0), max(how.cost - how.beforeCost, 0)
  local sets = {}
  for i = 1, #holders do
    local h, set = have[i], {}
    local was = h[DAY]
    roll(h)
    h.fresh = was ~= h[DAY]
    if how.lease then
      set[1], set[2], set[3], set[4] = 's', str(max(h[SLOTS] - 1, 0)), 'v', str(max(h[MONEY] - plan[4], 0))
    end
    if how.sent then
      h[REQUESTS], h[TOKENS], h[LAST] = h[REQUESTS] + how.requests, h[TOKENS] + tokens, max(h[LAST], how.last)
      for _, k in ipairs({DAY, WEEK, MONTH}) do h[k + 1] = h[k + 1] + cost end
      for k = REQUESTS, BASE do
        set[#set + 1] = FIELDS[k]
        set[#set + 1] = str(h[k])
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
    local key = P .. 'h:' .. holders[i]
    if #sets[i] > 0 then
      call('HSET', key, unpack(sets[i]))
      if how.sent and cost > 0 then call('HINCRBY', key, 'c', str(cost)) end
      keep(holders[i], have[i], constraints, i)
    end
  end
end

-- split parses a lease: what was taken where that is not what was wanted, and the plan.
local function split(lease)
  local bar = string.find(lease, '|', 1, true)
  local taken
  if bar > 1 then
    taken = {}
    for n in string.gmatch(string.sub(lease, 1, bar - 1), '%d+') do taken[#taken + 1] = tonumber(n) end
  end
  return cjson.decode(string.sub(lease, bar + 1)), taken
end
