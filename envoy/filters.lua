-- The few things for which Envoy has no setting.

function envoy_on_request(handle)
  local headers = handle:headers()
  -- Only gRPC has a word in how long a call may take; over REST it might not even be a time.
  if headers:get("grpc-timeout") ~= nil and (headers:get("content-type") or ""):sub(1, 16) ~= "application/grpc" then
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
  local headers = handle:headers()
  local content_type = headers:get("content-type")
  if content_type ~= nil and content_type:sub(1, 16) == "application/grpc" then
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
  local asked = handle:streamInfo():dynamicMetadata():get("dropmesh")
  if asked ~= nil and asked["head"] then
    for chunk in handle:bodyChunks() do
      chunk:setBytes("")
    end
  end
end
