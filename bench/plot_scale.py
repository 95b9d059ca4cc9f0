#!/usr/bin/env python3
"""Tables and plots of the runs that bench/scale.sh left in a directory.

    bench/plot_scale.py DIRECTORY [--no-plots]

Prints a table in Markdown, a row a run. Plots (memory and ramp against sessions) need matplotlib and go
to DIRECTORY/memory.svg and DIRECTORY/ramp.svg. Exits with 1 if a run lost sessions it should have kept.
"""

import csv
import json
import pathlib
import sys


def load(path):
    return json.loads(path.read_text())


def phase(report, name):
    """A phase of a report; None if it had none of that name."""
    return next((phase for phase in report["phases"] if phase["name"] == name), None)


def samples(path):
    """The run's table over time, numbers as numbers."""
    rows = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            rows.append({k: v if k == "phase" else float(v) if v else None for k, v in row.items()})
    return rows


class Run:
    """A run; with `before`, the part of it in which further sessions came to those that there were."""

    def __init__(self, directory, count):
        self.count = count
        self.run = load(directory / f"{count}-run.json")
        self.storm = load(directory / f"{count}-storm.json")
        self.messages = load(directory / f"{count}-messages.json")
        self.samples = samples(directory / f"{count}.csv")

    @property
    def ramp(self):
        return phase(self.storm, "ramp")

    @property
    def idle_cpu(self):
        """Percent of a core while all idle: from 2 s into the hold until the messages begin."""
        hold = [row for row in self.samples if row["phase"] == "hold"]
        start = hold[0]["t"] + 2
        rows = [row for row in hold if start <= row["t"] < hold[0]["t"] + self.run["idleSeconds"]]
        rows = [row for row in rows if row["gateway_cpu_ms"] is not None]
        if len(rows) < 2:
            return None
        seconds = rows[-1]["t"] - rows[0]["t"]
        return (rows[-1]["gateway_cpu_ms"] - rows[0]["gateway_cpu_ms"]) / 10 / seconds

    def problems(self):
        """What no run may have."""
        own = self.count - self.run["before"]
        back = phase(self.storm, "return")
        # Without a storm the gateway was drained during the hold; scale.sh looked at it just before.
        for part in (phase(self.storm, "ramp"), back and phase(self.storm, "hold"), back):
            if part is None:
                continue
            name, counts = part["name"], part["counts"]
            if counts["online"] != own:
                yield f"{name}: {counts['online']} of {own} online"
            if counts["dropped"] or counts["gaveUp"]:
                yield f"{name}: {counts['dropped']} dropped, {counts['gaveUp']} gave up"
        counts = phase(self.messages, "messages")["counts"]
        if not counts["sent"] or counts["sent"] != counts["acked"]:
            yield f"messages: {counts['acked']} of {counts['sent']} acked"
        if counts["delivered"] < counts["acked"]:
            yield f"messages: {counts['delivered']} of {counts['acked']} delivered"
        if self.run["gatewayExit"] != 0:
            yield f"the gateway ended with {self.run['gatewayExit']}"

    def row(self):
        ramp, back = self.ramp, phase(self.storm, "return")
        memory = self.storm.get("perSession", {})
        messages = phase(self.messages, "messages")
        logins = ramp["counts"]["logins"] or 1
        cpu = [ramp[side].get("gateway", {}).get("cpuMs") for side in ("before", "after")]
        latency = messages.get("deliveries", {})
        ack = messages.get("acks", {})

        def number(value, digits=0):
            return "–" if value is None else f"{value:,.{digits}f}"

        return [
            number(self.count),
            self.run.get("transport", "kernel"),
            number(memory.get("gatewayResidentBytes")),
            number(memory.get("generatorResidentBytes")),
            number(memory.get("kernelSlabBytes")),
            number(memory.get("memFreeBytes")),
            number(logins / max(ramp["seconds"], 0.001)),
            number(None if None in cpu else (cpu[1] - cpu[0]) * 1000 / logins),
            number(self.idle_cpu, 2),
            " / ".join(number(latency.get(key), 1) for key in ("p50", "p99", "p999")),
            " / ".join(number(ack.get(key), 1) for key in ("p50", "p99", "p999")),
            number(back and back["seconds"], 1),
            number(self.run["drainMs"] and self.run["drainMs"] / 1000, 1),
            number(self.run["readyMs"]),
        ]


HEADINGS = [
    "sessions",
    "transport",
    "gateway B/session",
    "generator B/session",
    "kernel slab, both ends, B/session",
    "all in all (MemFree), both ends, B/session",
    "logins/s",
    "gateway µs/login",
    "idle CPU, % of a core",
    "delivery ms, p50 / p99 / p99.9",
    "ack ms, p50 / p99 / p99.9",
    "storm: all back, s",
    "drain, s",
    "ready, ms",
]


def plot(runs, directory):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    for run in runs:
        ramp = [row for row in run.samples if row["phase"] == "ramp" and row["gateway_rss"]]
        if len(ramp) < 2:
            continue
        first = ramp[0]
        online = [(run.run["before"] + row["online"]) / 1000 for row in ramp]
        for key, label, sign in [
            ("gateway_rss", "gateway, resident", 1),
            ("slab", "kernel slab, both ends", 1),
            ("mem_free", "all in all, both ends", -1),
        ]:
            values = [sign * (row[key] - first[key]) / 2**20 for row in ramp]
            axes.plot(online, values, label=f"{run.count:,}: {label}")
    axes.set_xlabel("sessions, thousands")
    axes.set_ylabel("growth of memory, MiB")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(directory / "memory.svg", metadata={"Date": None})

    figure, axes = pyplot.subplots()
    for run in runs:
        ramp = [row for row in run.samples if row["phase"] == "ramp"]
        axes.plot(
            [row["t"] for row in ramp],
            [(run.run["before"] + row["online"]) / 1000 for row in ramp],
            label=f"{run.count:,}"
        )
    axes.set_xlabel("seconds")
    axes.set_ylabel("sessions, thousands")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(directory / "ramp.svg", metadata={"Date": None})


def main():
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    if len(arguments) != 1:
        sys.exit(__doc__)
    directory = pathlib.Path(arguments[0])
    counts = sorted(int(path.name.split("-")[0]) for path in directory.glob("*-run.json"))
    runs = [Run(directory, count) for count in counts]
    print("| " + " | ".join(HEADINGS) + " |")
    print("|" + "---|" * len(HEADINGS))
    for run in runs:
        print("| " + " | ".join(run.row()) + " |")
    if "--no-plots" not in sys.argv:
        plot(runs, directory)
    failed = False
    for run in runs:
        for problem in run.problems():
            failed = True
            print(f"{run.count}: {problem}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
