-- What both cleaning scripts know of our cookies. It stands before each of them
-- and runs nothing by itself.
--
-- Our names are NAME itself, whatever begins with NAME_, and both behind the
-- prefixes __Host- and __Secure-.

local NAME = "@COOKIE_NAME@"

local find, sub, lower, match, gsub = string.find, string.sub, string.lower, string.match, string.gsub
local concat = table.concat

-- ours tells whether a cookie of this name is ours.
local function ours(name)
  local bare = name
  if sub(bare, 1, 7) == "__Host-" then
    bare = sub(bare, 8)
  elseif sub(bare, 1, 9) == "__Secure-" then
    bare = sub(bare, 10)
  end
  return bare == NAME or sub(bare, 1, #NAME + 1) == NAME .. "_"
end

-- cookie_name returns what stands before "=" (all of it, if there is none),
-- without the white space around it, as a server would read it.
local function cookie_name(pair)
  return match(pair, "^[ \t]*([^=]-)[ \t]*=") or match(pair, "^[ \t]*(.-)[ \t]*$")
end

-- values returns all values of a header.
local function values(headers, name)
  local all = {}
  for i = 0, headers:getNumValues(name) - 1 do
    all[i + 1] = headers:getAtIndex(name, i)
  end
  return all
end

-- set gives a header exactly these values.
local function set(headers, name, all)
  headers:remove(name)
  for _, value in ipairs(all) do
    headers:add(name, value)
  end
end
