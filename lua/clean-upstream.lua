-- Takes what is ours out of a request before the upstream sees it.
--
-- Reads and sets:
--   cookie                    loses the cookies of our names, nothing else
--   authorization             goes if it is "Pomerium ..." or "Bearer Pomerium-..."
--   x-pomerium-authorization  goes
--   :path, referer            lose the query parameter pomerium_session
--
-- Envoy runs it only on requests in which one of these might be found
-- (envoy/xds/filter_clean.go has the conditions, which must let through all that
-- is looked for here). Every call into Envoy costs, so each part looks with a
-- plain find before it takes anything apart.

local PARAMETER = "pomerium_session"

-- without_ours returns a Cookie value without our cookies, byte for byte as it
-- was elsewhere; the same value if none was ours, nil if nothing is left.
local function without_ours(value)
  local kept, n, removed, from = {}, 0, false, 1
  while true do
    local at = find(value, ";", from, true)
    local pair = sub(value, from, at and at - 1)
    if ours(cookie_name(pair)) then
      removed = true
    else
      n = n + 1
      kept[n] = pair
    end
    if not at then
      break
    end
    from = at + 1
  end
  if not removed then
    return value
  end
  local rest = gsub(concat(kept, ";"), "^[ \t]+", "")
  if not find(rest, "[^; \t]") then
    return nil
  end
  return rest
end

local function clean_cookies(headers)
  local kept, changed = {}, false
  for _, value in ipairs(values(headers, "cookie")) do
    local rest = value
    if find(value, NAME, 1, true) then
      rest = without_ours(value)
    end
    changed = changed or rest ~= value
    kept[#kept + 1] = rest
  end
  if changed then
    set(headers, "cookie", kept)
  end
end

-- credential tells whether one Authorization value is a ticket of ours.
local function credential(value)
  local scheme, rest = match(lower(value), "^[ \t]*([^ \t]+)[ \t]*(.*)$")
  return scheme == "pomerium" or (scheme == "bearer" and sub(rest, 1, 9) == "pomerium-")
end

local function clean_authorization(headers)
  local kept, changed = {}, false
  for _, value in ipairs(values(headers, "authorization")) do
    local mine = false
    -- Several headers of this name may arrive as one, joined by commas.
    for part in string.gmatch(value, "[^,]+") do
      mine = mine or credential(part)
    end
    if mine then
      changed = true
    else
      kept[#kept + 1] = value
    end
  end
  if changed then
    set(headers, "authorization", kept)
  end
end

-- decoded undoes the percent encoding of a parameter's name.
local function decoded(name)
  return (gsub(name, "%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- without_parameter cuts our parameter out of an address and leaves the rest as
-- it is. It returns nil if there is nothing to cut.
local function without_parameter(address)
  local mark = find(address, "?", 1, true)
  if not mark then
    return nil
  end
  if not find(address, PARAMETER, mark, true) and not find(address, "%", mark, true) then
    return nil
  end
  local kept, removed = {}, false
  for pair in string.gmatch(sub(address, mark + 1) .. "&", "([^&]*)&") do
    local name = match(pair, "^[^=]*")
    if decoded(name) == PARAMETER then
      removed = true
    else
      kept[#kept + 1] = pair
    end
  end
  if not removed then
    return nil
  end
  local query = concat(kept, "&")
  address = sub(address, 1, mark - 1)
  if query ~= "" then
    address = address .. "?" .. query
  end
  return address
end

-- clean_address takes our parameter out of a header that holds an address.
local function clean_address(headers, name)
  local address = headers:get(name)
  local rest = address and without_parameter(address)
  if rest then
    headers:replace(name, rest)
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local cookie = headers:get("cookie")
  if cookie and find(cookie, NAME, 1, true) then
    clean_cookies(headers)
  end
  local authorization = headers:get("authorization")
  if authorization and find(lower(authorization), "pomerium", 1, true) then
    clean_authorization(headers)
  end
  headers:remove("x-pomerium-authorization")
  clean_address(headers, ":path")
  clean_address(headers, "referer") -- a page names its own address there
end
