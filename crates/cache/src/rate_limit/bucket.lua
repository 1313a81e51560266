-- Token buckets: `capacity` tokens at most, refilled evenly.
--
-- What is kept is what has been used of it: so another capacity counts at once, and
-- gives nobody back what they have used.
--
-- KEYS     the buckets
-- ARGV     for each of them:
--          capacity
--          tokens a second
--          tokens wanted, of which as many are granted as there are; below 0: tokens that
--          are given back
-- returns  for each of them:
--          { tokens granted, whole tokens left, ms until the next token, ms until full }

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}

for place, key in ipairs(KEYS) do
  local first = place * 3 - 2
  local capacity, wanted = tonumber(ARGV[first]), tonumber(ARGV[first + 2])
  local rate = tonumber(ARGV[first + 1]) / 1000

  local stored = redis.call('HMGET', key, 'used', 'at')
  local used = tonumber(stored[1] or 0)
  local at = tonumber(stored[2] or now)
  used = math.max(0, used - math.max(0, now - at) * rate)

  local granted = math.min(wanted, math.max(0, math.floor(capacity - used)))
  used = math.max(0, used + granted)
  local tokens = capacity - used
  local next_token = tokens >= 1 and 0 or math.ceil((1 - tokens) / rate)
  local full = math.ceil(used / rate)

  -- A refusal changes nothing, so that asking often rounds nothing.
  if granted ~= 0 then
    redis.call('HSET', key, 'used', string.format('%.17g', used), 'at', string.format('%.0f', now))
    -- A full bucket is the same as none.
    redis.call('PEXPIRE', key, string.format('%.0f', full + 1000))
  end
  answers[place] = { granted, math.max(0, math.floor(tokens)), next_token, full }
end

return answers
