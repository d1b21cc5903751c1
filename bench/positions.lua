-- Batches of positions for wrk: each line of the file is a token, a tab and a body, sent once.
-- Arguments: file, threads.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  lines, at = {}, 0
  local line_number, share = 0, tonumber(args[2])
  for line in io.lines(args[1]) do
    if line_number % share == number then
      lines[#lines + 1] = line
    end
    line_number = line_number + 1
  end
end

function request()
  at = at + 1
  if at > #lines then
    wrk.thread:stop()
    at = 1
  end
  local token, body = lines[at]:match("^([^\t]*)\t(.*)$")
  local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
  return wrk.format("POST", "/v1/positions", headers, body)
end
