-- Replaces the beginning of response headers, such as the internal address in
-- a Location.
--
-- Reads the filter context of the route: {rewrites = {{header, prefix, value}}};
-- sets, in each named header whose value begins with prefix, value instead of
-- it. The first rewrite that fits a value is the one that is done.

local function rewritten(value, header, rewrites)
  for _, r in ipairs(rewrites) do
    if r.header == header and string.sub(value, 1, #r.prefix) == r.prefix then
      return r.value .. string.sub(value, #r.prefix + 1)
    end
  end
  return value
end

local function rewrite(headers, header, rewrites)
  local all, changed = {}, false
  for i = 0, headers:getNumValues(header) - 1 do
    local value = headers:getAtIndex(header, i)
    all[i + 1] = rewritten(value, header, rewrites)
    changed = changed or all[i + 1] ~= value
  end
  if changed then
    headers:remove(header)
    for _, value in ipairs(all) do
      headers:add(header, value)
    end
  end
end

function envoy_on_response(handle)
  local rewrites = handle:filterContext():get("rewrites")
  if not rewrites then
    return
  end
  local headers, done = handle:headers(), {}
  for _, r in ipairs(rewrites) do
    if not done[r.header] then
      done[r.header] = true
      rewrite(headers, r.header, rewrites)
    end
  end
end
