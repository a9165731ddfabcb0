-- The clients of wrk: of ten requests, two rename a project, one reads a secret, and seven look. One in fifty asks for what is another's.
-- Each has an id of its own.

local turn, users, count = "", 1, 0

function init(args)
    turn, users = args[1], tonumber(args[2])
end

function request()
    count = count + 1
    local user = count * 7919 % users + 1
    local project = user
    if count % 50 == 0 then
        project = project % users + 1
    end
    local headers = { ["authorization"] = "token_" .. user, ["x-request-id"] = turn .. "-w" .. count }
    local path = "/projects/proj_" .. project
    local kind = count % 10
    if kind < 2 then
        headers["content-type"] = "application/json"
        return wrk.format("PATCH", path, headers, '{"name":"Our project"}')
    elseif kind == 2 then
        return wrk.format("GET", path .. "/secrets/door", headers)
    end
    return wrk.format("GET", path, headers)
end

function done(summary, latency, requests)
    local errors = summary.errors
    assert(errors.connect + errors.read + errors.write + errors.timeout == 0, "not every request was answered")
    print("answered: " .. summary.requests / summary.duration * 1e6)
end
