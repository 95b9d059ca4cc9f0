#!/usr/bin/env bash
# A mixed soak (docs/RELIABILITY.md): pairs that write through comings and goings, a crowd that idles, and
# small login storms, for a while; does the gateway's memory stay flat?
#
#   bench/soak.sh [SECONDS]     default 1800
#
# Environment: OUT (directory of results, default soak-results), BUILD (release), PORT (5296), PAIRS (64),
# RATE (500 messages a second), CROWD (4000 idle devices), STORM (100 devices that come and go every quarter
# of a minute).
#
# Results: report.json (the ledger's), load.csv, memory.csv (a line each quarter of a minute), ternd.log. Ends with
# 1 if a promise was broken, or if memory grew.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-1800}
binaries=.build/${BUILD:-release}
out=${OUT:-soak-results}
port=${PORT:-5296}
pairs=${PAIRS:-64}
rate=${RATE:-500}
crowd=${CROWD:-4000}
storm=${STORM:-100}

work=$(mktemp -d)
mkdir -p "$out"
gateway= load= idle=
finish() {
    for process in $load $idle $gateway; do kill -9 "$process" 2> /dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT

certs/generate.sh "$work/certs" > /dev/null
common=(--server "127.0.0.1:$port" --server-name localhost --ca "$work/certs/ca.pem"
    --admin "$work/data/admin.sock" --accounts synthetic --json)
"$binaries/ternd" --listen "127.0.0.1:$port" --data "$work/data" --bench-auth \
    --certificate "$work/certs/server.pem" --key "$work/certs/server-key.pem" 2> "$out/ternd.log" &
gateway=$!
until grep -q ready "$out/ternd.log"; do
    kill -0 "$gateway"
    sleep 0.05
done

# Each load has accounts of its own.
"$binaries/tern" bench connections --count "$crowd" --hold 86400 --first 1000000 "${common[@]}" > "$work/crowd.json" 2> /dev/null &
idle=$!
"$binaries/tern" bench soak --pairs "$pairs" --rate "$rate" --seconds "$seconds" --drain 60 --samples "$out/load.csv" \
    --size 30 --size 100 --size 1000 --size 8000 "${common[@]}" > "$out/report.json" 2> "$work/soak.log" &
load=$!

# What the gateway owns, by its own word for it (RssAnon), and its files.
sample() {
    local anonymous
    anonymous=$(awk '/^RssAnon/ { print $2 }' "/proc/$gateway/status")
    echo "$((SECONDS - start)),$anonymous,$(du -sk "$work/data" | cut -f1)"
}
start=$SECONDS
echo "t,anonymous_kb,data_kb" > "$out/memory.csv"
while kill -0 "$load" 2> /dev/null && [ $((SECONDS - start)) -lt "$seconds" ]; do
    sample >> "$out/memory.csv"
    "$binaries/tern" bench storm --count "$storm" --hold 2 --first 2000000 "${common[@]}" > /dev/null 2>&1
    sleep 10
done
wait "$load" && status=0 || status=$?
load=
kill -INT "$idle"
wait "$idle" || true
idle=
kill -TERM "$gateway"
wait "$gateway"
gateway=
if [ "$status" != 0 ]; then
    cat "$out/report.json"
    exit "$status"
fi

# The first third is for what is filled once; then the middle third is compared with the last.
python3 - "$out" <<'PYTHON'
import csv
import json
import statistics
import sys

with open(f"{sys.argv[1]}/memory.csv", newline="") as file:
    rows = [{key: int(value) for key, value in row.items()} for row in csv.DictReader(file)]
third = len(rows) // 3
if third == 0:
    sys.exit("too short to tell")
report = json.load(open(f"{sys.argv[1]}/report.json"))
result = {name: report[name] for name in ("sent", "acked", "delivered", "confirmed", "overtaken", "violations", "verdict")}
grew = False
for name in ("anonymous_kb", "data_kb"):
    early, late = (
        statistics.median(row[name] for row in part) for part in (rows[third : 2 * third], rows[2 * third :])
    )
    result[name] = {"middle": early, "end": late, "max": max(row[name] for row in rows)}
    grew = grew or late > early * 1.1 + 1024
print(json.dumps(result))
sys.exit("memory or data grew" if grew else 0)
PYTHON
