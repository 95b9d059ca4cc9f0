#!/usr/bin/env python3
"""fsync of the database fails with EIO under load, one to five times in a row, and what it was about is on
the disk only in part; every other time the power is cut afterwards. No acks until the database has been
opened again and synced, and nothing acked is lost."""

from harness import FLOW_TIMEOUT_S, FaultError, Load, Run, command_line, main
from power import Machine


def body():
    options = command_line(__doc__, count=6).parse_args()
    run = Run("sync-error", options)
    machine = Machine(run, 0, run.preload())
    gateway, control = machine.gateway, machine.gateway.control
    gateway.start()
    load = Load(run, gateway)
    for number in range(options.count):
        load.wait_for_moment()
        wanted = control.failed_syncs + run.random.randint(1, 5)
        control.fail_syncs(wanted - control.failed_syncs)
        load.wait_until(lambda _: control.failed_syncs >= wanted, FLOW_TIMEOUT_S, "the errors were not met")
        if number % 2:
            # At any moment of the recovery.
            run.sleep(0, 1)
            machine.cut()
        load.wait_for_flow(timeout=120)
        if not gateway.is_running:
            raise FaultError(f"{gateway.name} ended by itself: see {gateway.log}")
    report = load.finish()
    gateway.stop()
    run.finish(
        options.count, [report], failedSyncs=control.failed_syncs, powerCuts=sum(machine.ways.values()),
        errors=report["counts"]["errors"])


main(body)
