#!/usr/bin/env bash
# Runs benchmarks: bench/run.sh [NAME...], all without a name. Each is bench/NAME.sh. With BENCH_SMOKE=1
# they only show that they run; the figures mean nothing then.
set -euo pipefail

cd "$(dirname "$0")/.."
all=(codec tls)
names=("$@")
[ ${#names[@]} -gt 0 ] || names=("${all[@]}")
for name in "${names[@]}"; do
    if [[ " ${all[*]} " != *" $name "* ]]; then
        echo "no benchmark $name; there are: ${all[*]}" >&2
        exit 2
    fi
done
for name in "${names[@]}"; do
    echo "bench: $name"
    "bench/$name.sh"
done
