# Runs a server for as long as somebody holds the other end of standard input.
#
# Commands come a word a line, and each is answered with a line: start, kill (SIGKILL), stop (the signal by which the
# server ends at once). When the input ends, because the test process did, so do the server and its folder.
#
# The server is a child of a shell that waits for it: in a container nobody else may, and a killed server that stays a
# zombie looks alive to its successor. The file `ended` says that it has ended.
folder=$1
stop=$2
shift 2
cd "$folder" || exit 1
waiter=

end() {
    if [ -n "$waiter" ]; then
        until [ -s server.pid ]; do sleep 0.1; done
        [ -e ended ] || kill "$1" "$(cat server.pid)"
        wait "$waiter"
        waiter=
    fi
}

while read -r word; do
    case $word in
    start)
        end "$stop"
        rm -f ended server.pid
        (
            sh -c 'echo $$ >server.pid; exec "$@"' server "$@" </dev/null
            : >ended
        ) >>log 2>&1 &
        waiter=$!
        ;;
    kill) end -KILL ;;
    stop) end "$stop" ;;
    esac
    echo done
done

end "$stop"
cd /
rm -rf "$folder"
