-- The clients of wrk. Of twenty requests, fourteen report what a project has used, four rename one, one reads a secret and one makes a
-- project. One in fifty asks for what is another's. Each has an id of its own.

local turn, users, count = "", 1, 0

function init(args)
    turn, users = args[1], tonumber(args[2])
end

function request()
    count = count + 1
    local id = turn .. "-w" .. count
    local user = count * 7919 % users + 1
    local project = user
    if count % 50 == 0 then
        project = project % users + 1
    end
    local headers = { ["authorization"] = "Bearer token_" .. user, ["x-request-id"] = id }
    local path = "/projects/proj_" .. project
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

function done(summary, latency, requests)
    local errors = summary.errors
    assert(errors.connect + errors.read + errors.write + errors.timeout == 0, "not every request was answered")
    print("answered: " .. summary.requests / summary.duration * 1e6)
end
