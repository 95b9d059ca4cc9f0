#!/usr/bin/env python3
"""A disk whose every sync takes long, for a while: acks come late, but they come, and nothing is lost."""

import time

from harness import FaultError, Gateway, Load, Run, command_line, main


def body():
    parser = command_line(__doc__, count=3)
    parser.add_argument("--delay-ms", type=int, default=500, help="how much longer a sync takes")
    parser.add_argument("--slow-seconds", type=float, default=10, help="for how long")
    options = parser.parse_args()
    run = Run("slow-disk", options)
    gateway = Gateway(run, "gateway", preload=run.preload(), control=True)
    gateway.start()
    load = Load(run, gateway)
    slow_acked = 0
    for _ in range(options.count):
        load.wait_for_flow()
        gateway.control.delay_syncs(options.delay_ms)
        before = load.sample()["acked"]
        time.sleep(options.slow_seconds)
        slow_acked += load.sample()["acked"] - before
        gateway.control.delay_syncs(0)
    if slow_acked == 0:
        raise FaultError("nothing was acked while the disk was slow")
    load.wait_for_flow()
    report = load.finish()
    gateway.stop()
    run.finish(
        options.count, [report], delayMs=options.delay_ms, ackedWhileSlow=slow_acked,
        ackedASecondWhileSlow=round(slow_acked / options.count / options.slow_seconds, 1))


main(body)
