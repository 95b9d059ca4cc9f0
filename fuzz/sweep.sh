#!/usr/bin/env bash
# Sweeps targets: runs changed inputs blindly, without sanitizer and coverage, many times as fast as a fuzzer.
#
#   fuzz/sweep.sh SECONDS TARGET...      so long each, beginning with the seeds and what fuzzing found
#
# Appends a line to var/fuzz/sweeps for each: target, executions, commit, seed. The canary must be found
# first. An input that traps is kept in fuzz/artifacts.
set -euo pipefail

cd "$(dirname "$0")/.."
seconds=${1:?"usage: fuzz/sweep.sh SECONDS TARGET..."}
shift
export SWIFT_BACKTRACE=enable=no
binaries=$(fuzz/build.sh sweep)
mkdir -p var/fuzz fuzz/artifacts

rm -f var/fuzz/canary-sweep
status=0
"$binaries/canary" -sweep=60 -keep=var/fuzz/canary-sweep fuzz/corpus/canary > /dev/null 2>&1 || status=$?
# A trap is a signal; anything else says that the sweep could not run.
if [ "$status" -lt 128 ] || [ ! -s var/fuzz/canary-sweep ]; then
    echo "fuzz: the canary was NOT found by the sweep" >&2
    exit 1
fi
for target in "$@"; do
    seed=$(od -An -N6 -tu8 /dev/urandom | tr -d ' ')
    paths=("fuzz/corpus/$target")
    [ ! -d "var/fuzz/$target" ] || paths+=("var/fuzz/$target")
    if ! count=$(nice -n 19 "$binaries/$target" -sweep="$seconds" -seed="$seed" \
        -keep="fuzz/artifacts/$target-sweep" "${paths[@]}"); then
        echo "fuzz: $target: the sweep found fuzz/artifacts/$target-sweep (seed $seed)" >&2
        exit 1
    fi
    echo "$target $count $(git rev-parse --short HEAD) $seed" | tee -a var/fuzz/sweeps
done
