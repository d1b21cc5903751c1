-- Requests of many members for wrk: a token of its own and a fresh key for each.
-- Arguments: path, coupon, file of tokens, threads, first part of the keys.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  path, prefix = args[1], args[5]
  body = '{"coupon_id":"' .. args[2] .. '"}'
  tokens, at = {}, 0
  local line_number, share = 0, tonumber(args[4])
  for line in io.lines(args[3]) do
    if line_number % share == number then
      tokens[#tokens + 1] = "Bearer " .. line
    end
    line_number = line_number + 1
  end
end

function request()
  at = at + 1
  local headers = {
    ["Authorization"] = tokens[(at - 1) % #tokens + 1],
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = prefix .. "-" .. number .. "-" .. at,
  }
  if path == "/healthz" then -- as much work for us, but a token would be looked at
    return wrk.format("GET", path)
  end
  return wrk.format("POST", path, headers, body)
end
