-- gRPC has no status 201, 206 or 304: a service names it in a header, and this sets it.
-- `Accept: text/csv` on the list of measurements is the export of them.

function envoy_on_request(handle)
  local headers = handle:headers()
  headers:remove("x-http-code")
  if headers:get(":method") == "GET" then
    local accept = headers:get("accept")
    if accept ~= nil and accept:find("text/csv", 1, true) then
      local path = headers:get(":path")
      local query = path:match("^/v1/measurements(%?.*)$")
      if path == "/v1/measurements" or query ~= nil then
        headers:replace(":path", "/v1/measurements:export" .. (query or ""))
      end
    end
  end
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get("x-http-code")
  if status ~= nil then
    headers:replace(":status", status)
    headers:remove("x-http-code")
  end
end
