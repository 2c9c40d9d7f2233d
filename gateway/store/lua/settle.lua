-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Settles a batch of requests of one process. Batches are numbered, and sent again with the same number until one answer was
-- heard, so that each counts once. The first write is one that a server without memory refuses: it takes a batch as a whole.
-- ARGV: instance, number of the batch, items, retention in seconds, bytes that all records may take, generation, when this
-- process was last heard of as it knows, then day and records of that day, joined by line feeds, for each day.
-- An item is {ID, mode, tokens, cost, last, plan}: mode 0 was not sent, 1 was, 2 is of a reservation whose answer was not
-- heard; with 3 the plan is a list of {holder, requests, tokens, cost} that are only counted.
-- Answer: {now, holder, totals, holder, totals, …}, nothing where the store lost something.
local instance, number = ARGV[1], tonumber(ARGV[2])
local done = P .. 'i:' .. instance
if lost(instance, ARGV[6], ARGV[7]) then return {} end
if number <= tonumber(call('GET', done) or 0) then return {now} end
call('SET', done, ARGV[2], 'EX', '604800')
local mine, swept = P .. 'p:' .. instance, P .. 'x:' .. instance
local items = cjson.decode(ARGV[3])
local totals = {}

local function settle(item)
  local id, mode, plan = item[1], item[2], item[6]
  local how = {sent = mode == 1, undo = mode == 2, tokens = item[3], cost = item[4], last = item[5], requests = 1,
    beforeTokens = 0, beforeCost = 0, lease = false}
  local lease = id ~= '' and call('HGET', mine, id)
  if lease then
    call('HDEL', mine, id)
    local bar = string.find(lease, '|', 1, true)
    how.lease, how.taken = true, uneven(lease, bar)
    if mode == 2 then plan = cjson.decode(string.sub(lease, bar + 1)) end
  elseif mode == 2 then
    return
  elseif id ~= '' then
    local before = call('HGET', swept, id)
    if before then
      call('HDEL', swept, id)
      local t, c = match(before, '^(%d+) (%d+)$')
      how.beforeTokens, how.beforeCost, how.requests = tonumber(t), tonumber(c), 0
    end
  end
  if mode ~= 1 then how.tokens, how.cost = 0, 0 end
  charge(plan, how, totals)
end

for n = 1, #items do
  local item = items[n]
  if item[2] == 3 then
    for _, use in ipairs(item[6]) do
      charge({{use[1]}, {}, {0, 0}, 0}, {sent = true, tokens = use[3], cost = use[4], last = item[5], requests = use[2],
        beforeTokens = 0, beforeCost = 0}, totals)
    end
  else
    settle(item)
  end
end

-- Records: one entry for all of a day in the batch.
local retention, most = tonumber(ARGV[4]), tonumber(ARGV[5])
local sizes = P .. 'lb'
for k = 8, #ARGV, 2 do
  local day, text = min(tonumber(ARGV[k]), today), ARGV[k + 1]
  local ends = (day + 1) * 86400 + retention
  if ends * 1000000 > now then
    local stream = P .. 'l:' .. format('%d', day)
    call('XADD', stream, '*', 'r', text)
    local size = call('HINCRBY', sizes, format('%d', day), #text + 128)
    if size == #text + 128 then
      call('EXPIREAT', stream, ends)
      local first = call('HGET', sizes, 'first')
      if not first or tonumber(first) > day then call('HSET', sizes, 'first', format('%d', day)) end
    end
    call('HINCRBY', sizes, 'sum', #text + 128)
  end
end

-- Old days first, and of one day its oldest entries, so many at a time: more than come, so that it catches up.
local function trim()
  local first = tonumber(call('HGET', sizes, 'first') or today)
  for _ = 1, 64 do
    local size = tonumber(call('HGET', sizes, format('%d', first)) or 0)
    if size > 0 and (first + 1) * 86400 + retention > now / 1000000 then break end
    if size > 0 then
      call('UNLINK', P .. 'l:' .. format('%d', first))
      call('HINCRBY', sizes, 'sum', -size)
      call('HDEL', sizes, format('%d', first))
    end
    if first >= today then break end
    first = first + 1
  end
  call('HSET', sizes, 'first', format('%d', first))
  local sum = tonumber(call('HGET', sizes, 'sum') or 0)
  if sum <= most then return end
  local stream = P .. 'l:' .. format('%d', first)
  local entries, size = call('XLEN', stream), tonumber(call('HGET', sizes, format('%d', first)) or 0)
  -- How large those are that go is looked up: a batch may be of one record or of many, so that a mean would be far off.
  local dropped, freed, from = 0, 0, '-'
  while dropped < entries and dropped < 1000 and freed < sum - most and freed < 4194304 do
    local guess = ceil((sum - most - freed) * entries / max(size, 1))
    local oldest = call('XRANGE', stream, from, '+', 'COUNT', max(min(guess, 100), 1))
    if #oldest == 0 then break end
    for n = 1, #oldest do
      if freed >= sum - most then break end
      dropped, freed = dropped + 1, freed + #oldest[n][2][2] + 128
    end
    local ms, seq = match(oldest[#oldest][1], '^(%d+)-(%d+)$')
    from = ms .. '-' .. format('%d', seq + 1)
  end
  if dropped < entries then
    call('XTRIM', stream, 'MAXLEN', entries - dropped)
    call('HINCRBY', sizes, format('%d', first), -freed)
  else
    freed = size
    call('UNLINK', stream)
    call('HDEL', sizes, format('%d', first))
  end
  call('HINCRBY', sizes, 'sum', -freed)
end
if #ARGV >= 8 then trim() end

local answer = {now}
for holder, text in pairs(totals) do
  answer[#answer + 1] = holder
  answer[#answer + 1] = text
end
return answer
