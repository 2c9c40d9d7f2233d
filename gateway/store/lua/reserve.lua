-- Takes all that a request needs, or nothing.
-- ARGV: instance, ID, plan {holders, constraints, {least tokens, least cost}, cost}, time after which its caller has given up.
-- Answer: {said, now, refused, wait, shadowed, requests {index, remaining, reset}, tokens {likewise}, totals of each holder},
-- where said is 1 for yes, 0 for no, 2 for too late, 3 for an ID that is known. Times are microseconds; indices are from 1,
-- 0 for none; a wait of -1 never ends.
local instance, id = ARGV[1], ARGV[2]
if now > tonumber(ARGV[4]) then return {2, now} end
local mine = P .. 'p:' .. instance
if call('HEXISTS', mine, id) == 1 then return {3, now} end
local plan = cjson.decode(ARGV[3])
local holders, constraints = plan[1], plan[2]
local have, at = read(holders, constraints)
local never = 1e300

-- ends gives the time until the window of a budget ends.
local function ends(letter, h)
  if letter == 't' then return never end
  local day
  if letter == 'd' then day = h[DAY] + 1
  elseif letter == 'w' then day = (h[WEEK] + 1) * 7 - 3
  else day = begins(h[MONTH] + 1) end
  return max(day * 86400000000 - now, 1)
end

-- spent gives the cost in the window of a budget.
local function spent(letter, h, name)
  if letter == 'd' then return h[DAY + 1] end
  if letter == 'w' then return h[WEEK + 1] end
  if letter == 'm' then return h[MONTH + 1] end
  return tonumber(call('HGET', P .. 'h:' .. name, 'c') or 0)
end

for i = 1, #holders do
  have[i].was = have[i][DAY]
  roll(have[i])
end

-- look says whether a constraint lets the request pass, else how long to wait.
local level, since = {}, {}
local function look(j, c, h)
  if c[2] == CONCURRENCY then return h[SLOTS] + 1 <= c[4], 0 end
  if c[2] == SPENDING then
    return spent(c[3], h, holders[c[1]]) + h[MONEY] + c[7] <= c[4], ends(c[3], h)
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
    sets[i] = {'s', str(h[SLOTS] + 1), 'v', str(h[MONEY] + plan[4])}
  end
  for j = 1, #constraints do
    local c = constraints[j]
    taken[j] = 0
    if c[2] <= COST then
      -- What a limit in shadow would have refused takes what there is, so that it shows the truth.
      local next = max(level[j], min(level[j] + c[7], c[5]))
      taken[j] = next - level[j]
      if taken[j] ~= c[7] then uneven = true end
      level[j] = next
      local set = sets[c[1]]
      set[#set + 1] = c[3]
      set[#set + 1] = pack(next, since[j], c)
    end
  end
  local lease = ''
  if uneven then
    local texts = {}
    for j = 1, #taken do texts[j] = str(taken[j]) end
    lease = table.concat(texts, ',')
  end
  call('HSET', mine, id, lease .. '|' .. ARGV[3])
  local heard = call('ZSCORE', P .. 'e', instance)
  if not heard or tonumber(heard) < now - 5000000 then call('ZADD', P .. 'e', str(now), instance) end
  for i = 1, #holders do
    local h, set = have[i], sets[i]
    if h.was ~= h[DAY] then
      h.fresh = true
      for _, k in ipairs({DAY, WEEK, MONTH}) do
        for m = k, k + 1 do
          set[#set + 1] = FIELDS[m]
          set[#set + 1] = str(h[m])
        end
      end
    end
    call('HSET', P .. 'h:' .. holders[i], unpack(set))
    keep(holders[i], h, constraints, i)
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
for i = 1, #holders do answer[#answer + 1] = totals(holders[i]) end
return answer
