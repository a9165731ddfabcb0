-- Of ten requests, two rename a project, one reads a secret, and seven look.

function request()
    local count, id, user, path = next_request()
    local headers = { ["authorization"] = "token_" .. user, ["x-request-id"] = id }
    local kind = count % 10
    if kind < 2 then
        headers["content-type"] = "application/json"
        return wrk.format("PATCH", path, headers, '{"name":"Our project"}')
    elseif kind == 2 then
        return wrk.format("GET", path .. "/secrets/door", headers)
    end
    return wrk.format("GET", path, headers)
end
