#!/usr/bin/env bash
# Real faults against the real binary (docs/RELIABILITY.md).
#
#   bench/faults/run.sh                        each fault a few times
#   bench/faults/run.sh NAME [COUNT] [OPTION…]  one: kill, power, lying, full-disk, stop, descriptors, memory,
#                                              sync-error, slow-disk
#   bench/faults/run.sh smoke                  kills, power cuts and the canary with a debug build, for CI
#
# Environment: RESULTS, a file to which each run appends its line of JSON; BUILD (release).
set -euo pipefail
cd "$(dirname "$0")/../.."

options=(--build "${BUILD:-release}")
[ -z "${RESULTS:-}" ] || options+=(--results "$RESULTS")

one() {
    local name=$1 script=${1//-/_}
    shift
    if [ "$name" = lying ]; then
        script=power
        set -- "$@" --lying
    fi
    echo "== $name" >&2
    "bench/faults/$script.py" "${options[@]}" "$@"
}

case "${1:-all}" in
    all)
        for name in kill power lying full-disk stop descriptors memory sync-error slow-disk; do one "$name"; done
        ;;
    smoke)
        options=(--build "${BUILD:-debug}" --pairs 4 --rate 200)
        (cd bench/faults && python3 -m unittest -q)
        one kill --count 5
        one power --count 3
        one lying --count 2
        ;;
    *)
        name=$1
        shift
        if [[ "${1:-}" =~ ^[0-9]+$ ]]; then set -- --count "$@"; fi
        one "$name" "$@"
        ;;
esac
