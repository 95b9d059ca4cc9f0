#!/usr/bin/env bash
# Builds the fuzz targets and prints the directory of their executables.
#
#   fuzz/build.sh fuzzer     with libFuzzer and AddressSanitizer
#   fuzz/build.sh replay     with a main that runs files, and AddressSanitizer
#   fuzz/build.sh sweep      the same without any sanitizer: for sweeps, which are blind but fast
#   fuzz/build.sh afl        the same with AFL++'s runtime, which takes the coverage (package afl++)
#
# The log is var/fuzz/build-KIND.log; it is shown when the build fails.
set -euo pipefail

cd "$(dirname "$0")/.."
kind=${1:-fuzzer}

# SwiftPM names a package by its directory: this one and the one above must not share a name.
if [ "$(basename "$PWD")" = fuzz ]; then
    echo "the checkout's directory may not be called fuzz" >&2
    exit 2
fi

arguments=(--package-path fuzz -c release)
case $kind in
    fuzzer)
        arguments+=(--sanitize=fuzzer -Xswiftc -sanitize=fuzzer,address
            -Xcc -fsanitize=fuzzer-no-link,address)
        ;;
    replay | afl)
        # There is no AFL++ compiler for Swift, but Swift's compiler calls the same hooks for each edge.
        # Without AFL++'s runtime they are the sanitizer's, which do nothing.
        export TERN_FUZZ_DRIVER=replay
        arguments+=(--scratch-path fuzz/.build-replay --sanitize=address
            -Xswiftc -sanitize-coverage=edge,trace-pc-guard)
        ;;&
    afl)
        runtime=/usr/lib/afl/afl-compiler-rt.o
        if [ ! -e "$runtime" ]; then
            echo "no $runtime: install afl++" >&2
            exit 2
        fi
        arguments+=(-Xlinker "$runtime")
        ;;
    replay) ;;
    sweep)
        export TERN_FUZZ_DRIVER=replay
        arguments+=(--scratch-path fuzz/.build-sweep)
        ;;
    *)
        echo "fuzz/build.sh fuzzer|replay|sweep|afl" >&2
        exit 2
        ;;
esac

mkdir -p var/fuzz
log=var/fuzz/build-$kind.log
if ! swift build "${arguments[@]}" > "$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
swift build "${arguments[@]}" --show-bin-path
