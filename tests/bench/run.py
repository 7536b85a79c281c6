#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A queue run beside Exim's and Postfix's: from a full queue to an empty one.

Every runner gets the same messages on a journaled ext4 image and sends them to one
bobbin-sink on the loopback, where each domain has an address of its own, in turn,
repetition by repetition, so that whatever else the machine does hits them alike.  The
sink's events say when the first message was there and when the last, of all and of each
domain, and that each was there once: a runner that loses or doubles is named.  Prints
tables of medians in Markdown, with ratios taken within each repetition.  Root, because
Exim and Postfix are.

A runner's processes are counted and timed by a parent that adopts all of them, daemons
and orphans too.  Postfix, whose files are its own, is loaded by SMTP into its hold queue;
its clock starts when the released messages are flushed.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from parts.far_end import Sink
from parts.place import clean_up, drop_caches, journaled_directory, warn
from parts.processes import Adopter, Peaks, processor_seconds
from parts.runners import Postfix, Runner, tail
from parts.watch import Watch


def drain(runner, sink, options):
    """Runs it until all is delivered, it has ended, or nothing moves any more."""
    count, moved, before = runner.case.count, time.monotonic(), 0
    enough = options.stop_after or count + 1
    start = time.monotonic()
    runner.start()
    while time.monotonic() < start + options.limit:
        arrived = sink.arrived()
        if arrived != before:
            before, moved = arrived, time.monotonic()
        if runner.finished() or time.monotonic() > moved + options.patience:
            break
        if arrived >= enough:
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
        if options.cold:
            drop_caches()
        processor = processor_seconds(adopter.pid)
        with Peaks(adopter.pid, every=0.03, but=(adopter.pid,)) as peaks, \
                Watch(runner.conf, runner.name == "bobbin" and options.watch) as watch:
            start = drain(runner, sink, options)
        time.sleep(0.05)
        processor = processor_seconds(adopter.pid) - processor
    finally:
        adopter.end()
        sink.stop()
    seen, counts = sink.report()
    tell_faults(runner, seen, counts, options.stop_after or case.count)
    if not seen.times:
        return None
    row = {"processor": 1e6 * processor / len(seen.times),
           "connections": counts["connections"], "at_once": counts["most_at_once"],
           "processes": peaks.processes, "memory": peaks.memory,
           "sites": watch.sites}
    if watch.looks:
        row |= {"look": statistics.median(watch.looks), "longest look": max(watch.looks)}
    return row | speed(seen, start) | fairness(seen, start)


def speed(seen, start):
    count, last = len(seen.times), seen.over() - start
    first = min(min(each) for each in seen.times.values()) - start
    return {"first": first, "rate": count / last, "mail": seen.first_mail - start,
            "after": (count - 1) / max(last - first, 1e-6)}


def fairness(seen, start):
    """How long domains wait for their first message, and all but the largest for their
    last."""
    firsts = [times[0] - start for times in seen.domains.values()]
    small = sorted(seen.domains.values(), key=len)[:-1] or list(seen.domains.values())
    return {"firsts": statistics.mean(firsts), "latest first": max(firsts),
            "small": max(times[-1] for times in small) - start}


def tell_faults(runner, seen, counts, wanted):
    missing = wanted - len(seen.times)
    if missing > 0:
        warn(f"{runner.name}: {missing} of {wanted} messages did not arrive; it said: "
             + tail(runner.home / "output") + tail(runner.home / "log"))
    doubled = seen.again() or counts["duplicates"]
    if doubled:
        warn(f"{runner.name}: {doubled} messages arrived again")


class Case:
    def __init__(self, options, size, domains, delay):
        self.count, self.split, self.delay_at = options.count, options.split, options.delay_at
        self.size, self.domains, self.delay = size, domains, delay
        self.big = options.big if domains > 1 else 0

    def title(self):
        far = (f"far end answers {'the dot' if self.delay_at == 'dot' else 'all'} after "
               f"{self.delay} ms" if self.delay else "far end answers at once")
        share = f" ({self.big} % for one)" if self.big else ""
        return (f"{self.count:,} messages of {self.size // 1024} KiB, {self.domains:,} "
                f"domain{'s' * (self.domains > 1)}{share}, "
                f"{'split' if self.split else 'flat'} spool, {far}")


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
            cheaper = statistics.median(b["processor"] / max(a["processor"], 1)
                                        for a, b in both)
            versus = f"{faster:.1f} × as fast, {cheaper:.1f} × as cheap"
        print(f"| {name} | {median(rows, 'first'):.3f} s | {median(rows, 'rate'):,.0f}/s "
              f"| {median(rows, 'after'):,.0f}/s | {median(rows, 'connections'):,.0f} "
              f"({median(rows, 'at_once'):.0f}) | {median(rows, 'processor'):,.0f} "
              f"| {median(rows, 'processes'):.0f} | {median(rows, 'memory'):.0f} "
              f"| {versus} |", flush=True)
    report_domains(results)


def report_domains(results):
    print("\n| runner | first MAIL | first delivery of a domain, mean (latest) "
          "| all but the largest done | snapshot (longest) | of sites |\n"
          + "| --- " * 6 + "|")
    for name, rows in results.items():
        rows = [row for row in rows if row]
        if not rows:
            continue
        looks = [row for row in rows if "look" in row]
        look = (f"{1e3 * median(looks, 'look'):.0f} ms "
                f"({1e3 * max(row['longest look'] for row in looks):.0f})" if looks else "")
        print(f"| {name} | {median(rows, 'mail'):.3f} s | {median(rows, 'firsts'):.3f} s "
              f"({median(rows, 'latest first'):.3f}) | {median(rows, 'small'):.2f} s "
              f"| {look} | {max(row['sites'] for row in rows):,} |", flush=True)


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
    parser.add_argument("--big", type=int, default=0, metavar="PERCENT",
                        help="so much of the queue is for one domain (not with postfix)")
    parser.add_argument("--split", action="store_true", help="split_spool_directory")
    parser.add_argument("--cold", action="store_true", help="nothing is in the page cache")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--smarthost", action="store_true",
                        help="bobbin-run --smarthost, one site: for one without routers")
    parser.add_argument("--exim", default=shutil.which("exim4") or "/usr/sbin/exim4")
    parser.add_argument("--postfix", type=pathlib.Path,
                        default=pathlib.Path("/var/lib/bobbin-tests/postfix"),
                        help="its package, unpacked (scripts/install-deps does)")
    parser.add_argument("--postfix-package", type=pathlib.Path,
                        help="or its .deb, as apt-get download postfix leaves it")
    parser.add_argument("--watch", type=float, metavar="SECONDS",
                        help="ask bobbin-top for a snapshot so often meanwhile")
    parser.add_argument("--stop-after", type=int, metavar="N",
                        help="end a run when N messages have arrived")
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
    if options.big and "postfix" in options.runners:
        sys.exit("bench: postfix is loaded evenly: leave it out with --runners")
    place, mount = journaled_directory(options.place, 500_000 + 2 * options.count, True,
                                       (8 << 30) + 10240 * options.count)
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
