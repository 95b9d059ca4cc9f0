"""What the fault scripts share: gateways, loads with a ledger, results.

Every process that is ended here was started here and is ended by its id. Everything is bounded: a
gateway must be ready in time, a load must drain in its own time, a script has a count.
"""

import argparse
import atexit
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A machine may be busy with something else: these end a script, they are no goal.
READY_TIMEOUT_S = 120
STOP_TIMEOUT_S = 60
FLOW_TIMEOUT_S = 180
VIOLATIONS = ("lost", "seenTwice", "outOfOrder", "damaged", "falseReceipts")


class FaultError(Exception):
    """A run that cannot go on."""


# A child must not outlive this script, whatever happens to it. Not by a function in the child: between a
# fork and an exec of a process with threads little is allowed.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


def command_line(description, count):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=count, help=f"how often (default {count})")
    parser.add_argument("--build", default="release", help="release, debug or a directory of binaries")
    parser.add_argument("--pairs", type=int, default=16, help="pairs of accounts of each gateway")
    parser.add_argument("--rate", type=float, default=1000, help="messages a second, each gateway")
    parser.add_argument("--seed", type=int, help="default: of the system")
    parser.add_argument("--results", help="file to which the JSON line is appended")
    parser.add_argument("--work", help="directory for data, on the disk to be tested")
    return parser


class Run:
    """One script: its working directory, its certificates, its random numbers."""

    runs = []

    @staticmethod
    def keep_all():
        for run in Run.runs:
            run.keep = True

    def __init__(self, fault, options):
        self.fault = fault
        self.options = options
        self.seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32)
        self.random = random.Random(self.seed)
        self.started = time.monotonic()
        self.binaries = os.path.join(ROOT, ".build", options.build)
        for name in ("tern", "ternd"):
            if not os.access(os.path.join(self.binaries, name), os.X_OK):
                raise SystemExit(f"{self.binaries}/{name} is missing: swift build -c {options.build}")
        # A disk, not memory: /tmp may be a tmpfs, the build directory is where somebody has room.
        parent = options.work or os.path.join(ROOT, ".build", "faults")
        os.makedirs(parent, exist_ok=True)
        self.work = tempfile.mkdtemp(prefix=fault + "-", dir=parent)
        self.keep = False
        Run.runs.append(self)
        atexit.register(self.clean_up)
        self.certificates = os.path.join(self.work, "certs")
        subprocess.run(
            [os.path.join(ROOT, "certs/generate.sh"), self.certificates], check=True,
            stdout=subprocess.DEVNULL)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def clean_up(self):
        if self.keep:
            print(f"{self.fault}: evidence is in {self.work}", file=sys.stderr)
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def preload(self):
        """The disk of our own, built."""
        path = os.path.join(self.work, "disk.so")
        source = os.path.join(ROOT, "bench/faults/disk.c")
        subprocess.run(
            # The Swift toolchain has a clang.
            [os.environ.get("CC", shutil.which("clang") or "cc"), "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", path,
             source], check=True)
        return path

    def sleep(self, least, most):
        """Waits for a random time, in seconds."""
        time.sleep(self.random.uniform(least, most))

    def finish(self, count, reports, expects_loss=False, **more):
        """Prints the line of this run; ends with 1 if a promise was broken, or a canary survived."""
        line = {"fault": self.fault, "count": count, "seed": self.seed}
        line["seconds"] = round(time.monotonic() - self.started, 1)
        for name in ("sent", "acked", "delivered", "confirmed", "overtaken"):
            line[name] = sum(report[name] for report in reports)
        for name in VIOLATIONS:
            line[name] = sum(report["violations"][name] for report in reports)
        for name in ("reconnects", "cuts", "cutInFlight", "departures", "refusedWithWait", "postedAgain"):
            line[name] = sum(report["counts"][name] for report in reports)
        line["longestOutageMs"] = max((report["counts"]["longestOutageMs"] for report in reports), default=0)
        line["undrained"] = sum(report["verdict"] == "undrained" for report in reports)
        line["verdict"] = "clean"
        if line["undrained"]:
            line["verdict"] = "undrained"
        if any(line[name] for name in VIOLATIONS):
            line["verdict"] = "violated"
        line.update(more)
        text = json.dumps(line)
        print(text, flush=True)
        if self.options.results:
            with open(self.options.results, "a", encoding="utf-8") as stream:
                stream.write(text + "\n")
        if expects_loss and not line["lost"]:
            raise SystemExit(f"{self.fault}: nothing was lost: this script finds no loss")
        if not expects_loss and line["verdict"] != "clean":
            self.keep = True
            raise SystemExit(1)


class Gateway:
    """A ternd that may die."""

    def __init__(self, run, name, data=None, configuration="", preload=None, control=False):
        self.run = run
        self.name = name
        self.directory = os.path.join(run.work, name)
        os.makedirs(self.directory)
        self.data = data or os.path.join(self.directory, "data")
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        self.log = os.path.join(self.directory, "ternd.log")
        self.configuration = os.path.join(self.directory, "ternd.toml")
        with open(self.configuration, "w", encoding="utf-8") as stream:
            stream.write(configuration)
        self.address = free_address()
        self.preload = preload
        self.control = Control(os.path.join(self.directory, "control")) if control else None
        self.process = None
        self.ready_seconds = []
        atexit.register(self.kill)

    def start(self, before=()):
        """Starts it, with a command before it; over when it is ready."""
        began = time.monotonic()
        environment = dict(os.environ, SWIFT_BACKTRACE="enable=no")
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
            environment["TERN_DISK_DIRECTORY"] = self.data
            environment["TERN_DISK_LOG"] = self.disk_log
            if self.control:
                environment["TERN_DISK_CONTROL"] = self.control.path
        end = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, *before, os.path.join(self.run.binaries, "ternd"), "--config", self.configuration,
                 "--listen", self.address, "--data", self.data, "--bench-auth",
                 "--certificate", os.path.join(self.run.certificates, "server.pem"),
                 "--key", os.path.join(self.run.certificates, "server-key.pem")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        while True:
            with open(self.log, "rb") as log:
                log.seek(end)
                if b" ready" in log.read():
                    self.ready_seconds.append(time.monotonic() - began)
                    return
            if self.process.poll() is not None:
                raise FaultError(f"{self.name} ended with {self.process.returncode}: see {self.log}")
            if time.monotonic() - began > READY_TIMEOUT_S:
                raise FaultError(f"{self.name} was not ready in {READY_TIMEOUT_S} s: see {self.log}")
            time.sleep(0.005)

    @property
    def disk_log(self):
        return os.path.join(self.directory, "disk.log")

    def kill(self):
        """kill -9."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Ends it in order."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise FaultError(f"{self.name} did not stop") from None
        if self.process.returncode != 0:
            raise FaultError(f"{self.name} ended with {self.process.returncode}: see {self.log}")

    @property
    def is_running(self):
        return self.process.poll() is None

    def status(self):
        """The gateway's counters over its admin socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            # The path of a Unix socket must be short.
            directory = os.open(self.data, os.O_PATH | os.O_DIRECTORY)
            try:
                connection.connect(f"/proc/self/fd/{directory}/admin.sock")
            finally:
                os.close(directory)
            connection.sendall(b'{"command":"status"}\n')
            return json.loads(connection.makefile().readline())["status"]


class Control:
    """The page through which faults are switched on in disk.c."""

    def __init__(self, path):
        self.path = path
        with open(path, "wb") as stream:
            stream.write(bytes(4096))
        with open(path, "r+b") as stream:
            self.page = mmap.mmap(stream.fileno(), 4096)

    def fail_syncs(self, count):
        self.page[0:4] = struct.pack("<I", count)

    def delay_syncs(self, milliseconds):
        self.page[4:8] = struct.pack("<I", milliseconds * 1000)

    @property
    def failed_syncs(self):
        return struct.unpack("<I", self.page[8:12])[0]


class Load:
    """`tern bench soak` on a gateway: the ledger is in that process, which no fault touches."""

    loads = 0
    lock = threading.Lock()

    def __init__(self, run, gateway, *more, drain=60):
        with Load.lock:
            Load.loads += 1
            number = Load.loads
        self.run = run
        self.samples = os.path.join(gateway.directory, f"load-{number}.csv")
        self.log = os.path.join(gateway.directory, f"load-{number}.log")
        self.output = os.path.join(gateway.directory, f"load-{number}.json")
        options = run.options
        with open(self.log, "wb") as log, open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, os.path.join(run.binaries, "tern"), "bench", "soak", "--server", gateway.address,
                 "--server-name", "localhost", "--ca", os.path.join(run.certificates, "ca.pem"),
                 "--admin", os.path.join(gateway.data, "admin.sock"), "--accounts", "synthetic",
                 "--pairs", str(options.pairs), "--rate", str(options.rate), "--seconds", "86400",
                 "--drain", str(drain), "--samples", self.samples, "--json", *more],
                stdin=subprocess.DEVNULL, stdout=output, stderr=log)
        self.drain = drain
        atexit.register(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def sample(self):
        """The last line of figures; None before the first."""
        try:
            with open(self.samples, "rb") as stream:
                stream.seek(max(0, os.path.getsize(self.samples) - 400))
                lines = stream.read().decode().splitlines()[1:]
        except OSError:
            return None
        whole = [line.split(",") for line in lines if line.count(",") == 7]
        if not whole:
            return None
        names = ("online", "sent", "acked", "delivered", "refused", "reconnects")
        return dict(zip(names, map(int, whole[-1][2:]))) | {"phase": whole[-1][1]}

    def wait_until(self, condition, timeout, what):
        """Waits for a sample that fulfils a condition."""
        deadline = time.monotonic() + timeout
        while True:
            sample = self.sample()
            if sample and condition(sample):
                return sample
            if self.process.poll() is not None:
                raise FaultError(f"the load ended: see {self.log}")
            if time.monotonic() > deadline:
                raise FaultError(f"{what}: not in {timeout} s; {sample}")
            time.sleep(0.05)

    def wait_for_flow(self, timeout=FLOW_TIMEOUT_S):
        """Waits until messages flow, from the first login or after an outage."""
        before = (self.sample() or {"acked": 0})["acked"]
        return self.wait_until(
            lambda sample: sample["phase"] == "send" and sample["acked"] > before, timeout, "no acks")

    def wait_for_moment(self):
        """Waits for a random moment: half of them after the gateway is ready, into logins, drains and
        first batches; half of them after messages flow again."""
        if self.run.random.random() < 0.5:
            self.wait_for_flow()
            self.run.sleep(0, 1)
        else:
            self.run.sleep(0.1, 1.5)

    def finish(self, timeout=600):
        """Ends the sending; all come back and drain. Gives the report."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise FaultError(f"the load did not end in {timeout} s") from None
        if self.process.returncode not in (0, 65, 69):
            raise FaultError(f"the load ended with {self.process.returncode}: see {self.log}")
        with open(self.output, encoding="utf-8") as stream:
            return json.load(stream)


class Crowd:
    """`tern bench connections`: devices that come, stay idle and go, beside a load."""

    FIRST_ACCOUNT = 1_000_000

    def __init__(self, run, gateway, count, hold):
        self.output = os.path.join(gateway.directory, "crowd.json")
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [*DIES_WITH_US, os.path.join(run.binaries, "tern"), "bench", "connections", "--count", str(count), "--hold",
                 str(hold), "--first", str(self.FIRST_ACCOUNT), "--server", gateway.address, "--server-name",
                 "localhost", "--ca", os.path.join(run.certificates, "ca.pem"), "--admin",
                 os.path.join(gateway.data, "admin.sock"), "--accounts", "synthetic", "--json"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.DEVNULL)
        atexit.register(self.kill)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def is_running(self):
        return self.process.poll() is None

    def finish(self, timeout=180):
        """Waits for its end: how many logged in, how many gave up, and why."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise FaultError(f"the crowd did not end in {timeout} s") from None
        with open(self.output, encoding="utf-8") as stream:
            ramp = json.load(stream)["phases"][0]
        return {"logins": ramp["counts"]["logins"], "gaveUp": ramp["counts"]["gaveUp"],
                "errors": ramp["errors"]}


def free_address():
    """A loopback address of our own with a port that nobody has: it must be free again after a kill."""
    source = random.SystemRandom()
    for _ in range(100):
        # Above the loads' own source addresses.
        host = f"127.{source.randint(100, 200)}.{source.randint(0, 255)}.{source.randint(1, 254)}"
        port = source.randint(10000, 30000)
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return f"{host}:{port}"
    raise FaultError("no free port")


def side_by_side(count, work):
    """Runs `work(index)` in threads; their results. The first failure is raised."""
    results, failures = [None] * count, []

    def body(index):
        try:
            results[index] = work(index)
        except BaseException as failure:  # noqa: BLE001: it is raised below
            failures.append(failure)

    threads = [threading.Thread(target=body, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def main(body):
    """Runs a script's body; what ends it early is one line."""
    try:
        body()
    except FaultError as failure:
        Run.keep_all()
        print(f"{os.path.basename(sys.argv[0])}: {failure}", file=sys.stderr)
        raise SystemExit(1) from None
