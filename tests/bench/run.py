#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A queue run beside Exim's and Postfix's: from a full queue to an empty one.

Every runner gets the same messages on a journaled ext4 image and sends them to one
bobbin-sink on the loopback, where each domain has an address of its own, in turn,
repetition by repetition, so that whatever else the machine does hits them alike.  The
sink's events say when the first message was there and when the last, and that each was
there once: a runner that loses or doubles is named.  Prints a table of medians in
Markdown, with ratios taken within each repetition.  Root, because Exim and Postfix are.

A runner's processes are counted and timed by a parent that adopts all of them, daemons
and orphans too.  Postfix, whose files are its own, is loaded by SMTP into its hold queue;
its clock starts when the released messages are flushed.
"""
import argparse
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

from list import BIN, clean_up, journaled_directory, warn
from receive import (MAIN_CF, MASTER_CF, OWNER, Peaks, free_port, processor_seconds,
                     tree_of)

PR_SET_CHILD_SUBREAPER = 36
ROUTERS = """begin routers
smarthost:
  driver = manualroute
  route_list = {routes}
  self = send
  transport = remote_smtp
begin transports
remote_smtp:
  driver = smtp
  port = {port}
begin retry
* * F,2h,15m; G,16h,1h,1.5; F,4d,6h
"""
BOBBIN_CONF = """primary_hostname = bench.invalid
spool_directory = {home}/spool
log_file_path = {home}/log/%slog
split_spool_directory = {split}
"""
EXIM_CONF = BOBBIN_CONF + """exim_user = Debian-exim
never_users =
keep_environment =
queue_only
delay_warning =
queue_fast_ramp = {ramp}
queue_run_max = 20
pid_file_path = {home}/exim.pid
notifier_socket = {home}/notify
daemon_smtp_ports = {daemon_port}
local_interfaces = 127.0.0.1
"""
POSTFIX_MORE = """transport_maps = texthash:{home}/transport
smtp_host_lookup = native
smtp_tls_security_level = none
lmtp_tls_security_level = none
default_process_limit = 100
"""
POSTFIX_SERVICES = """smtp unix - - n - - smtp
scache unix - - n - 1 scache
flush unix n - n 1000? 0 flush
showq unix n - n - - showq
"""


def address_of(domain):
    return f"127.1.{domain // 250}.{domain % 250 + 1}"


def route_list(domains):
    """One host each, so that no two domains are one site."""
    return "; ".join(f"d{n}.example {address_of(n)}" for n in range(domains))


class Adopter:
    """A process whose descendants stay its own, however often they fork."""

    def __init__(self):
        commands, self.commands = os.pipe()
        self.started, started = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.commands)
            os.close(self.started)
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            signal.signal(signal.SIGCHLD, lambda *_: self.reap())
            while line := self.next_line(commands):
                self.start(json.loads(line))
                os.write(started, b".")
            os._exit(0)
        os.close(commands)
        os.close(started)

    @staticmethod
    def reap():
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    @staticmethod
    def next_line(pipe):
        line = b""
        while not line.endswith(b"\n"):
            piece = os.read(pipe, 1)
            if not piece:
                return b""
            line += piece
        return line

    @staticmethod
    def start(wanted):
        if os.fork() == 0:
            with open(wanted["output"], "ab") as output:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            os.setsid()
            if wanted["as_owner"]:
                owner = pwd.getpwnam(OWNER)
                os.setgroups([])
                os.setgid(owner.pw_gid)
                os.setuid(owner.pw_uid)
            os.execve(wanted["command"][0], wanted["command"],
                      dict(os.environ, **wanted["environment"]))

    def run(self, command, output, as_owner=False, environment=None):
        wanted = {"command": [str(word) for word in command], "output": str(output),
                  "as_owner": as_owner, "environment": environment or {}}
        os.write(self.commands, json.dumps(wanted).encode() + b"\n")
        os.read(self.started, 1)

    def family(self):
        return [pid for pid in tree_of(self.pid) if pid != self.pid]

    def end(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + 10
            while self.family() and time.monotonic() < deadline:
                for pid in self.family():
                    with contextlib.suppress(OSError):
                        os.kill(pid, number)
                time.sleep(0.05)
        os.close(self.commands)
        os.close(self.started)
        os.waitpid(self.pid, 0)


class Sink:
    """The far end, and what it saw."""

    def __init__(self, home, case):
        self.home = home
        delay = ["--delay-dot" if case.delay_at == "dot" else "--delay", case.delay]
        command = [BIN / "bobbin-sink", "--listen", "0.0.0.0:0", "--port-file", home / "port",
                   "--events", home / "events", "--count-file", home / "counts", *delay]
        self.process = subprocess.Popen([str(word) for word in command],
                                        stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline().startswith("listening"):
            sys.exit("bench: bobbin-sink does not come up")
        self.port = int((home / "port").read_text())
        self.file = open(home / "events", "rb")
        self.taken = 0

    def arrived(self):
        """How many messages were taken so far."""
        while line := self.file.readline():
            if not line.endswith(b"\n"):
                self.file.seek(-len(line), os.SEEK_CUR)
                break
            self.taken += b'"answered"' in line and b'"code":250' in line
        return self.taken

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.file.close()

    def report(self):
        """When each Message-ID was taken, and the counts."""
        numbered, times = {}, {}
        for line in open(self.home / "events", encoding="utf-8"):
            event = json.loads(line)
            key = event["connection"], event.get("message")
            if event["event"] == "dot":
                numbered[key] = event["message_id"]
            elif event["event"] == "answered" and event["code"] == 250:
                times.setdefault(numbered[key], []).append(event["time"] / 1e6)
        return times, json.loads((self.home / "counts").read_text())


class Runner:
    """A full queue of one kind of runner, and how to have it delivered."""

    def __init__(self, name, home, case, options):
        self.name, self.home, self.case, self.options = name, home, case, options
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        home.chmod(0o755)
        (home / "log").mkdir()
        self.adopter = None

    def fill(self):
        case = self.case
        command = [BIN / "make_spool", self.home / "spool", case.count, "due",
                   f"domains={case.domains}", f"size={case.size}"] + ["split"] * case.split
        subprocess.run([str(word) for word in command], check=True)
        subprocess.run(["chown", "-R", OWNER + ":", self.home], check=True)

    def configure(self, text, port, **more):
        case = self.case
        conf = self.home.with_suffix(".conf")
        conf.write_text((text + ROUTERS).format(
            home=self.home, split=str(case.split).lower(), port=port,
            routes=route_list(case.domains), **more))
        return conf

    def prepare(self, port):
        """Everything before the clock starts."""
        self.fill()
        if self.name == "bobbin":
            self.command = [BIN / "bobbin-run", "-C", self.configure(BOBBIN_CONF, port), "-qq"]
            if self.options.smarthost:
                self.command += ["--smarthost", f"127.0.0.1:{port}"]
        else:
            conf = self.configure(EXIM_CONF, port, daemon_port=free_port(),
                                  ramp=str(self.name == "exim -qq ramp").lower())
            word = "-qq" if "-qq" in self.name else "-q"
            self.command = [self.options.exim, "-C", conf, word]
            if self.name == "exim -qq ramp":
                self.start_daemon(conf)

    def start_daemon(self, conf):
        """It must be a queue runner itself to start what the ramp asks for, but its own
        first run would take the queue away: so it starts before the messages come."""
        spool, aside = self.home / "spool", self.home / "aside"
        os.rename(spool / "input", aside)
        (spool / "input").mkdir()
        shutil.chown(spool / "input", OWNER, OWNER)
        self.adopter.run([self.options.exim, "-C", conf, "-bdf", "-q1h"],
                         self.home / "output")
        wait_for(lambda: "End queue run" in log_of(self.home),
                 lambda: "exim's daemon: " + tail(self.home / "output") + log_of(self.home))
        (spool / "input").rmdir()
        os.rename(aside, spool / "input")

    def start(self):
        for _ in range(4 if self.name == "exim -q x4" else 1):
            self.adopter.run(self.command, self.home / "output",
                             as_owner=self.name == "bobbin")

    @property
    def lasting(self):
        """How many processes are there that do not end."""
        return 1 if self.name == "exim -qq ramp" else 0

    def finished(self):
        return len(self.adopter.family()) <= self.lasting


class Postfix(Runner):
    def prepare(self, port):
        root, home, case = self.options.postfix, self.home, self.case
        self.listens = free_port()
        names = {"home": home, "root": root, "owner": "mail", "group": "games",
                 "port": self.listens}
        (home / "log").rmdir()
        (home / "conf").mkdir()
        more = POSTFIX_MORE.format(**names)
        theirs = "\n".join(line for line in MAIN_CF.format(**names).splitlines()
                           if "default_process_limit" not in line)
        (home / "conf/main.cf").write_text(theirs + "\n" + more)
        (home / "conf/master.cf").write_text(MASTER_CF.format(**names) + POSTFIX_SERVICES)
        (home / "transport").write_text("".join(
            f"d{n}.example smtp:[{address_of(n)}]:{port}\n" for n in range(case.domains)))
        for name in ("incoming active deferred hold corrupt bounce defer trace flush "
                     "saved maildrop public private pid").split():
            (home / "queue" / name).mkdir(parents=True)
            shutil.chown(home / "queue" / name, "root" if name == "pid" else "mail")
        (home / "data").mkdir()
        shutil.chown(home / "data", "mail")
        self.environment = {"LD_LIBRARY_PATH": str(root / "usr/lib/postfix"),
                            "MAIL_CONFIG": str(home / "conf")}
        self.adopter.run([root / "usr/lib/postfix/sbin/master", "-c", home / "conf", "-d"],
                         home / "output", environment=self.environment)
        wait_for(self.answers, lambda: "postfix: " + tail(home / "output") + tail(home / "log"))
        subprocess.run([str(word) for word in (
            BIN / "bobbin-load", "-t", f"127.0.0.1:{self.listens}", "-n", case.count,
            "-c", 10, "--domains", case.domains, "--recipient", "user%d@example",
            "--size", case.size)], check=True, stdout=subprocess.DEVNULL)
        self.tool("postsuper", "-H", "ALL")

    def answers(self):
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.listens), 5) as one:
                return one.recv(3) == b"220"
        return False

    def tool(self, name, *words):
        subprocess.run([self.options.postfix / "usr/sbin" / name, *words], check=True,
                       env=dict(os.environ, **self.environment),
                       stderr=open(self.home / "output", "a"))

    def start(self):
        self.tool("postqueue", "-f")

    def finished(self):
        return False


def log_of(home):
    path = home / "log/mainlog"
    return path.read_text() if path.exists() else ""


def wait_for(what, complaint):
    deadline = time.monotonic() + 30
    while not what():
        if time.monotonic() > deadline:
            sys.exit("bench: does not come up: " + complaint())
        time.sleep(0.02)


def drain(runner, sink, options):
    """Runs it until all is delivered, it has ended, or nothing moves any more."""
    count, moved, before = runner.case.count, time.monotonic(), 0
    start = time.monotonic()
    runner.start()
    while time.monotonic() < start + options.limit:
        arrived = sink.arrived()
        if arrived != before:
            before, moved = arrived, time.monotonic()
        if runner.finished() or time.monotonic() > moved + options.patience:
            break
        if arrived >= count and runner.lasting + isinstance(runner, Postfix) > 0:
            time.sleep(0.3)  # what it does behind the last one is its work, too
            break
        time.sleep(0.01)
    return start


def measure(mount, name, case, options):
    home = mount / "runner"
    sink_home = mount / "sink"
    shutil.rmtree(sink_home, ignore_errors=True)
    sink_home.mkdir()
    kind = Postfix if name == "postfix" else Runner
    runner = kind(name, home, case, options)
    sink = Sink(sink_home, case)
    runner.adopter = adopter = Adopter()
    try:
        runner.prepare(sink.port)
        os.sync()
        processor = processor_seconds(adopter.pid)
        with Peaks(adopter.pid, every=0.03, but=(adopter.pid,)) as peaks:
            start = drain(runner, sink, options)
        time.sleep(0.05)
        processor = processor_seconds(adopter.pid) - processor
    finally:
        adopter.end()
        sink.stop()
    times, counts = sink.report()
    tell_faults(runner, times, counts)
    if not times:
        return None
    first = min(min(each) for each in times.values()) - start
    last = max(max(each) for each in times.values()) - start
    return {"first": first, "rate": len(times) / last,
            "after": (len(times) - 1) / max(last - first, 1e-6),
            "processor": 1e6 * processor / len(times), "connections": counts["connections"],
            "at_once": counts["most_at_once"], "processes": peaks.processes,
            "memory": peaks.memory}


def tell_faults(runner, times, counts):
    case = runner.case
    missing = case.count - len(times)
    if missing:
        warn(f"{runner.name}: {missing} of {case.count} messages did not arrive; it said: "
             + tail(runner.home / "output") + tail(runner.home / "log"))
    doubled = sum(len(each) - 1 for each in times.values()) or counts["duplicates"]
    if doubled:
        warn(f"{runner.name}: {doubled} messages arrived again")


def tail(path):
    if path.is_dir():
        path = path / "mainlog"
    return "".join(path.open(errors="replace").readlines()[-3:]) if path.is_file() else ""


class Case:
    def __init__(self, options, size, domains, delay):
        self.count, self.split, self.delay_at = options.count, options.split, options.delay_at
        self.size, self.domains, self.delay = size, domains, delay

    def title(self):
        far = (f"far end answers {'the dot' if self.delay_at == 'dot' else 'all'} after "
               f"{self.delay} ms" if self.delay else "far end answers at once")
        return (f"{self.count:,} messages of {self.size // 1024} KiB, {self.domains} "
                f"domain{'s' * (self.domains > 1)}, {'split' if self.split else 'flat'} "
                f"spool, {far}")


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def report(case, results):
    print(f"\n### {case.title()}\n\n"
          "| runner | first delivery | drain, whole | after first | connections (at once) "
          "| CPU µs/msg | peak procs | peak anon MiB | bobbin is |\n" + "| --- " * 9 + "|")
    ours = results.get("bobbin")
    for name, rows in results.items():
        both = [(a, b) for a, b in zip(ours or [], rows) if a and b]
        rows = [row for row in rows if row]
        if not rows:
            print(f"| {name} | delivers nothing | | | | | | | |")
            continue
        versus = ""
        if name != "bobbin" and both:
            faster = statistics.median(a["rate"] / b["rate"] for a, b in both)
            cheaper = statistics.median(b["processor"] / max(a["processor"], 1) for a, b in both)
            versus = f"{faster:.1f} × as fast, {cheaper:.1f} × as cheap"
        print(f"| {name} | {median(rows, 'first'):.3f} s | {median(rows, 'rate'):,.0f}/s "
              f"| {median(rows, 'after'):,.0f}/s | {median(rows, 'connections'):,.0f} "
              f"({median(rows, 'at_once'):.0f}) | {median(rows, 'processor'):,.0f} "
              f"| {median(rows, 'processes'):.0f} | {median(rows, 'memory'):.0f} "
              f"| {versus} |", flush=True)


RUNNERS = ["bobbin", "exim -q", "exim -q x4", "exim -qq", "exim -qq ramp", "postfix"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(word) for word in text.split(",")]
    parser.add_argument("--runners", type=lambda text: text.split(","), default=RUNNERS,
                        help="of: " + ",".join(RUNNERS))
    parser.add_argument("--count", type=int, default=1000, help="messages in the queue")
    parser.add_argument("--sizes", type=numbers, default=[4096], help="bytes, with headers")
    parser.add_argument("--domains", type=numbers, default=[1, 10, 500])
    parser.add_argument("--delays", type=numbers, default=[0], help="ms of the far end")
    parser.add_argument("--delay-at", choices=("dot", "replies"), default="dot",
                        help="before the answer to each message, or each write of replies")
    parser.add_argument("--split", action="store_true", help="split_spool_directory")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--smarthost", action="store_true",
                        help="bobbin-run --smarthost, one site: for one without routers")
    parser.add_argument("--exim", default=shutil.which("exim4") or "/usr/sbin/exim4")
    parser.add_argument("--postfix", type=pathlib.Path,
                        default=pathlib.Path("/var/lib/bobbin-tests/postfix"),
                        help="its package, unpacked (scripts/install-deps does)")
    parser.add_argument("--postfix-package", type=pathlib.Path,
                        help="or its .deb, as apt-get download postfix leaves it")
    parser.add_argument("--limit", type=float, default=300, help="seconds for one run")
    parser.add_argument("--patience", type=float, default=20,
                        help="seconds without any message that end a run")
    parser.add_argument("--place", default="/var/tmp", help="where the image goes")
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        sys.exit("bench: exim and postfix are started by root only: run it with sudo")
    unknown = set(options.runners) - set(RUNNERS)
    if unknown:
        sys.exit(f"bench: no runner {', '.join(unknown)}: write some of {','.join(RUNNERS)}")
    print(f"`scripts/bench run {' '.join(sys.argv[1:])}`, medians of {options.reps}, "
          f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before")
    place, mount = journaled_directory(options.place, 500_000, True)
    try:
        if options.postfix_package:
            options.postfix = place / "postfix"
            subprocess.run(["dpkg", "-x", options.postfix_package, options.postfix],
                           check=True)
        for size in options.sizes:
            for domains in options.domains:
                for delay in options.delays:
                    case = Case(options, size, domains, delay)
                    results = {name: [] for name in options.runners}
                    for _ in range(options.reps):
                        for name in results:
                            results[name].append(measure(mount, name, case, options))
                    report(case, results)
    finally:
        clean_up(place, mount)


if __name__ == "__main__":
    main()
