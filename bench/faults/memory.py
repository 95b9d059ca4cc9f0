#!/usr/bin/env python3
"""A gateway with little memory and a crowd that needs more. It sheds or it dies; if it dies it is started
again, as a service manager would. Nothing acked may be lost either way.

With root and a memory cgroup the limit is on what it uses (the kernel kills it), otherwise on its address
space as by `ulimit -v` (an allocation fails).
"""

import os
import time

from harness import Crowd, Gateway, Load, Run, command_line, main

GROUPS = "/sys/fs/cgroup/memory"


class Group:
    """A memory cgroup of our own, version 1 or 2."""

    def __init__(self, limit):
        unified = "/sys/fs/cgroup"
        is_unified = os.path.exists(f"{unified}/cgroup.subtree_control")
        self.path = f"{unified if is_unified else GROUPS}/tern-faults-{os.getpid()}"
        os.mkdir(self.path)
        names = ("memory.max",) if is_unified else ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        for name in names:
            if os.path.exists(f"{self.path}/{name}"):
                self.write(name, limit)

    def write(self, name, value):
        with open(f"{self.path}/{name}", "w", encoding="ascii") as stream:
            stream.write(str(value))

    def remove(self):
        os.rmdir(self.path)


def body():
    parser = command_line(__doc__, count=2)
    parser.add_argument("--limit-mib", type=int, default=16, help="how much it may have, or grow by")
    parser.add_argument("--crowd", type=int, default=4000, help="devices that come, at most")
    parser.add_argument("--by", choices=("cgroup", "address-space"), help="default: cgroup if possible")
    options = parser.parse_args()
    run = Run("memory", options)
    limit = options.limit_mib << 20
    group = None
    if options.by != "address-space":
        try:
            group = Group(limit)
        except OSError:
            if options.by:
                raise
    gateway = Gateway(run, "gateway")
    before = ()
    if group:
        before = ("sh", "-c", f'echo $$ > {group.path}/cgroup.procs && exec "$@"', "sh")
    else:
        # What it maps without any load is no measure of what it needs: found by starting it once.
        gateway.start()
        with open(f"/proc/{gateway.process.pid}/statm", encoding="ascii") as stream:
            size = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        gateway.kill()
        before = ("prlimit", f"--as={size + limit}", "--")
    gateway.start(before)
    load = Load(run, gateway)
    deaths, entered, refused, most = [], 0, 0, 0
    for _ in range(options.count):
        load.wait_for_flow()
        crowd = Crowd(run, gateway, count=options.crowd, hold=1)
        while crowd.is_running:
            time.sleep(0.02)
            if not gateway.is_running:
                deaths.append(gateway.process.returncode)
                # The crowd goes too, or a gateway with so little would never be up.
                crowd.kill()
                gateway.start(before)
            else:
                with open(f"/proc/{gateway.process.pid}/statm", encoding="ascii") as stream:
                    fields = stream.read().split()
                if len(fields) > 1:
                    most = max(most, int(fields[1]) * os.sysconf("SC_PAGE_SIZE") >> 20)
        if crowd.process.returncode in (0, 69):
            result = crowd.finish()
            entered += result["logins"]
            refused += result["gaveUp"]
    load.wait_for_flow()
    report = load.finish()
    gateway.stop()
    if group:
        group.remove()
    run.finish(
        options.count, [report], by="cgroup" if group else "address-space", limitMiB=options.limit_mib,
        residentMiBMost=most, crowd=options.crowd, crowdEntered=entered, crowdGaveUp=refused, deaths=deaths)


main(body)
