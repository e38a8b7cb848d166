-- Every request creates a note with a title of its own.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local number = 0
local body = string.rep("A body. ", 25)
local run = os.time()

request = function()
   number = number + 1
   return wrk.format(nil, nil, nil, '{"title":"Note ' .. run .. ' ' .. number .. '","body":"' .. body .. '"}')
end
