#!/usr/bin/env python3
"""The table of docs/RELIABILITY.md from files of results: one row a fault, runs added up."""

import json
import sys

VIOLATIONS = ("lost", "seenTwice", "outOfOrder", "damaged", "falseReceipts")


def main():
    rows = {}
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as stream:
            for text in filter(str.strip, stream):
                line = json.loads(text)
                row = rows.setdefault(line["fault"], {})
                for name in ("count", "acked", "cutInFlight", "refusedWithWait", "overtaken", *VIOLATIONS):
                    row[name] = row.get(name, 0) + line[name]
                row["runs"] = row.get("runs", 0) + 1
                row["outage"] = max(row.get("outage", 0), line["longestOutageMs"])
                # A canary fails when it loses nothing.
                is_canary = line["fault"] == "power-lying"
                failed = line["lost"] == 0 if is_canary else line["verdict"] != "clean"
                row["failed"] = row.get("failed", 0) + failed
    print("| fault | times | acked messages | in flight when cut | lost | seen twice | out of order "
          "| damaged | refused with `wait` | overtaken | longest outage, s | runs, failed |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for fault, row in sorted(rows.items()):
        damaged = row["damaged"] + row["falseReceipts"]
        print(f"| {fault} | {row['count']:,} | {row['acked']:,} | {row['cutInFlight']:,} | {row['lost']:,} "
              f"| {row['seenTwice']:,} | {row['outOfOrder']:,} | {damaged:,} | {row['refusedWithWait']:,} "
              f"| {row['overtaken']:,} | {row['outage'] / 1000:.1f} | {row['runs']}, {row['failed']} |")


main()
