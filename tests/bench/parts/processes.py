# SPDX-License-Identifier: Apache-2.0
"""Processes that are measured: started, counted, timed and ended."""
import contextlib
import ctypes
import json
import os
import pathlib
import pwd
import signal
import socket
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
OWNER = "Debian-exim"
PR_SET_CHILD_SUBREAPER = 36


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def tree_of(root):
    """The pids of a process and of all its descendants."""
    pids = [root]
    for pid in pids:  # which grows meanwhile
        with contextlib.suppress(OSError):  # it has ended
            for thread in os.listdir(f"/proc/{pid}/task"):
                children = pathlib.Path("/proc", str(pid), "task", thread, "children")
                pids += map(int, children.read_text().split())
    return pids


def processor_seconds(root):
    """Of the living processes, and of the dead ones that were waited for."""
    ticks = 0
    for pid in tree_of(root):
        with contextlib.suppress(OSError):
            stat = pathlib.Path("/proc", str(pid), "stat").read_text()
            ticks += sum(map(int, stat.rsplit(")", 1)[1].split()[11:15]))
    return ticks / TICK


class Peaks(threading.Thread):
    """Watches how many processes there are, and their memory that is nobody else's."""

    def __init__(self, root, every=0.1, but=()):
        super().__init__()
        self.root, self.every, self.but = root, every, but
        self.stopped = threading.Event()
        self.processes, self.memory = 0, 0.0

    def run(self):
        while not self.stopped.wait(self.every):
            pids, memory = [pid for pid in tree_of(self.root) if pid not in self.but], 0
            for pid in pids:
                with contextlib.suppress(OSError):
                    for line in pathlib.Path("/proc", str(pid), "status").open():
                        if line.startswith("RssAnon:"):
                            memory += int(line.split()[1])
            self.processes = max(self.processes, len(pids))
            self.memory = max(self.memory, memory / 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()


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
