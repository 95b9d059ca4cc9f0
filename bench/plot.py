#!/usr/bin/env python3
"""Draws docs/codec.svg from a report: var/bench/venv/bin/python bench/plot.py [REPORT.json] [PICTURE.svg]"""

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "codec"  # the same figures make the same file
import matplotlib.pyplot as plot  # noqa: E402

BARS = [
    ("encode", "writer", "write"), ("encode", "tree", "encodeTree"),
    ("decode", "reader", "read"), ("decode", "tree", "decodeTree"),
]
FORMATS = ["tern", "protobuf", "cbor", "xml", "xml+zlib"]
COLOURS = ["#1b6ca8", "#c0504d", "#d9a441", "#8c8c8c", "#bdbdbd"]
OURS, MEASURED, CITED = "#1b6ca8", "#c0504d", "#bdbdbd"


def speeds(axes, report):
    mix = {r["path"]: r["perSecond"] for r in report["figures"]
           if r["kind"] == "mix" and r["dictionary"] in ("small", "none")}
    bars = []
    for direction in ("encode", "decode"):
        bars += [(f"{direction}: {name}", mix[path], OURS)
                 for way, name, path in BARS if way == direction]
        measured = mix.get("protobuf" + direction.capitalize())
        if measured:
            bars.append((f"{direction}: protobuf (upb, Python)", measured, MEASURED))
        cited = report["cited"]["Go, the fastest"][direction]
        bars.append((f"{direction}: Go (cited)", cited, CITED))
    bars.reverse()
    axes.barh([bar[0] for bar in bars], [bar[1] / 1e6 for bar in bars], color=[b[2] for b in bars])
    half = len(bars) / 2
    for index, direction in enumerate(("decode", "encode")):
        goal = report["goals"][direction] / 1e6
        axes.plot([goal, goal], [index * half - 0.5, index * half + half - 0.5], "k--", linewidth=1)
    axes.set_xlabel("million stanzas a second, one thread, mix of 15 kinds (dashes: the goal)")
    axes.set_title("Speed")


def sizes(axes, report):
    kinds = ["message", "receipt", "ack", "presence", "chatstate", "ping", "error"]
    width = 0.16
    for index, format in enumerate(FORMATS):
        axes.bar(
            [place + (index - 2) * width for place in range(len(kinds))],
            [report["sizes"][kind][format] for kind in kinds], width, label=format,
            color=COLOURS[index])
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set_ylabel("bytes of a payload")
    axes.set_title("Size of the protocol's stanzas")
    axes.legend(frameon=False, ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.06))


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else "var/bench/codec.json"
    target = sys.argv[2] if len(sys.argv) > 2 else "docs/codec.svg"
    with open(source) as file:
        report = json.load(file)
    figure, axes = plot.subplots(2, 1, figsize=(8, 8), layout="constrained")
    speeds(axes[0], report)
    sizes(axes[1], report)
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
