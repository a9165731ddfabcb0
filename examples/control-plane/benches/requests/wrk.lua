-- Of twenty requests, fourteen report what a project has used, four rename one, one reads a secret and one makes a project.

function request()
    local count, id, user, path = next_request()
    local headers = { ["authorization"] = "Bearer token_" .. user, ["x-request-id"] = id }
    local kind = count % 20
    if kind == 7 then
        return wrk.format("GET", path .. "/secrets/door", headers)
    end
    headers["content-type"] = "application/json"
    if kind < 4 then
        return wrk.format("PATCH", path, headers, '{"name":"Our project"}')
    elseif kind == 4 then
        headers["authorization"], headers["cookie"] = nil, "session=session_" .. user
        return wrk.format("POST", "/projects", headers, '{"name":"' .. id .. '","cap":100}')
    end
    return wrk.format("POST", path .. "/usage", headers, '{"amount":1}')
end
