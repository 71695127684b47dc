-- gcra.lua: src/gcra.rs for Redis, by the clock of Redis.
-- KEYS[1] the count: the moment everything counted is free again, in microseconds since 1970
-- ARGV interval, window (microseconds), 1 to count or 0 to look
-- answers: allowed (0 or 1), remaining, wait (microseconds)
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local ahead = tat + interval - now
if ahead > window then
  return {0, 0, ahead - window}
end
if ARGV[3] == '1' then
  redis.call('SET', KEYS[1], string.format('%.0f', tat + interval), 'PX', string.format('%.0f', math.ceil(ahead / 1000)))
  return {1, math.floor((window - ahead) / interval), 0}
end
return {1, math.floor((window - ahead) / interval) + 1, 0}
