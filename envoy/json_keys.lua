-- Refuses a JSON body that names a field which its message does not have: the transcoder would drop it without a word. Refuses
-- also what the transcoder takes although it is no JSON: keys without quotes, and single quotes. Other text that is no JSON
-- passes, since the transcoder says what is wrong with it.

local FIELDS = dofile("./json_fields.lua")
-- The transcoder refuses what is deeper.
local DEEPEST = 100
local MOST_SHOWN = 100

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

-- Returns the path of the first key that its message does not have, or nil and what is no JSON, or nothing.
local function unknown_field(text, message)
  -- A frame for each open object and array; `expected` is the message that the next value is.
  local frames, frame, expected, position = {}, nil, message, 1
  local key_comes = false
  while true do
    position = text:find("[\"'{}%[%],]", position)
    if position == nil then
      return nil
    end
    local found = text:sub(position, position)
    if found == "'" then
      return nil, "single quotes at byte " .. position
    elseif found == "{" or found == "[" then
      if #frames == DEEPEST then
        return nil
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
            return path_of(frames)
          end
        end
      end
      position = ends
    end
    position = position + 1
    if key_comes then
      local next = text:find("%S", position)
      local begins = next ~= nil and text:sub(next, next)
      if begins and begins ~= '"' and begins ~= "'" and not (begins == "}" and found == "{") then
        return nil, "a key without double quotes at byte " .. next
      end
    end
  end
end

function envoy_on_request(handle)
  local body = handle:body()
  if body == nil or body:length() == 0 then
    return
  end
  local field, fault = unknown_field(body:getBytes(0, body:length()), handle:filterContext():get("message"))
  if field ~= nil then
    local problem = "the body of this method has no such field"
    handle:streamInfo():dynamicMetadata():set("dropmesh", "unknown_field", field)
    handle:streamInfo():dynamicMetadata():set("dropmesh", "problem", problem)
    handle:respond({ [":status"] = "400" }, field .. ": " .. problem)
  elseif fault ~= nil then
    handle:respond({ [":status"] = "400" }, "the body is no JSON: " .. fault)
  end
end
