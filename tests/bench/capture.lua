-- Captures leads nobody has told before. Arguments: run, key, leads in a request.
local run, key, size, count = "", "", 1, 0

function init(args)
  run, key, size = args[1], args[2], tonumber(args[3])
  wrk.headers["Content-Type"] = "application/json"
  if key ~= "" then wrk.headers["Authorization"] = "Bearer " .. key end
end

local function lead()
  count = count + 1
  return '{"email":"anna.' .. run .. "." .. count .. '@example.com","first_name":"Anna","last_name":"Larsen",' ..
    '"company":"Nordlys AS","message":"Do you ship to Norway, and what would it cost?",' ..
    '"source":{"channel":"chat","page_url":"https://shop.example/lamps?utm_source=mail"}}'
end

function request()
  if size == 1 then return wrk.format("POST", nil, nil, lead()) end
  local leads = {}
  for n = 1, size do leads[n] = lead() end
  return wrk.format("POST", nil, nil, '{"leads":[' .. table.concat(leads, ",") .. "]}")
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
