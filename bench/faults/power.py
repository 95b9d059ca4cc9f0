#!/usr/bin/env python3
"""Power cuts under load, on a disk of our own that drops what was not synced; nothing acked may be lost.

Before a cut the gateway may be killed and started again: what a killed process left in the system's
cache is not on the disk either. --lying makes the disk answer every sync without keeping anything: acked
messages must then be lost, or this script could not find a loss. It ends with 1 if they are not.
"""

import os
import time

from disk import Disk
from harness import FaultError, Gateway, Load, Run, command_line, main, side_by_side


class Machine:
    """A gateway, its disk, and the switch."""

    def __init__(self, run, index, preload):
        self.run = run
        self.gateway = Gateway(run, f"gateway-{index}", preload=preload, control=True)
        self.disk = Disk(run.random.getrandbits(64))
        self.ways = {}
        self.kills = 0

    def end(self):
        """Kills the gateway and takes its log."""
        if not self.gateway.is_running:
            raise FaultError(f"{self.gateway.name} ended by itself: see {self.gateway.log}")
        self.gateway.kill()
        self.disk.read(self.gateway.disk_log)
        os.unlink(self.gateway.disk_log)

    def cut(self, way=None, at_risk=lambda: True):
        """The power goes, once there is something on the disk that `at_risk` wants."""
        for _ in range(20):
            self.end()
            if at_risk():
                break
            self.gateway.start()
            self.run.sleep(1, 3)
        else:
            raise FaultError("nothing was at risk in 20 attempts")
        way = self.disk.cut(way)
        self.ways[way] = self.ways.get(way, 0) + 1
        self.disk.write_to(self.gateway.data)
        self.gateway.start()


def has_waiting_messages(load):
    """Whether a gateway that is dead has acked messages that nobody was given."""
    # When none is online the load has read whatever the gateway still sent.
    sample = load.wait_until(lambda sample: sample["online"] == 0, 30, "connections outlive the gateway")
    return sample["acked"] > sample["delivered"]


def cuts(run, index, count, preload, lying):
    machine = Machine(run, index, preload)
    machine.gateway.start()
    # The canary's recipients are away more often: what waits on the disk is what can be lost.
    load = Load(run, machine.gateway, *(["--leaving", "100"] if lying else []), drain=3 if lying else 60)
    load.wait_for_flow()
    for number in range(count):
        if lying:
            load.wait_for_flow()
            time.sleep(2)
        else:
            load.wait_for_moment()
        if not lying and run.random.random() < 0.3:
            machine.end()
            machine.gateway.start()
            machine.kills += 1
            load.wait_for_moment()
        # The canary's first cut is an honest one: so that there is a database afterwards.
        machine.disk.lying = lying and number > 0
        if machine.disk.lying:
            machine.cut("nothing", at_risk=lambda: has_waiting_messages(load))
        else:
            machine.cut()
    report = load.finish()
    machine.gateway.stop()
    machine.disk.lying = False
    machine.disk.read(machine.gateway.disk_log)
    # If the log did not tell all that was written, no cut would have been a true one.
    different = machine.disk.differences(machine.gateway.data)
    if different:
        raise FaultError(f"the log of the disk differs from {', '.join(different)}")
    return report, machine


def body():
    parser = command_line(__doc__, count=20)
    parser.add_argument("--gateways", type=int, default=1, help="side by side, each with its own data")
    parser.add_argument("--lying", action="store_true", help="the canary: a disk that lies about syncs")
    options = parser.parse_args()
    if options.lying:
        options.count = max(2, options.count)
    run = Run("power-lying" if options.lying else "power", options)
    preload = run.preload()
    gateways = min(options.gateways, options.count)
    shares = [options.count // gateways + (i < options.count % gateways) for i in range(gateways)]
    results = side_by_side(
        gateways, lambda index: cuts(run, index, shares[index], preload, options.lying))
    ways = {}
    for _, machine in results:
        for way, times in machine.ways.items():
            ways[way] = ways.get(way, 0) + times
    run.finish(
        options.count, [report for report, _ in results], expects_loss=options.lying, gateways=gateways,
        kills=sum(machine.kills for _, machine in results), ways=ways,
        syncs=sum(machine.disk.syncs for _, machine in results),
        writesDropped=sum(machine.disk.dropped for _, machine in results),
        writesKept=sum(machine.disk.kept for _, machine in results))


if __name__ == "__main__":
    main(body)
