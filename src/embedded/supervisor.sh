# Runs a PostgreSQL server no longer than its owner lives. The owner holds the other end of standard
# input; each line is a signal for the server, and end of file means that the owner is gone, however
# it ended.
#
#   sh -c … supervisor SIGNAL FOLDER LOG COMMAND...
#
#   SIGNAL    for the server when the owner is gone
#   FOLDER    removed when the owner is gone and the server has ended
#   LOG       receives the server's output
set -u
signal=$1 folder=$2 log=$3
shift 3
exec 3<&0 < /dev/null 2>> "$log"

# Commands started with "&" ignore SIGINT and SIGQUIT; the postmaster sets its own handlers.
"$@" 3<&- >> "$log" &
server=$!
echo "$server"
exec >> "$log"

{
    while read -r line <&3; do
        kill -s "$line" "$server"
    done
    : > "$folder/abandoned"
    kill -s "$signal" "$server"
    # An unresponsive backend must not keep the server alive forever.
    left=30
    while [ $left -gt 0 ] && kill -s 0 "$server"; do
        sleep 1
        left=$((left - 1))
    done
    kill -s QUIT "$server"
} 2> /dev/null &
watcher=$!

# Only now: a watcher killed before it has dropped an inherited trap would survive.
trap 'kill -s "$signal" "$server"' HUP INT TERM

# A trapped signal ends a "wait" early.
while kill -s 0 "$server" 2> /dev/null; do
    wait "$server"
    status=$?
done
kill "$watcher"
if [ -e "$folder/abandoned" ]; then
    rm -rf "$folder"
fi
exit "$status"
