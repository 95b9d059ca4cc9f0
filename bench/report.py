#!/usr/bin/env python3
"""Makes one report of codec-bench's and codec_peers.py's lines: tables for people on standard error, JSON
on standard output. python3 bench/report.py FIGURES.jsonl [SIZES.json]"""

import json
import os
import statistics
import sys

# From other implementations of this grammar, on another 2-core machine: cited, not measured here.
CITED = {
    "Go, the fastest": {"encode": 471_000, "decode": 298_000},
    "TypeScript": {"encode": 74_000, "decode": 213_000},
    "protobuf's C core from Python": {"encode": 1_600_000, "decode": 1_300_000},
}
GOALS = {"encode": 2_400_000, "decode": 1_500_000}
PATHS = {
    "write": ("encode", "writer"), "encodeTree": ("encode", "tree"),
    "encodeDecoded": ("encode", "tree that was decoded"), "protobufEncode": ("encode", "protobuf"),
    "read": ("decode", "reader: validate, then every value"), "validate": ("decode", "reader: validate"),
    "decodeTree": ("decode", "tree"), "decodeStrings": ("decode", "tree, every string"),
    "protobufDecode": ("decode", "protobuf"),
}


def machine():
    model = cores = ""
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    cores = os.cpu_count()
    load = os.getloadavg()
    return {"processor": model, "cores": cores, "load": [round(value, 2) for value in load]}


def main():
    runs = {}
    with open(sys.argv[1]) as file:
        for line in map(json.loads, file):
            key = (line["path"], line["dictionary"], line["kind"])
            runs.setdefault(key, []).append(line)
    rows = []
    for lines in runs.values():
        row = dict(lines[0])
        row["nanoseconds"] = statistics.median(line["nanoseconds"] for line in lines)
        row["perSecond"] = 1e9 / row["nanoseconds"]
        rows.append(row)
    report = {"machine": machine(), "cited": CITED, "goals": GOALS, "figures": rows}
    if len(sys.argv) > 2:
        with open(sys.argv[2]) as file:
            report.update(json.load(file))
    show(report)
    json.dump(report, sys.stdout, indent=1)
    print()


def show(report):
    def say(text=""):
        print(text, file=sys.stderr)

    rows = report["figures"]
    mix = [row for row in rows if row["kind"] == "mix"]
    protobuf = {PATHS[r["path"]][0]: r["nanoseconds"] for r in mix if r["dictionary"] == "none"}
    where = report["machine"]
    say(f"{where['processor']}, {where['cores']} cores, load {where['load']}; one thread, CPU time, medians")
    say("| mix of 600 stanzas | dictionary | ns | stanzas/s | of the goal | protobuf = 1 | allocations |")
    say("|---|---|---|---|---|---|---|")
    for row in mix:
        direction, name = PATHS[row["path"]]
        goal = f"{row['perSecond'] / GOALS[direction]:.2f}"
        ratio = f"{protobuf[direction] / row['nanoseconds']:.2f}" if protobuf else "–"
        allocations = "–" if row["allocations"] is None else f"{row['allocations']:.2f}"
        say(
            f"| {direction}: {name} | {row['dictionary']} | {row['nanoseconds']:.0f} "
            f"| {row['perSecond']:,.0f} | {goal} | {ratio} | {allocations} |")
    say()
    kinds = sorted({row["kind"] for row in rows} - {"mix"})
    paths = ["write", "encodeTree", "read", "decodeTree"]
    say("| ns, small dictionary | bytes | " + " | ".join(PATHS[p][0] + ": " + PATHS[p][1] for p in paths) + " |")
    say("|---|---|" + "---|" * len(paths))
    for kind in kinds:
        found = {r["path"]: r for r in rows if r["kind"] == kind and r["dictionary"] == "small"}
        say(
            f"| {kind} | {found['write']['bytes']:.0f} | "
            + " | ".join(f"{found[p]['nanoseconds']:.0f}" for p in paths) + " |")
    say()
    for name, speeds in CITED.items():
        say(f"cited: {name}: {speeds['encode']:,} encodes/s, {speeds['decode']:,} decodes/s")
    if "ratio" in report:
        say(f"control stanzas, bytes of ours / protobuf's: {report['ratio']:.3f} (goal: at most 1.2)")


if __name__ == "__main__":
    main()
