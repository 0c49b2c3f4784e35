-- The few things for which Envoy has no setting.

-- Bytes of the bodies that the edge keeps until they are whole, while their requests are under way: at most this many, and
-- half of them for one token. A request whose client hung up has no answer: it counts until it would have ended.
local MOST_KEPT_BYTES = 192 * 1024 * 1024
local kept, kept_by_token, kept_bytes, swept = {}, {}, 0, 0

local function release(id)
  local one = kept[id]
  if one ~= nil then
    kept[id] = nil
    kept_bytes = kept_bytes - one.bytes
    local left = kept_by_token[one.token] - one.bytes
    kept_by_token[one.token] = left > 0 and left or nil
  end
end

local function keep(handle, most_bytes, seconds)
  local headers, now = handle:headers(), os.time()
  if swept ~= now then
    swept = now
    for id, one in pairs(kept) do
      if one.ends < now then
        release(id)
      end
    end
  end
  local bytes = math.min(tonumber(headers:get("content-length") or "") or most_bytes, most_bytes)
  local token, id = headers:get("authorization") or "", headers:get("x-request-id")
  local held = (kept_by_token[token] or 0) + bytes
  if kept_bytes + bytes > MOST_KEPT_BYTES or held > MOST_KEPT_BYTES / 2 then
    handle:respond({ [":status"] = "429", ["retry-after"] = "1" }, "too many bytes of unfinished requests")
    return false
  end
  kept[id] = { token = token, bytes = bytes, ends = now + seconds }
  kept_by_token[token], kept_bytes = held, kept_bytes + bytes
  handle:streamInfo():dynamicMetadata():set("dropmesh", "kept", id)
  return true
end

-- A store that is damaged does not mend by itself: /healthz says so, though the services can be reached. They are asked
-- once a second at most, however many ask the edge.
local damaged, asked = nil, 0

local function damaged_store(handle)
  local now = os.time()
  if asked ~= now then
    asked = now
    local found = nil
    for _, service in ipairs({ "ingest", "processor", "query" }) do
      local question = { [":method"] = "GET", [":path"] = "/damage", [":authority"] = "localhost" }
      local answer, body = handle:httpCall(service .. "_metrics", question, "", 500)
      if answer[":status"] == "503" then
        found = found or (body or ""):match('^{"damaged": {"(%w+)"')
      end
    end
    damaged = found
  end
  return damaged
end

function envoy_on_request(handle)
  local headers = handle:headers()
  if headers:get(":path") == "/healthz" then
    local store = damaged_store(handle)
    if store ~= nil then
      handle:streamInfo():dynamicMetadata():set("dropmesh", "damaged_store", store)
      handle:respond({ [":status"] = "503" }, "the " .. store .. " store is damaged; an operator has to restore it")
    end
    return
  end
  local content_type = headers:get("content-type") or ""
  local is_grpc = content_type:sub(1, 16) == "application/grpc"
  -- gRPC and gRPC-Web have only POST; a service would break off the stream. What is not gRPC itself is answered in JSON.
  local method = headers:get(":method")
  if is_grpc and method ~= "POST" then
    if content_type:sub(17, 20) == "-web" then
      headers:remove("content-type")
    end
    handle:respond({ [":status"] = "405", ["allow"] = "POST" }, "gRPC accepts only POST")
    return
  end
  if method ~= "GET" and method ~= "HEAD" then
    local most_bytes = handle:metadata():get("most_kept_bytes")
    if most_bytes ~= nil and not keep(handle, most_bytes, handle:metadata():get("longest_seconds")) then
      return
    end
  end
  -- Only gRPC has a word in how long a call may take; over REST it might not even be a time.
  if headers:get("grpc-timeout") ~= nil and not is_grpc then
    headers:remove("grpc-timeout")
  end
  -- The length goes when a body becomes messages; a service needs it to tell a whole body from one that broke off.
  headers:remove("x-body-length")
  local length = headers:get("content-length")
  if length ~= nil then
    headers:add("x-body-length", length)
  end
  -- In a query, forms and libraries write a blank as a plus; only a time's offset means it as such.
  local path = headers:get(":path")
  local question = path:find("?", 1, true)
  if question ~= nil and path:find("+", question, true) ~= nil then
    path = path:sub(1, question) .. path:sub(question + 1):gsub("[^&]+", function(parameter)
      if parameter:find("%d%d:%d%d[%d:%.]*%+%d%d:?%d%d$") == nil then
        return (parameter:gsub("%+", "%%20"))
      end
    end)
    headers:replace(":path", path)
  end
  -- The transcoder would let the query take the place of what the path names.
  local in_path = question ~= nil and handle:metadata():get("in_path")
  if in_path then
    for name in path:sub(question + 1):gmatch("([^&=]+)=") do
      name = name:gsub("%%(%x%x)", function(code)
        return string.char(tonumber(code, 16))
      end)
      if in_path[name] then
        local problem = "is a part of the path; the query cannot set it"
        handle:streamInfo():dynamicMetadata():set("dropmesh", "wrong_field", name)
        handle:streamInfo():dynamicMetadata():set("dropmesh", "problem", problem)
        handle:streamInfo():dynamicMetadata():set("dropmesh", "reason", "UNKNOWN_FIELD")
        handle:respond({ [":status"] = "400" }, name .. ": " .. problem)
        return
      end
    end
  end
  -- An answer to HEAD has no body, an error neither; and most methods know only GET.
  if headers:get(":method") == "HEAD" then
    handle:streamInfo():dynamicMetadata():set("dropmesh", "head", true)
    if handle:metadata():get("as_get") then
      headers:replace(":method", "GET")
    end
  end
  -- `Accept: text/csv` on the list of measurements asks for the export of them, also on that of a source.
  local accept = headers:get("accept")
  if accept ~= nil and accept:find("text/csv", 1, true) and headers:get(":method") == "GET" then
    local list, query = path:match("^([^?]*)(.*)$")
    if list == "/v1/measurements" or list:match("^/v1/sources/[^/]+/measurements$") then
      headers:replace(":path", list .. ":export" .. query)
    end
  end
  -- A browser that opens an invite's link gets the page, without the parameters that a messenger may have added.
  if accept ~= nil and accept:find("text/html", 1, true) and headers:get(":method") == "GET" then
    local invite = path:match("^(/v1/invites/[^/?]+)/media$") or path:match("^(/v1/invites/[^/?]+)/media%?")
    if invite ~= nil then
      headers:replace(":path", invite .. "/page")
    end
  end
  -- `Accept: text/event-stream`, which a browser's EventSource sends, asks for events in that form.
  if accept ~= nil and accept:find("text/event-stream", 1, true) and headers:get(":method") == "GET" then
    local query = path:match("^/v1/events(%?.*)$")
    if path == "/v1/events" or query ~= nil then
      headers:replace(":path", "/v1/events:stream" .. (query or ""))
    end
  end
end

-- gRPC has no status 201, 206 or 304, and a stream has neither length nor type: a service names them in headers of their own.
function envoy_on_response(handle)
  local noted = handle:streamInfo():dynamicMetadata():get("dropmesh")
  if noted ~= nil and noted["kept"] ~= nil then
    release(noted["kept"])
  end
  local headers = handle:headers()
  local content_type = headers:get("content-type")
  if content_type ~= nil and content_type:sub(1, 16) == "application/grpc" then
    -- The edge's own answers to gRPC-Web have a status of HTTP, with which clients do not read the error's details.
    if headers:get("grpc-status") ~= nil and headers:get(":status") ~= "200" then
      headers:replace(":status", "200")
    end
    return
  end
  headers:remove("grpc-accept-encoding")
  headers:remove("grpc-status")
  headers:remove("grpc-message")
  local status = headers:get("x-http-code")
  if status ~= nil then
    headers:replace(":status", status)
    headers:remove("x-http-code")
  end
  local length = headers:get("x-content-length")
  if length ~= nil then
    headers:replace("content-length", length)
    headers:remove("x-content-length")
  end
  local body_type = headers:get("x-content-type")
  if body_type ~= nil then
    headers:replace("content-type", body_type)
    headers:remove("x-content-type")
  end
  if noted ~= nil and noted["head"] then
    for chunk in handle:bodyChunks() do
      chunk:setBytes("")
    end
  end
end
