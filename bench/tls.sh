#!/usr/bin/env bash
# Measures TLS beside OpenSSL's own calls, in one run and on one thread: records, handshakes, memory. The
# machine and its load come first. Prints tables; see docs/TLS.md.
set -euo pipefail

cd "$(dirname "$0")/.."
output=var/bench
mkdir -p "$output"
rounds=200 connections=10000
[ -z "${BENCH_SMOKE:-}" ] || rounds=2 connections=50

echo "bench: building"
if ! swift build --package-path bench -c release --product tls-bench > "$output/build-tls.log" 2>&1; then
    cat "$output/build-tls.log" >&2
    exit 1
fi
binary=$(swift build --package-path bench -c release --show-bin-path)/tls-bench
certificates=$(mktemp -d)
trap 'rm -rf "$certificates"' EXIT
certs/generate.sh "$certificates" > /dev/null

grep -m 1 'model name' /proc/cpuinfo || true
echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), $(openssl version)"
"$binary" records --certs "$certificates" --rounds $rounds
"$binary" handshakes --certs "$certificates" --rounds $rounds
"$binary" memory --certs "$certificates" --connections $connections
"$binary" memory --certs "$certificates" --connections $connections --attached
