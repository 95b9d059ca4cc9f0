#!/usr/bin/env python3
"""Measures protobuf's C core, driven from Python, on the stanzas that codec-bench measures: JSON lines in
the same form. python3 bench/codec_peers.py [STANZAS] [ROUNDS] [ROUND_MS]"""

import json
import sys
import time

import peers


def median_ns(work, items, rounds, round_ms):
    def one_pass():
        start = time.thread_time_ns()
        work(items)
        return max(1, time.thread_time_ns() - start)

    passes = max(1, round_ms * 1_000_000 // one_pass())
    times = sorted(sum(one_pass() for _ in range(passes)) for _ in range(rounds))
    return times[rounds // 2] / (passes * len(items))


def encode(messages):
    for message in messages:
        message.SerializeToString()


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "bench/data/stanzas.jsonl"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    round_ms = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    core = peers.protobuf_core()
    if core != "upb":
        print(f"protobuf runs on its {core} core, not on upb: no comparison", file=sys.stderr)
        return
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    schema = peers.Schema([line["node"] for line in lines])
    groups = {"mix": lines}
    for line in lines:
        groups.setdefault(line["name"], []).append(line)
    for kind, group in groups.items():
        messages = [schema.message(line["node"]) for line in group]
        payloads = [message.SerializeToString() for message in messages]
        from_string = schema.type.FromString

        def decode(payloads):
            for payload in payloads:
                from_string(payload)

        share = round_ms if kind == "mix" else max(1, round_ms // 5)
        for name, work, items in (
            ("protobufEncode", encode, messages), ("protobufDecode", decode, payloads),
        ):
            nanoseconds = median_ns(work, items, rounds, share)
            print(json.dumps({
                "path": name, "kind": kind, "dictionary": "none", "stanzas": len(group),
                "bytes": sum(map(len, payloads)) / len(payloads), "nanoseconds": nanoseconds,
                "perSecond": 1e9 / nanoseconds, "allocations": None,
            }))


if __name__ == "__main__":
    main()
