#!/usr/bin/env python3
"""kill -9 of the gateway at random moments under load, again and again; nothing acked may be lost."""

from harness import FaultError, Gateway, Load, Run, command_line, main, side_by_side


def kills(run, index, count):
    gateway = Gateway(run, f"gateway-{index}")
    gateway.start()
    load = Load(run, gateway)
    load.wait_for_flow()
    for _ in range(count):
        load.wait_for_moment()
        if not gateway.is_running:
            raise FaultError(f"{gateway.name} ended by itself with {gateway.process.returncode}")
        gateway.kill()
        gateway.start()
    report = load.finish()
    gateway.stop()
    return report, max(gateway.ready_seconds)


def body():
    parser = command_line(__doc__, count=20)
    parser.add_argument("--gateways", type=int, default=1, help="side by side, each with its own data")
    options = parser.parse_args()
    run = Run("kill", options)
    gateways = min(options.gateways, options.count)
    shares = [options.count // gateways + (i < options.count % gateways) for i in range(gateways)]
    results = side_by_side(gateways, lambda index: kills(run, index, shares[index]))
    run.finish(
        options.count, [report for report, _ in results], gateways=gateways,
        readyMsMax=round(1000 * max(ready for _, ready in results)))


if __name__ == "__main__":
    main(body)
