#!/usr/bin/env bash
# Counts the codec's instructions per stanza with cachegrind, which repeats to a few in a million, and
# compares them with bench/instructions.txt: more than 2 % off, either way, fails. After a change that is
# meant: bench/instructions.sh --update. Needs valgrind (deploy/packages.sh) and the toolchain that the
# figures were taken with; with another one it only reports.
set -euo pipefail

cd "$(dirname "$0")/.."
file=bench/instructions.txt
paths=(write encodeTree read validate decodeTree)
few=1 many=21 stanzas=600
mkdir -p var/bench
export SWIFT_DETERMINISTIC_HASHING=1

log=var/bench/build.log
if ! swift build --package-path bench -c release --product codec-bench > "$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
binary=var/bench/codec-bench-stripped
# This valgrind does not understand the toolchain's debug information.
strip -g -o "$binary" "$(swift build --package-path bench -c release --show-bin-path)/codec-bench"
toolchain=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)

# count PATH REPEATS: the instructions of the whole run.
count() {
    valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null "$binary" \
        --dictionary bench/data/dictionary-small.json --path "$1" --repeats "$2" 2>&1 < /dev/null |
        sed -n 's/.*I *refs: *//p' | tr -d ,
}

measured=()
for path in "${paths[@]}"; do
    less=$(count "$path" $few)
    more=$(count "$path" $many)
    measured+=("$path $(((more - less) / ((many - few) * stanzas)))")
done

if [ "${1:-}" = --update ]; then
    {
        echo "# Instructions per stanza, mix of bench/data under the small dictionary: bench/instructions.sh"
        echo "toolchain $toolchain"
        printf '%s\n' "${measured[@]}"
    } > "$file"
    cat "$file"
    exit 0
fi

status=0
same=true
[ "$(sed -n 's/^toolchain //p' "$file")" = "$toolchain" ] || same=false
for line in "${measured[@]}"; do
    read -r path now <<< "$line"
    before=$(sed -n "s/^$path //p" "$file")
    [ -n "$before" ] || { echo "no figure for $path in $file" >&2; exit 1; }
    permille=$(((now - before) * 1000 / before))
    printf 'instructions: %-12s %6d, was %6d (%+d per mille)\n' "$path" "$now" "$before" "$permille"
    if [ "$permille" -gt 20 ] || [ "$permille" -lt -20 ]; then status=1; fi
done
if [ "$status" -ne 0 ] && ! $same; then
    echo "instructions: another toolchain ($toolchain): reported, not judged" >&2
    exit 0
fi
[ "$status" -eq 0 ] || echo "instructions: more than 2 % off; if that is meant: bench/instructions.sh --update" >&2
exit "$status"
