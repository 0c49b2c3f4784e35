-- Refuses a JSON body that names a field which its message does not have: the transcoder would drop it without a word. Refuses
-- also what the transcoder takes although it is no JSON: keys without quotes, and single quotes. Other text that is no JSON
-- passes, since the transcoder says what is wrong with it; but of a wrong value it does not name the field, so that values of
-- an enumeration, durations and times are checked here.

local FIELDS, VALUES = dofile("./json_fields.lua")
-- The transcoder refuses what is deeper.
local DEEPEST = 100
local MOST_SHOWN = 100
local FORMS = {
  ["google.protobuf.Duration"] = { pattern = "^%s*[+-]?%d*%.?%d*s$", fault = 'a valid Duration, such as "3600s"' },
  ["google.protobuf.Timestamp"] = { pattern = "^%s*%d+%-%d+%-%d+[Tt]%d+:%d+:%d+", fault = 'a valid Timestamp, such as "2026-01-31T12:00:00Z"' },
}

-- Returns where a string ends whose text begins at a position.
local function end_of_string(text, position)
  while true do
    position = text:find('[\\"]', position)
    if position == nil or text:sub(position, position) == '"' then
      return position
    end
    position = position + 2
  end
end

local function decoded(key)
  if not key:find("\\", 1, true) then
    return key
  end
  return (key:gsub("\\u00([0-7]%x)", function(code)
    return string.char(tonumber(code, 16))
  end))
end

local function path_of(frames)
  local path = ""
  for _, frame in ipairs(frames) do
    if frame.index ~= nil then
      path = path .. "[" .. frame.index .. "]"
    else
      path = path .. (path == "" and "" or ".") .. frame.key:sub(1, MOST_SHOWN)
    end
  end
  return path
end

-- Returns why a text cannot be a value of a type, or nothing.
local function fault_of(value, type)
  local names, form, fault = VALUES[type], FORMS[type], nil
  -- A text with an escape is left to the transcoder.
  if (names == nil and form == nil) or value:find("[\\\128-\255]") then
    return nil
  elseif form ~= nil then
    fault = not value:find(form.pattern) and form.fault
  else
    -- As the transcoder takes them; it knows numbers too.
    local name = value:upper():gsub("-", "_")
    local is_known = name:find("^%+?%d") or name:find("_UNSPECIFIED$") or (", " .. names .. ","):find(", " .. name .. ",", 1, true)
    fault = not is_known and "one of " .. names
  end
  return fault and '"' .. value:sub(1, MOST_SHOWN) .. '" is not ' .. fault
end

-- Returns the path of the first field that is wrong, its problem and the violation's reason; or nil and why this is no body;
-- or nothing.
local function wrong_field(text, message)
  -- A frame for each open object and array; `expected` is the type of the next value.
  local frames, frame, expected, position = {}, nil, message, 1
  local key_comes = false
  while true do
    position = text:find("[\"'{}%[%],]", position)
    if position == nil then
      return nil
    end
    local found = text:sub(position, position)
    if found == "'" then
      return nil, "the body is no JSON: single quotes at byte " .. position
    elseif found == "{" or found == "[" then
      if #frames == DEEPEST then
        return nil
      elseif frame == nil and found == "[" then
        return nil, "the body is an array; it must be an object"
      end
      key_comes = found == "{"
      frame = key_comes and { fields = FIELDS[expected], key = "" } or { expected = expected, index = 0 }
      frames[#frames + 1] = frame
    elseif found == "}" or found == "]" then
      frames[#frames] = nil
      frame, key_comes = frames[#frames], false
      if frame == nil then
        return nil
      end
    elseif found == "," then
      if frame == nil then
        return nil
      end
      key_comes = frame.index == nil
      if not key_comes then
        frame.index, expected = frame.index + 1, frame.expected
      end
    else
      local ends = end_of_string(text, position + 1)
      if ends == nil then
        return nil
      end
      if key_comes then
        key_comes, frame.key = false, decoded(text:sub(position + 1, ends - 1))
        if frame.fields == nil then
          expected = ""
        else
          expected = frame.fields[frame.key] or frame.fields["*"]
          if expected == nil then
            return path_of(frames), "the body of this method has no such field", "UNKNOWN_FIELD"
          end
        end
      elseif frame ~= nil then
        local fault = fault_of(text:sub(position + 1, ends - 1), expected)
        if fault then
          return path_of(frames), fault, "INVALID_VALUE"
        end
      end
      position = ends
    end
    position = position + 1
    if key_comes then
      local next = text:find("%S", position)
      local begins = next ~= nil and text:sub(next, next)
      if begins and begins ~= '"' and begins ~= "'" and not (begins == "}" and found == "{") then
        return nil, "the body is no JSON: a key without double quotes at byte " .. next
      end
    end
  end
end

function envoy_on_request(handle)
  local body = handle:body()
  if body == nil or body:length() == 0 then
    return
  end
  local field, problem, reason = wrong_field(body:getBytes(0, body:length()), handle:filterContext():get("message"))
  if field ~= nil then
    handle:streamInfo():dynamicMetadata():set("dropmesh", "wrong_field", field)
    handle:streamInfo():dynamicMetadata():set("dropmesh", "problem", problem)
    handle:streamInfo():dynamicMetadata():set("dropmesh", "reason", reason)
    handle:respond({ [":status"] = "400" }, field .. ": " .. problem)
  elseif problem ~= nil then
    handle:respond({ [":status"] = "400" }, problem)
  end
end
