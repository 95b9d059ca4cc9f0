#!/usr/bin/env bash
# Builds the fuzzers under AddressSanitizer and runs them.
#
#   fuzz/run.sh [TARGET...]       SECONDS_EACH=60 by default; no target: all of them
#
# The canary, a planted bug, always runs first and must be found. New inputs go to var/fuzz/TARGET, kept
# from run to run; fuzz/corpus/TARGET is only read. Exits with 1 when there is a finding, whose input is
# kept in fuzz/artifacts.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=fuzz/targets.sh
. fuzz/targets.sh
seconds=${SECONDS_EACH:-60}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")

case $seconds in '' | *[!0-9]*) echo "seconds: $seconds" >&2; exit 2 ;; esac
for target in "${targets[@]}"; do
    if [[ " ${all[*]} " != *" $target "* ]]; then
        echo "no target $target; there are: ${all[*]}" >&2
        exit 2
    fi
done

echo "fuzz: building"
binaries=$(fuzz/build.sh fuzzer)
mkdir -p var/fuzz fuzz/artifacts

canary() {
    local output=var/fuzz/canary.log
    rm -rf var/fuzz/canary
    mkdir -p var/fuzz/canary
    if timeout 120 "$binaries/canary" -seed=1 -runs=20000000 -max_len=16 -max_total_time=60 \
        -artifact_prefix=var/fuzz/canary- var/fuzz/canary fuzz/corpus/canary > "$output" 2>&1 < /dev/null; then
        echo "fuzz: the canary was NOT found: the fuzzers do not work" >&2
        return 1
    fi
    if ! grep -q "the canary sings" "$output" && ! grep -q "deadly signal" "$output"; then
        cat "$output" >&2
        echo "fuzz: the canary could not run" >&2
        return 1
    fi
    rm -f var/fuzz/canary-crash-*
    echo "fuzz: canary     found, as it must be"
}

# fuzz TARGET: 1 when it found something.
fuzz() {
    local target=$1 output=var/fuzz/$1.log status=0 count
    run_fuzzer "$binaries" "$target" "$seconds" "$output" || status=$?
    count=$(executed "$output")
    # A fuzzer that ran nothing has proved nothing.
    if [ "$status" -eq 0 ] && [ "${count:-0}" -gt 0 ]; then
        printf 'fuzz: %-10s %s executions\n' "$target" "$count"
        executions=$((executions + count))
        return 0
    fi
    tail -n 60 "$output" >&2
    local input
    input=$(sed -n 's/.*Test unit written to //p' "$output" | tail -1)
    printf 'fuzz: %-10s FAILED (status %s, log in %s)\n' "$target" "$status" "$output" >&2
    if [ -n "$input" ]; then
        echo "fuzz: reproduce with" >&2
        echo "    SWIFT_BACKTRACE=enable=no $binaries/$target $input" >&2
    fi
    return 1
}

executions=0
failed=()
canary || failed+=(canary)
for target in "${targets[@]}"; do
    fuzz "$target" || failed+=("$target")
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "fuzz: findings in: ${failed[*]}" >&2
    exit 1
fi
echo "fuzz: ${#targets[@]} targets, $executions executions, no findings"
