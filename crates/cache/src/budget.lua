-- The arithmetic of panels::budget::Window over a hash: change both or neither.
--
-- KEYS[1]  the bucket
-- ARGV[1]  take | learn | block
-- ARGV[2]  now in ms since 1970; empty: the server's clock
-- ARGV[3]  the limit of a bucket that nobody has used
-- ARGV[4]  learn: the panel's limit       block: for how many ms
-- ARGV[5]  learn: what the panel has left
-- returns  0, or for take how many ms to wait before asking again

local WINDOW, SLACK, SETTLE = 60000, 250, 3000
-- A bucket is forgotten after a day, with the limit that the panel taught it.
local KEEP = 86400000

local now = tonumber(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local stored = redis.call('HMGET', KEYS[1], 'limit', 'remaining', 'began_at', 'settled_at', 'blocked_until')
local limit = tonumber(stored[1] or math.max(1, ARGV[3]))
local remaining = tonumber(stored[2] or limit)
local began_at = tonumber(stored[3] or '')
local settled_at = tonumber(stored[4] or 0)
local blocked_until = tonumber(stored[5] or 0)
local wait = 0

if ARGV[1] == 'take' then
  local age = began_at and now - began_at
  if now < blocked_until then
    wait = blocked_until - now
  elseif age and age >= 0 and age < WINDOW + SLACK then
    if remaining == 0 or age > WINDOW - SLACK then
      wait = WINDOW + SLACK - age
    else
      remaining = remaining - 1
    end
  else
    local follows = age and age < 2 * WINDOW
    settled_at = follows and now + SETTLE or now
    began_at = now
    remaining = limit - 1
  end
elseif ARGV[1] == 'learn' then
  local used = math.max(0, limit - remaining)
  limit = math.max(1, tonumber(ARGV[4]))
  remaining = math.max(0, limit - used)
  if now >= settled_at then
    remaining = math.min(remaining, tonumber(ARGV[5]))
  end
elseif ARGV[1] == 'block' then
  blocked_until = math.max(blocked_until, now + tonumber(ARGV[4]))
  began_at = nil
else
  return redis.error_reply('unknown operation ' .. ARGV[1])
end

if wait == 0 then
  -- Lua writes large numbers as floats unless told otherwise.
  local function whole(number) return string.format('%.0f', number) end
  redis.call('HSET', KEYS[1],
    'limit', whole(limit),
    'remaining', whole(remaining),
    'began_at', began_at and whole(began_at) or '',
    'settled_at', whole(settled_at),
    'blocked_until', whole(blocked_until))
  redis.call('PEXPIRE', KEYS[1], whole(KEEP + math.max(0, blocked_until - now)))
end
return wait
