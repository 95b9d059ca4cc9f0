# What the fuzz scripts share: the targets, how long their inputs may be, how a fuzzer runs.
# Sourced from the checkout's root.

# shellcheck disable=SC2034
all=(node session tree frames inflate prologue address scram dictionary notation records tls)

# Bytes of one input: enough to reach every limit that can be reached in reasonable time.
size_max() {
    case $1 in
        node | tree) echo 1024 ;;
        frames) echo 1024 ;;
        inflate) echo 1024 ;;
        prologue) echo 16 ;;
        address) echo 400 ;;
        scram) echo 512 ;;
        dictionary) echo 1024 ;;
        notation) echo 512 ;;
        records) echo 512 ;;
        tls) echo 1024 ;;
        session) echo 512 ;;
        *) return 1 ;;
    esac
}

# The backtracer would hold a crashed fuzzer for minutes; the sanitizer prints the stack itself. Leaks are
# not looked for: dictionaries live as long as the process. A small quarantine keeps the cache warm.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8:malloc_context_size=1:${ASAN_OPTIONS:-}

# run_fuzzer BINARIES TARGET SECONDS LOG [OPTION...]: runs one target over its found and kept inputs.
run_fuzzer() {
    local binaries=$1 target=$2 seconds=$3 output=$4 arguments=("${@:5}")
    local found=var/fuzz/$target
    mkdir -p "$found" fuzz/artifacts
    [ -s "fuzz/dictionaries/$target.dict" ] && arguments+=("-dict=fuzz/dictionaries/$target.dict")
    timeout $((seconds + 120)) "$binaries/$target" -max_total_time="$seconds" \
        -max_len="$(size_max "$target")" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -reload=0 -detect_leaks=0 -use_value_profile=0 \
        -artifact_prefix="fuzz/artifacts/$target-" "${arguments[@]}" \
        "$found" "fuzz/corpus/$target" > "$output" 2>&1 < /dev/null
}

# executed LOG: how many inputs a run took.
executed() { sed -n 's/^stat::number_of_executed_units: *//p' "$1" | tail -1; }
