#!/usr/bin/env bash
# One run of docs/SCALE.md: a gateway and a load generator on this machine, so many sessions.
#
#   bench/scale.sh COUNT        ramp and hold; messages through active sessions; storm; drain
#   MORE=N bench/scale.sh COUNT  then N further devices come and messages go again; no storm
#   bench/scale.sh smoke        300 sessions with a debug build, for CI
#
# Environment: OUT (directory of results, default scale-results), BUILD (release), PORT (5297), SHARDS
# (the gateway's own choice), RESUME=1 (the storm resumes TLS, with MORE the ramps), RESUME=all (ramp and
# storm do), ACTIVE (1000 sessions that write or receive), RATE (1000 messages a second), MESSAGE_SECONDS
# (30), IDLE_SECONDS (15, before the messages), CONCURRENT (logins under way; the generator's own choice),
# APPLY=1 (ternd doctor --apply first). Without APPLY nothing of the machine is changed. TRANSPORT=tun: the
# generator has no sockets (docs/TERN.md); both then run in a network namespace made for the run, which
# takes root.
#
# Results: COUNT.csv (a line each second), COUNT-storm.json, COUNT-messages.json, COUNT-run.json; with MORE
# the same of COUNT+MORE, and no storm in COUNT-storm.json. Tables and plots of all runs in a directory:
# bench/plot_scale.py DIRECTORY.
set -euo pipefail
cd "$(dirname "$0")/.."

count=${1:?"usage: bench/scale.sh COUNT|smoke"}
transport=${TRANSPORT:-kernel}
if [ "$transport" = tun ]; then
    # The namespace has loopback and the generator's devices, and no way out.
    if [ -z "${IN_NAMESPACE:-}" ]; then
        IN_NAMESPACE=1 exec unshare --net "$PWD/bench/scale.sh" "$@"
    fi
    ip link set lo up
fi
build=${BUILD:-release}
if [ "$count" = smoke ]; then
    count=300
    build=${BUILD:-debug}
    ACTIVE=${ACTIVE:-20} RATE=${RATE:-50} MESSAGE_SECONDS=${MESSAGE_SECONDS:-2}
    IDLE_SECONDS=${IDLE_SECONDS:-1}
    OUT=${OUT:-$(mktemp -d)}
fi
out=${OUT:-scale-results}
port=${PORT:-5297}
active=${ACTIVE:-1000}
rate=${RATE:-1000}
seconds=${MESSAGE_SECONDS:-30}
idle=${IDLE_SECONDS:-15}
more=${MORE:-0}
# The idle ones stay while the active ones come, write and go.
hold=$((idle + seconds + 20 + active / 100))
resume=(${RESUME:+--resume})
if [ "${RESUME:-}" = all ] && [ "$more" = 0 ]; then resume=(--resume-all); fi
kind=(storm --hold "$hold" "${resume[@]}")
if [ "$more" -gt 0 ]; then kind=(connections --hold 86400 "${resume[@]}"); fi

binaries=.build/$build
work=$(mktemp -d)
mkdir -p "$out"
gateway= generator=
second=
finish() {
    for process in $generator $second $gateway; do kill -9 "$process" 2> /dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

now_ms() { echo $(($(date +%s%N) / 1000000)); }
# Waits until FILE has a line with TEXT, or the process is gone.
wait_for() {
    local file=$1 text=$2 process=$3
    until grep -q "$text" "$file" 2> /dev/null; do
        kill -0 "$process" 2> /dev/null || { cat "$file" >&2; return 1; }
        sleep 0.05
    done
}

if [ "${APPLY:-}" = 1 ]; then "$binaries/ternd" doctor --sessions $((count + more)) --apply > "$out/doctor.txt"; fi
certs/generate.sh "$work/certs" > /dev/null
common=(--server "127.0.0.1:$port" --server-name localhost --ca "$work/certs/ca.pem"
    --admin "$work/data/admin.sock" --accounts synthetic --json --transport "$transport"
    ${CONCURRENT:+--concurrent "$CONCURRENT"})

started=$(now_ms)
"$binaries/ternd" --listen "127.0.0.1:$port" --data "$work/data" --bench-auth ${SHARDS:+--shards "$SHARDS"} \
    --certificate "$work/certs/server.pem" --key "$work/certs/server-key.pem" 2> "$work/ternd.log" &
gateway=$!
wait_for "$work/ternd.log" ready "$gateway"
ready=$(($(now_ms) - started))

# 1: ramp and hold; 3: the storm.
"$binaries/tern" bench "${kind[@]}" --count "$count" --samples "$out/$count.csv" \
    "${common[@]}" > "$out/$count-storm.json" 2> "$work/storm.log" &
generator=$!
wait_for "$work/storm.log" "bench: hold" "$generator"
sleep "$idle"

# 2: messages through the active while the rest idle.
messages() {
    "$binaries/tern" bench messages --pairs $((active / 2)) --first "$count" --rate "$rate" \
        --seconds "$seconds" "${common[@]}" > "$out/$1-messages.json" 2> "$work/messages.log"
}
messages "$count"
if [ "$more" -gt 0 ]; then
    all=$((count + more))
    "$binaries/tern" bench "${kind[@]}" --count "$more" --first $((count + active)) \
        --samples "$out/$all.csv" "${common[@]}" > "$out/$all-storm.json" 2> "$work/more.log" &
    second=$!
    wait_for "$work/more.log" "bench: hold" "$second"
    sleep "$idle"
    messages "$all"
    # All must still be there: the drain comes while they are held.
    for part in "$count $out/$count.csv" "$more $out/$all.csv"; do
        read -r number file <<< "$part"
        awk -F, -v all="$number" 'END { if ($3 != all || $6 != 0) { print "online, dropped:", $3, $6; exit 1 } }' "$file"
    done
else
    wait_for "$work/storm.log" "bench: after" "$generator"
    sleep 2
fi

# 4: the end of the gateway with all of them connected.
draining=$(now_ms)
kill -TERM "$gateway"
wait "$gateway" && status=0 || status=$?
drained=$(($(now_ms) - draining))
gateway=
sleep 2
kill -INT "$generator" ${second:+"$second"} 2> /dev/null || true  # its hold may be over
wait "$generator" ${second:+"$second"} || true
generator=
second=

cp "$work/ternd.log" "$out/$count-ternd.log"
# result COUNT BEFORE DRAIN_MS
result() {
    printf '{"count":%d,"before":%d,"readyMs":%d,"drainMs":%s,"gatewayExit":%d,"idleSeconds":%d,"active":%d,"rate":%d,"transport":"%s"}\n' \
        "$1" "$2" "$ready" "$3" "$status" "$idle" "$active" "$rate" "$transport" > "$out/$1-run.json"
}
if [ "$more" = 0 ]; then
    result "$count" 0 "$drained"
else
    result "$count" 0 null
    result "$all" "$count" "$drained"
fi
python3 bench/plot_scale.py "$out" --no-plots
