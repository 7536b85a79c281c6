# SPDX-License-Identifier: Apache-2.0
"""An operator who looks at a queue run all the while, and how long each look takes."""
import subprocess
import threading
import time

from parts.place import BIN


class Watch(threading.Thread):
    """Asks for a snapshot again and again; keeps the seconds of those that showed a run,
    and the most sites that one spoke of."""

    def __init__(self, conf, every):
        super().__init__()
        self.command = [BIN / "bobbin-top", "-C", conf, "--snapshot", "--json"]
        self.every, self.looks, self.sites = every, [], 0
        self.stopped = threading.Event()

    def run(self):
        while not self.stopped.wait(self.every):
            start = time.monotonic()
            page = subprocess.run(self.command, stdout=subprocess.PIPE, check=True).stdout
            seconds = time.monotonic() - start
            if page:
                self.looks.append(seconds)
                self.sites = max(self.sites, sites_of(page))

    def __enter__(self):
        if self.every:
            self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        if self.every:
            self.join()


def sites_of(page):
    return int(page.partition(b'"sites":')[2].partition(b",")[0] or 0)
