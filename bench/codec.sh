#!/usr/bin/env bash
# Measures the codec beside protobuf, in turns, on one thread each; prints tables and keeps the figures in
# var/bench/codec.json. The Python packages of bench/requirements.txt go to var/bench/venv; where they
# cannot be had, or under BENCH_SMOKE=1, protobuf and the sizes are left out.
set -euo pipefail

cd "$(dirname "$0")/.."
output=var/bench
mkdir -p "$output"
rounds=9 round_ms=50 turns=3
[ -z "${BENCH_SMOKE:-}" ] || rounds=1 round_ms=1 turns=1

echo "bench: building"
if ! swift build --package-path bench -c release --product codec-bench > "$output/build.log" 2>&1; then
    cat "$output/build.log" >&2
    exit 1
fi
binary=$(swift build --package-path bench -c release --show-bin-path)/codec-bench
small=(--dictionary bench/data/dictionary-small.json)

python=
if [ -z "${BENCH_SMOKE:-}" ]; then
    venv=$output/venv
    if [ -x "$venv/bin/python" ] || python3 -m venv "$venv" > "$output/venv.log" 2>&1; then
        if "$venv/bin/pip" install -q -r bench/requirements.txt >> "$output/venv.log" 2>&1; then
            python=$venv/bin/python
        fi
    fi
    [ -n "$python" ] || echo "bench: no Python packages, see $output/venv.log: no comparison" >&2
fi

figures=$output/codec.jsonl
: > "$figures"
for ((turn = 0; turn < turns; turn++)); do
    "$binary" "${small[@]}" --rounds $rounds --round-ms $round_ms >> "$figures"
    [ -z "$python" ] || "$python" bench/codec_peers.py bench/data/stanzas.jsonl $rounds $round_ms >> "$figures"
    "$binary" --rounds $rounds --round-ms $round_ms >> "$figures"
done
"$binary" --memory
if [ -z "$python" ]; then
    python3 bench/report.py "$figures" > "$output/codec.json"
else
    CODEC_BENCH=$binary "$python" bench/sizes.py --json > "$output/sizes.json"
    "$python" bench/report.py "$figures" "$output/sizes.json" > "$output/codec.json"
fi
