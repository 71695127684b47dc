-- last_position.lua: keeps the highest. KEYS[1] the user's; ARGV position (20 digits, so that text compares as numbers
-- do and none loses its low bits as a double), milliseconds to keep it
local known = redis.call('GET', KEYS[1])
if not known or known <= ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
