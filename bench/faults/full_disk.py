#!/usr/bin/env python3
"""A disk that fills up under load and is freed again: no acks meanwhile, refusals with `wait`, recovery by
itself. Needs root, for a small ext4 in a file (loop device) or, with --on tmpfs, in memory."""

import atexit
import os
import subprocess
import time

from harness import FaultError, Gateway, Load, Run, command_line, main


def mount(run, kind, size_mib):
    """A small file system; unmounted at the end."""
    point = os.path.join(run.work, "disk")
    os.makedirs(point)
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tern-faults", point]
    else:
        image = os.path.join(run.work, "image")
        with open(image, "wb") as stream:
            stream.truncate(size_mib << 20)
        # Nothing is kept back for root, or root would never see it full.
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", image], check=True)
        command = ["mount", "-o", "loop", image, point]
    subprocess.run(command, check=True)
    atexit.register(subprocess.run, ["umount", point], check=False)
    return point


def fill(path):
    """Takes every block that is left."""
    with open(path, "ab", buffering=0) as stream:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    stream.write(b"\0" * size)
            except OSError:
                continue


def body():
    parser = command_line(__doc__, count=3)
    parser.add_argument("--on", choices=("ext4", "tmpfs"), default="ext4")
    parser.add_argument("--size-mib", type=int, default=64)
    parser.add_argument("--full-seconds", type=float, default=5, help="how long it stays full")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise FaultError("only root may mount a disk")
    run = Run("full-disk", options)
    point = mount(run, options.on, options.size_mib)
    gateway = Gateway(run, "gateway", data=os.path.join(point, "data"))
    gateway.start()
    load = Load(run, gateway)
    ballast = os.path.join(point, "ballast")
    recoveries, acked_while_full = [], 0
    for _ in range(options.count):
        load.wait_for_moment()
        before = load.sample()["refused"]
        deadline = time.monotonic() + 60
        # What the log has already is used again: it may take a while until it needs a block.
        while load.sample()["refused"] == before:
            fill(ballast)
            if time.monotonic() > deadline:
                raise FaultError("the full disk was not noticed in 60 s")
            time.sleep(0.1)
        time.sleep(1)
        acked = load.sample()["acked"]
        end = time.monotonic() + options.full_seconds
        while time.monotonic() < end:
            fill(ballast)
            time.sleep(0.1)
        acked_while_full += load.sample()["acked"] - acked
        os.unlink(ballast)
        began = time.monotonic()
        # The clients' pauses after refusals have grown: up to 30 s.
        load.wait_for_flow(timeout=120)
        recoveries.append(time.monotonic() - began)
        if not gateway.is_running:
            raise FaultError(f"{gateway.name} ended by itself: see {gateway.log}")
    report = load.finish()
    gateway.stop()
    run.finish(
        options.count, [report], on=options.on, ackedWhileFull=acked_while_full,
        recoveryMsMax=round(1000 * max(recoveries)),
        errors=report["counts"]["errors"])


main(body)
