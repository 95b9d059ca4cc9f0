#!/usr/bin/env bash
# Fuzzes for hours: turn by turn each target for a slice of time, at the lowest priority, counting.
#
#   fuzz/campaign.sh [SECONDS [TARGET...]]   how long in all, and which (default: until var/fuzz/stop
#                                            exists, all); two at once need targets of their own
#   fuzz/campaign.sh counts                  what has been counted so far
#
# Each finished slice appends a line to var/fuzz/counts: target, executions, commit. A slice that ends
# with a finding is counted too, says so in var/fuzz/findings, and the target is left out from then on.
# The fuzzers must have been built: fuzz/build.sh fuzzer. Between slices inputs that reach nothing new are
# dropped.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=fuzz/targets.sh
. fuzz/targets.sh
counts=var/fuzz/counts
mkdir -p var/fuzz

if [ "${1:-}" = counts ]; then
    awk '{ sum[$1] += $2; all += $2 } END { for (t in sum) print t, sum[t]; print "all", all }' \
        "$counts" | sort | column -t
    exit 0
fi

# Seconds of one turn for each target: most for what a stranger's bytes reach first.
slice() {
    case $1 in
        node | tree) echo 120 ;;
        frames | inflate) echo 90 ;;
        session) echo 90 ;;
        notation) echo 40 ;;
        address | scram | dictionary) echo 30 ;;
        records | tls) echo 40 ;;
        prologue) echo 3 ;;
    esac
}

# minimise TARGET COUNT: keeps of more than so many found inputs those that add something.
minimise() {
    local target=$1 found=var/fuzz/$1 kept=var/fuzz/$1.merged
    [ "$(ls "$found" 2> /dev/null | wc -l)" -gt "$2" ] || return 0
    rm -rf "$kept"
    mkdir -p "$kept"
    if timeout 300 "$binaries/$target" -set_cover_merge=1 -max_len="$(size_max "$target")" -detect_leaks=0 \
        "$kept" "fuzz/corpus/$target" "$found" > /dev/null 2>&1; then
        rm -rf "$found"
        mv "$kept" "$found"
    fi
}

deadline=$((SECONDS + ${1:-1000000}))
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")
binaries=$(swift build --package-path fuzz -c release --sanitize=fuzzer --show-bin-path)
out=()
turn=0
while [ "$SECONDS" -lt "$deadline" ] && [ ! -e var/fuzz/stop ]; do
    # libFuzzer's schedule by rarity takes up to a third of the time: every other turn goes without it.
    turn=$((turn + 1))
    for target in "${targets[@]}"; do
        if [ "$SECONDS" -ge "$deadline" ] || [ -e var/fuzz/stop ]; then break; fi
        [[ " ${out[*]-} " != *" $target "* ]] || continue
        # Another campaign may be at it: its log and inputs are its own.
        exec 9> "var/fuzz/$target.lock"
        flock -n 9 || continue
        log=var/fuzz/$target.campaign.log
        status=0
        minimise "$target" "$([ "$target" = session ] && echo 500 || echo 2000)"
        ( run_fuzzer "$binaries" "$target" "$(slice "$target")" "$log" \
            "-entropic=$((turn % 2))" ) || status=$?
        count=$(executed "$log")
        echo "$target ${count:-0} $(git rev-parse --short HEAD)" >> "$counts"
        # 72 and 124: interrupted, or so starved that it did not end in time, which proves nothing.
        if [ "$status" -ne 0 ] && [ "$status" -ne 72 ] && [ "$status" -ne 124 ]; then
            echo "$target: status $status, $(grep -o 'Test unit written to .*' "$log" | tail -1)" \
                >> var/fuzz/findings
            cp "$log" "$log.finding"
            out+=("$target")
        fi
    done
done
