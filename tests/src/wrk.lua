-- What the clients of every bench have in common: each request is one user's, and has an id of its own. One in fifty asks for what is
-- another's. The script that makes the requests stands behind this.

local turn, users, count = "", 1, 0

function init(args)
    turn, users = args[1], tonumber(args[2])
end

-- The next request: its number, its id, whose it is, and which project it is about.
local function next_request()
    count = count + 1
    local user = count * 7919 % users + 1
    local project = user
    if count % 50 == 0 then
        project = project % users + 1
    end
    return count, turn .. "-w" .. count, user, "/projects/proj_" .. project
end

function done(summary, latency, requests)
    local errors = summary.errors
    assert(errors.connect + errors.read + errors.write + errors.timeout == 0, "not every request was answered")
    print("answered: " .. summary.requests / summary.duration * 1e6)
end
