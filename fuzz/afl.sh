#!/usr/bin/env bash
# Runs one fuzz target under AFL++ over its corpus: fuzz/afl.sh TARGET [SECONDS]. Needs afl++.
#
# Each input is a process of its own, which AFL++'s fork server starts: hundreds a second, where libFuzzer
# runs tens of thousands. Worth it for another fuzzer's ideas of mutation, not for numbers. Crashes are in
# var/fuzz/afl/TARGET/default/crashes; the exit code is 1 when there are any.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=fuzz/targets.sh
. fuzz/targets.sh
target=${1:?usage: fuzz/afl.sh TARGET [SECONDS]}
seconds=${2:-60}
[ "$target" = canary ] || size_max "$target" > /dev/null || { echo "no target $target" >&2; exit 2; }

binaries=$(fuzz/build.sh afl)
out=var/fuzz/afl/$target
rm -rf "$out"
mkdir -p "$out"
# AFL++ sets the sanitizer's options itself; it minds a core pattern and a governor that are not ours to
# change.
unset ASAN_OPTIONS
export AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1
arguments=()
[ -s "fuzz/dictionaries/$target.dict" ] && arguments+=(-x "fuzz/dictionaries/$target.dict")
afl-fuzz -V "$seconds" -t 5000 -i "fuzz/corpus/$target" -o "$out" "${arguments[@]}" \
    -- "$binaries/$target" > "$out/log" 2>&1 < /dev/null || { tail -n 30 "$out/log" >&2; exit 1; }
field() { sed -n "s/^$1 *: *//p" "$out/default/fuzzer_stats"; }
crashes=$(field saved_crashes)
echo "afl: $target $(field execs_done) executions, $(field edges_found) of $(field total_edges) edges," \
    "$crashes crashes"
[ "$crashes" -eq 0 ]
