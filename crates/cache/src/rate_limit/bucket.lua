-- A token bucket: `capacity` tokens at most, refilled evenly.
--
-- KEYS[1]  the bucket
-- ARGV[1]  capacity
-- ARGV[2]  tokens a second
-- returns  { granted (1 or 0), whole tokens left, ms until the next token, ms until full }

local capacity, rate = tonumber(ARGV[1]), tonumber(ARGV[2]) / 1000
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local stored = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(stored[1] or capacity)
local at = tonumber(stored[2] or now)
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)

local granted = tokens >= 1
if granted then tokens = tokens - 1 end
local next_token = tokens >= 1 and 0 or math.ceil((1 - tokens) / rate)
local full = math.ceil((capacity - tokens) / rate)

redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', now))
-- A full bucket is the same as none.
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', full + 1000))
return { granted and 1 or 0, math.floor(tokens), next_token, full }
