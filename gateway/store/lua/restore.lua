-- Copyright The Spark Authors.
-- SPDX-License-Identifier: Apache-2.0

-- Gives a store that lost what it knew what a process remembers of it: of each number the larger one stands, so that it may
-- be done again, and by several, without counting anything twice.
-- ARGV: the generation that this is for, '' for whichever there is; the name of a new one, where there is none; microseconds
-- until a new one is open; floors {holder, requests, tokens, day, its cost, week, its cost, month, its cost, last use, cost in
-- all as text}.
-- Answer: {now, generation, microseconds until it is open}; with '' the generation is another by now.
local g = call('GET', P .. 'g')
if not g and ARGV[1] == '' then
  g = format('%s %d', ARGV[2], now + tonumber(ARGV[3]))
  call('SET', P .. 'g', g)
end
if not g or ARGV[1] ~= '' and ARGV[1] ~= g then return {now, '', 0} end

-- more says that the first of two numbers of any length is the larger one.
local function more(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

for _, f in ipairs(cjson.decode(ARGV[4])) do
  local name = f[1]
  local h = call('HMGET', P .. 'h:' .. name, 'u', 'c')
  local u, cost = used(h[1]), h[2] or '0'
  u[REQUESTS], u[TOKENS], u[LAST] = max(u[REQUESTS], f[2]), max(u[TOKENS], f[3]), max(u[LAST], f[10])
  for k = DAY, MONTH, 2 do
    local window, spent = f[k + 1], f[k + 2]
    if window > u[k] then u[k], u[k + 1] = window, spent
    elseif window == u[k] then u[k + 1] = max(u[k + 1], spent) end
  end
  if more(f[11], cost) then cost = f[11] end
  call('HSET', P .. 'h:' .. name, 'u', format('%d %d %d %d %d %d %d %d %d', unpack(u)), 'c', cost)
  keep(name, not h[1], {}, 0)
end
return {now, g, max(tonumber(match(g, '%d+$')) - now, 0)}
