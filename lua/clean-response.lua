-- Takes cookies of our names out of an upstream's response before the browser
-- sees them.
--
-- Reads and sets:
--   set-cookie  those that name our cookies go
--
-- Envoy runs it only on responses whose Set-Cookie holds NAME somewhere.

-- set_cookie_name returns the name under which a browser will send back what a
-- Set-Cookie value sets. It sends a cookie without a name as its bare value, so
-- that "=name=x" comes back as name=x (RFC 6265bis, section 5.6).
local function set_cookie_name(value)
  return cookie_name(match(value, "^[ \t]*=?([^;]*)"))
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local cookie = headers:get("set-cookie")
  if not cookie or not find(cookie, NAME, 1, true) then
    return
  end
  -- Answers that Envoy or authorize made come this way too, and their cookies
  -- are meant. Envoy itself sets this header on what an upstream answered, over
  -- whatever the upstream wrote there, and on nothing else.
  if not headers:get("x-envoy-upstream-service-time") then
    return
  end
  local kept, changed = {}, false
  for _, value in ipairs(values(headers, "set-cookie")) do
    if ours(set_cookie_name(value)) then
      changed = true
    else
      kept[#kept + 1] = value
    end
  end
  if changed then
    set(headers, "set-cookie", kept)
  end
end
