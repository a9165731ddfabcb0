#!/usr/bin/env bash
# A day in the life of the control plane: everything that is audited happens once. Against a program that was just started with
# `--sweep-every 1`, on a database without anybody in it:
#
#     ./drive.sh http://127.0.0.1:8080 "$ADMIN_TOKEN"
set -euo pipefail

base=${1:?where does it listen?}
admin_token=${2:?what is the token of the first admin?}
jar=$(mktemp -d)
trap 'rm -rf "$jar"' EXIT

# call WHO METHOD PATH [JSON]: prints the body. WHO is a person, whose cookie is kept, or the token of an API key.
call() {
    local who=$1 method=$2 path=$3 credentials
    case $who in
        ann | bob) credentials=(--cookie "$jar/$who") ;;
        *) credentials=(--header "Authorization: Bearer $who") ;;
    esac
    echo "$method $path" >&2
    curl --silent --show-error --fail-with-body --max-time 20 --request "$method" "${credentials[@]}" \
        --user-agent 'drive/1.0' --header 'Content-Type: application/json' ${4:+--data "$4"} "$base$path"
}

# refused STATUS WHO METHOD PATH [JSON]: the same, where the answer has to be this status.
refused() {
    local status=$1 out
    shift
    if out=$(call "$@" 2>&1); then
        echo "not refused: $*" >&2
        exit 1
    fi
    [[ $out == *"error: $status"* ]] || { echo "not $status: $out" >&2; exit 1; }
}

# field NAME: of the JSON on the standard input.
field() {
    sed -E "s/.*\"$1\":\"([^\"]*)\".*/\1/"
}

# sign_in WHO TOKEN
sign_in() {
    curl --silent --show-error --fail --max-time 20 --user-agent 'drive/1.0' --cookie-jar "$jar/$1" --data-urlencode "token=$2" "$base/sessions"
}

curl --silent --show-error --fail --max-time 20 "$base/ready" && echo

# People.
sign_in ann "$admin_token"
if sign_in bob 'guessed' 2>/dev/null; then exit 1; fi
invited=$(call ann POST /users '{"email":"bob@example.com","role":"viewer"}')
bob=$(field id <<<"$invited")
sign_in bob "$(field token <<<"$invited")"
refused 403 bob POST /projects '{"name":"Bobs","cap":1}'
call ann PUT "/users/$bob/role" '{"role":"editor"}'

# A project, its key and its secret.
project=$(call bob POST /projects '{"name":"MyProject","cap":100}' | field id)
call bob PATCH "/projects/$project" '{"name":"OurProject"}' && echo
issued=$(call bob POST "/projects/$project/keys" '{"key_type":"live","scopes":["read","write"]}')
key=$(field id <<<"$issued")
issued=$(call bob POST "/keys/$key/rotation")
token=$(field token <<<"$issued")
call bob POST "/projects/$project/secrets" '{"name":"stripe","value":"sk_live_1"}'
call bob PUT "/projects/$project/secrets/stripe" '{"value":"sk_live_2"}'
call bob GET "/projects/$project/secrets/stripe" && echo
refused 403 "$token" GET "/projects/$project/secrets/stripe"

# The job suspends what uses too much; a key cannot be made for it then.
call "$token" POST "/projects/$project/usage" '{"amount":101}'
until call ann GET /projects 2>/dev/null | grep --quiet 'its cap'; do sleep 0.1; done
refused 409 bob POST "/projects/$project/keys" '{"key_type":"live","scopes":[]}'

# A person suspends another, whose key is revoked by hand. That of the first is revoked because its project has gone.
other=$(call ann POST /projects '{"name":"Other","cap":5}' | field id)
key=$(call ann POST "/projects/$other/keys" '{"key_type":"test","scopes":["read"]}' | field id)
call ann DELETE "/keys/$key?reason=leaked"
call ann PUT "/projects/$other/suspension" '{"reason":"unpaid for 30 days"}'
call bob DELETE "/projects/$project?reason=no%20longer%20used"
refused 404 bob DELETE "/projects/$project"

# Somebody leaves.
call ann DELETE "/users/$bob?reason=left%20the%20company"
refused 401 bob GET /projects

# What came of it.
call ann GET '/audit/entries' >"${3:-/dev/null}"
call ann DELETE /sessions/current
