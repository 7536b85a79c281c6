#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reception beside Exim and Postfix: messages a second, all of them durable.

All servers take mail on a journaled ext4 image from Postfix's smtp-source, in turn,
repetition by repetition, so that whatever else the machine does hits them alike.  Prints
medians, ratios taken within each repetition, processor time of the server's processes,
and what the disk itself can do (group_commit).  Root, because Exim and Postfix are.

Postfix is not installed: its package, as `apt-get download postfix` leaves it, is
unpacked into a directory of our own.
"""
import argparse
import contextlib
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

from parts.place import BIN, clean_up, journaled_directory, warn
from parts.postfix import MAIN_CF, MASTER_CF
from parts.processes import OWNER, Peaks, free_port, processor_seconds

EXIM_CONF = """primary_hostname = bench.invalid
spool_directory = {spool}
log_file_path = {spool}/log/%slog
pid_file_path = {spool}/exim.pid
exim_user = Debian-exim
keep_environment =
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
queue_only
split_spool_directory
smtp_accept_max = 2000
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1000
rfc1413_query_timeout = 0s
acl_smtp_rcpt = accept
"""


class Server:
    """A server on a port of its own, with its files in a fresh directory."""

    def __init__(self, mount, name, postfix_root):
        self.home, self.port = mount / name, free_port()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        command, extra = getattr(self, name)(postfix_root)
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(self.home / "stderr", "w"),
            start_new_session=True, **extra)
        self.wait_until_it_listens(name)

    def bobbin(self, _):
        shutil.chown(self.home, OWNER)
        conf = self.home / "conf"
        conf.write_text("primary_hostname = bench.invalid\nsplit_spool_directory\n"
                        f"spool_directory = {self.home}/spool\nsmtp_accept_max = 2000\n"
                        "acl_smtp_rcpt = accept\n")
        owner = pwd.getpwnam(OWNER)
        return ([BIN / "bobbin-receive", "-C", conf, "--listen", f"127.0.0.1:{self.port}"],
                {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []})

    def exim(self, _):
        (self.home / "log").mkdir()
        for directory in (self.home, self.home / "log"):
            shutil.chown(directory, OWNER, OWNER)
        conf = self.home.with_suffix(".conf")
        conf.write_text(EXIM_CONF.format(spool=self.home, port=self.port))
        return [shutil.which("exim4") or "/usr/sbin/exim4", "-C", conf, "-bdf"], {}

    def postfix(self, root):
        names = {"home": self.home, "root": root, "owner": "mail", "group": "games",
                 "port": self.port}
        (self.home / "conf").mkdir()
        (self.home / "conf/main.cf").write_text(MAIN_CF.format(**names))
        (self.home / "conf/master.cf").write_text(MASTER_CF.format(**names))
        for name in ("incoming active deferred hold corrupt bounce defer trace flush "
                     "saved maildrop public private pid").split():
            (self.home / "queue" / name).mkdir(parents=True, exist_ok=True)
            shutil.chown(self.home / "queue" / name, "root" if name == "pid" else "mail")
        (self.home / "data").mkdir()
        shutil.chown(self.home / "data", "mail")
        return ([root / "usr/lib/postfix/sbin/master", "-c", self.home / "conf", "-d"],
                {"env": dict(os.environ, LD_LIBRARY_PATH=str(root / "usr/lib/postfix"))})

    def wait_until_it_listens(self, name):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", self.port), 5) as one:
                    if one.recv(3) == b"220":
                        return
            time.sleep(0.05)
        self.stop()
        log = "".join(path.read_text() for path in (self.home / "stderr", self.home / "log")
                      if path.is_file())
        sys.exit(f"bench: {name} does not come up: {log}")

    def stop(self):
        with contextlib.suppress(OSError):
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def messages(self):
        """How many lie there, by the files that each server makes a message of."""
        count = 0
        for directory, _, files in os.walk(self.home):
            if directory.endswith("/hold") or "/hold/" in directory:
                count += len(files)
            else:
                count += sum(name.endswith("-H") for name in files)
        return count


def load(root, port, sessions, count, size, one_each):
    """Seconds that smtp-source needs."""
    command = [root / "usr/sbin/smtp-source", "-s", sessions, "-m", count, "-l", size,
               "-f", "sender@bench.example", "-t", "user@bench.example"]
    command += [] if one_each else ["-d"]
    start = time.monotonic()
    subprocess.run([str(word) for word in command + [f"127.0.0.1:{port}"]], check=True,
                   env=dict(os.environ, LD_LIBRARY_PATH=str(root / "usr/lib/postfix")))
    return time.monotonic() - start


def measure(mount, name, root, case):
    sessions, size, one_each, count = case
    server = Server(mount, name, root)
    try:
        load(root, server.port, sessions, min(count, 2 * sessions), size, one_each)
        before, there = processor_seconds(server.process.pid), server.messages()
        with Peaks(server.process.pid) as peaks:
            seconds = load(root, server.port, sessions, count, size, one_each)
            time.sleep(0.2)  # until Exim's daemon has waited for its children
        processor = processor_seconds(server.process.pid) - before
        missing = count - (server.messages() - there)
        if missing:
            warn(f"{name}: {missing} of {count} messages are not there")
    finally:
        server.stop()
    shutil.rmtree(server.home)
    return count / seconds, 1e6 * processor / count, peaks.processes, peaks.memory


def disk_rates(mount):
    """Of the disk itself: messages a second at batch 50, by way."""
    rates = {}
    for way in ("syncfs", "waited"):
        place = mount / "group_commit"
        place.mkdir()
        out = subprocess.run([BIN / "group_commit", place, "50", "2", way], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        rates[way] = float(out.split()[0])
        shutil.rmtree(place)
    return rates


def title(case):
    sessions, size, one_each, count = case
    return (f"{sessions} session{'s' * (sessions > 1)}, {size // 1024} KiB, {count} messages"
            + ", one a connection" * one_each)


def report(case, results, disk):
    print(f"\n{title(case)}\n{'':10}{'msg/s':>8}{'cpu us/msg':>12}{'processes':>11}"
          f"{'MiB':>6}  bobbin is")
    for name, rows in results.items():
        rate, processor, processes, memory = zip(*rows)
        line = (f"{name:10}{statistics.median(rate):8.0f}{statistics.median(processor):12.0f}"
                f"{max(processes):11}{max(memory):6.0f}")
        if name != "bobbin" and "bobbin" in results:
            faster = [ours[0] / theirs[0] for ours, theirs in zip(results["bobbin"], rows)]
            cheaper = [theirs[1] / max(ours[1], 1)
                       for ours, theirs in zip(results["bobbin"], rows)]
            line += (f"  {statistics.median(faster):.2f} times as fast,"
                     f" {statistics.median(cheaper):.2f} times as cheap")
        elif name == "bobbin":
            parts = [row[0] / max(rates.values()) for row, rates in zip(rows, disk)]
            line += f"  at {100 * statistics.median(parts):.0f} % of the disk's own rate"
        print(line, flush=True)


def cases(arguments):
    for size in arguments.sizes:
        for sessions in arguments.sessions:
            count = max(int(arguments.count * min(1, 8192 / size)), 4 * sessions)
            # One connection takes 1,000 messages, here as with Exim.
            alone = max(min(count // 4, 900), 4)
            yield sessions, size, False, count if sessions > 1 else alone
    if arguments.one_each:
        yield 10, 4096, True, max(arguments.count // 4, 10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    numbers = lambda text: [int(word) for word in text.split(",")]
    parser.add_argument("--postfix-package", type=pathlib.Path, required=True,
                        help="the .deb that apt-get download postfix leaves")
    parser.add_argument("--servers", default="bobbin,exim,postfix")
    parser.add_argument("--sessions", type=numbers, default=[1, 10, 50])
    parser.add_argument("--sizes", type=numbers, default=[4096, 102400])
    parser.add_argument("--no-one-each", dest="one_each", action="store_false",
                        help="without the case of one connection a message")
    parser.add_argument("--count", type=int, default=5000, help="messages of 4 KiB a run")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--place", default="/var/tmp", help="where the image goes")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: exim and postfix are started by root only: run it with sudo")

    place, mount = journaled_directory(arguments.place, 500_000, True)
    try:
        root = place / "postfix"
        subprocess.run(["dpkg", "-x", arguments.postfix_package, root], check=True)
        for case in cases(arguments):
            results = {name: [] for name in arguments.servers.split(",")}
            disk = []
            for _ in range(arguments.reps):
                disk.append(disk_rates(mount))
                for name in results:
                    results[name].append(measure(mount, name, root, case))
            report(case, results, disk)
            for way in disk[0]:
                rate = statistics.median(rates[way] for rates in disk)
                print(f"disk, batches of 50, {way}: {rate:.0f} messages a second")
    finally:
        clean_up(place, mount)


if __name__ == "__main__":
    main()
