#!/usr/bin/env python3
"""A gateway with few descriptors and a crowd that needs more: those in excess are refused, the load that
was there goes on, the store works, and when the crowd has left everything is as before."""

import os
import time

from harness import Crowd, FaultError, Gateway, Load, Run, command_line, main


def body():
    parser = command_line(__doc__, count=2)
    parser.add_argument("--descriptors", type=int, default=160, help="the gateway's limit")
    options = parser.parse_args()
    run = Run("descriptors", options)
    # One table for all, so that the store and the sockets share what there is.
    gateway = Gateway(run, "gateway", configuration='shards = 2\ndescriptor-tables = "shared"\n')
    limit = f"--nofile={options.descriptors}:{options.descriptors}"
    before = ("prlimit", limit, "--")
    if os.geteuid() == 0:
        # Root raises its limit again, unless it may not.
        before = ("setpriv", "--bounding-set", "-sys_resource", "--", *before)
    gateway.start(before)
    # Nobody of the load leaves: a place that is given up would be the crowd's.
    load = Load(run, gateway, "--leaving", "0")
    load.wait_for_flow()
    refused = entered = most = 0
    for _ in range(options.count):
        crowd = Crowd(run, gateway, count=2 * options.descriptors, hold=2)
        before = load.sample()["acked"]
        while crowd.is_running:
            most = max(most, gateway.status()["connections"])
            time.sleep(0.1)
        result = crowd.finish()
        entered += result["logins"]
        refused += result["gaveUp"]
        if load.sample()["acked"] <= before:
            raise FaultError("the load stood still while the crowd was there")
        deadline = time.monotonic() + 30
        while gateway.status()["sessions"] > 2 * options.pairs:
            if time.monotonic() > deadline:
                raise FaultError(f"sessions that nobody has: {gateway.status()}")
            time.sleep(0.1)
    if refused == 0:
        raise FaultError("nobody was refused")
    status = gateway.status()
    report = load.finish()
    gateway.stop()
    run.finish(
        options.count, [report], descriptors=options.descriptors, connectionsMost=most, crowdEntered=entered,
        crowdRefused=refused, timesFull=status["times-full"], errors=result["errors"])


main(body)
