#!/usr/bin/env python3
"""SIGSTOP of the gateway under load, SIGCONT after a while: clients go on or reconnect, nothing is lost."""

import signal
import time

from harness import Gateway, Load, Run, command_line, main


def body():
    parser = command_line(__doc__, count=3)
    parser.add_argument("--stop-seconds", type=float, default=30, help="how long it stands still")
    options = parser.parse_args()
    run = Run("stop", options)
    gateway = Gateway(run, "gateway")
    gateway.start()
    load = Load(run, gateway)
    recoveries = []
    for _ in range(options.count):
        load.wait_for_moment()
        gateway.process.send_signal(signal.SIGSTOP)
        time.sleep(options.stop_seconds)
        gateway.process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        load.wait_for_flow()
        recoveries.append(time.monotonic() - began)
        gateway.status()  # the admin socket, too
    report = load.finish()
    gateway.stop()
    run.finish(
        options.count, [report], stopSeconds=options.stop_seconds,
        recoveryMsMax=round(1000 * max(recoveries)), errors=report["counts"]["errors"])


main(body)
