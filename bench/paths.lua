-- Requests for wrk from a file of paths, one a line, in turn; threads begin at different lines.
-- Arguments: file of paths, threads.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  paths = {}
  for line in io.lines(args[1]) do
    paths[#paths + 1] = line
  end
  at = math.floor(number * #paths / tonumber(args[2]))
end

function request()
  at = at + 1
  return wrk.format("GET", paths[(at - 1) % #paths + 1])
end
