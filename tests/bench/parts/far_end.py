# SPDX-License-Identifier: Apache-2.0
"""The far end of a queue run: bobbin-sink, and what it saw."""
import json
import os
import subprocess
import sys

from parts.place import BIN


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
        """What arrived, and the counts."""
        seen = Arrivals()
        for line in open(self.home / "events", encoding="utf-8"):
            seen.add(json.loads(line))
        return seen, json.loads((self.home / "counts").read_text())


class Arrivals:
    """When each Message-ID was taken, and for which domain; seconds of the clock that
    time.monotonic() reads."""

    def __init__(self):
        self.first_mail = None
        self.times = {}
        self.domains = {}  # domain: when its messages were taken, in this order
        self.open = {}  # connection, message: its domain, its Message-ID

    def add(self, event):
        kind, when = event["event"], event["time"] / 1e6
        key = event["connection"], event.get("message")
        if kind == "mail":
            self.first_mail = self.first_mail or when
        elif kind == "rcpt":
            self.open[key] = event["recipient"].rpartition("@")[2], ""
        elif kind == "dot":
            self.open[key] = self.open[key][0], event["message_id"]
        elif kind == "answered" and event["code"] == 250:
            domain, message_id = self.open.pop(key)
            self.times.setdefault(message_id, []).append(when)
            self.domains.setdefault(domain, []).append(when)

    def over(self):
        """When the last was taken."""
        return max(max(each) for each in self.times.values())

    def again(self):
        return sum(len(each) - 1 for each in self.times.values())
