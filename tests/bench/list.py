#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Listing, counting and selecting beside exim, exipick and a bare read loop.

Makes a split and an unsplit spool of 1 KiB messages on a journaled ext4 image, or on a
disk's own file system, and runs all programs in turn, warm and cold, repetition by repetition, so that whatever else the
machine does hits them alike.  Prints medians, and ratios taken within each repetition.
Root, because exim takes a configuration of its own from nobody else.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time

from parts.place import BIN, clean_up, drop_caches, journaled_directory, warn

LIMIT = "read loop, 2 threads"
COLD_LIMIT = "read loop, 32 threads"
EXIM_CONF = """primary_hostname = bench.invalid
spool_directory = {spool}
log_file_path = {log}/%slog
exim_user = Debian-exim
keep_environment =
"""


def make_spool(mount, name, count, split):
    spool = mount / name
    subprocess.run([BIN / "make_spool", spool, str(count)] + ["split"] * split, check=True)
    subprocess.run(["chown", "-R", "Debian-exim:", spool], check=True)
    log = mount / (name + ".log")
    log.mkdir()
    shutil.chown(log, "Debian-exim")
    conf = mount / (name + ".conf")
    conf.write_text(EXIM_CONF.format(spool=spool, log=log))
    return spool, conf


def commands(spool, conf):
    """name: (command, the name it is compared with)."""
    exim = shutil.which("exim4") or shutil.which("exim") or "/usr/sbin/exim4"
    exipick = shutil.which("exipick") or "/usr/sbin/exipick"
    ours = lambda tool, *args: [BIN / ("bobbin-" + tool), "--spool", spool, *args]
    pick = lambda *criteria: [exipick, "--spool", str(spool), "-c", *criteria]
    table = {
        "exim -bp": ([exim, "-C", conf, "-bp"], None),
        LIMIT: ([BIN / "read_loop", spool, "2"], None),
        COLD_LIMIT: ([BIN / "read_loop", spool, "32", "cold"], None),
        "list --format exim": (ours("list", "--format", "exim"), "exim -bp"),
        "list --format json": (ours("list", "--json"), "exim -bp"),
        "list --sort none": (ours("list", "--sort", "none"), "exim -bp"),
        "list --sort size": (ours("list", "--sort", "size"), "exim -bp"),
        "exim -bpc": ([exim, "-C", conf, "-bpc"], None),
        "count": (ours("count"), "exim -bpc"),
        "exipick sender": (pick("$sender_address =~ /sender7@/"), None),
        "count --sender": (ours("count", "--sender", "sender7@"), "exipick sender"),
        "exipick size": (pick("$message_size > 100K"), None),
        "count --larger": (ours("count", "--larger", "100k"), "exipick size"),
        "exipick frozen": (pick("$deliver_freeze"), None),
        "count --frozen": (ours("count", "--frozen"), "exipick frozen"),
        "exipick header": (pick("$h_subject: =~ /number 77/"), None),
        "count --header": (ours("count", "--header", "Subject: number 77"),
                           "exipick header"),
        "count --domain": (ours("count", "--domain", "d77.example"), "exipick sender"),
    }
    return table


def run(command):
    """Seconds of wall time and of processor time, and peak memory in MiB."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        warn(f"{command[0]} ended with status {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def first_line(spool):
    start = time.monotonic()
    command = [BIN / "bobbin-list", "--spool", spool, "--sort", "none", "--format", "ids"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        seconds = time.monotonic() - start
        process.stdout.read()
    return seconds


def measure(table, repetitions, cold):
    results = {name: [] for name in table}
    for _ in range(repetitions):
        for name, (command, _) in table.items():
            if cold:
                drop_caches()
            results[name].append(run(command))
    return results


def report(heading, table, results):
    limit = COLD_LIMIT if COLD_LIMIT in table else LIMIT
    print(f"\n{heading}\n{'':24}{'median s':>9}{'best s':>9}{'cpu s':>8}{'MiB':>6}"
          "  times as fast as")
    for name, (_, peer) in table.items():
        walls, processor, memory = zip(*results[name])
        line = (f"{name:24}{statistics.median(walls):9.3f}{min(walls):9.3f}"
                f"{statistics.median(processor):8.3f}{max(memory):6.0f}")
        for other in filter(None, (peer, limit if peer == "exim -bp" else None)):
            ratios = [theirs[0] / ours for theirs, ours in zip(results[other], walls)]
            line += f"  {statistics.median(ratios):.2f} {other}"
        print(line, flush=True)


def only(table, *names):
    return {name: table[name] for name in names}


def without(table, *names):
    return {name: row for name, row in table.items() if name not in names}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=300_000,
                        help="messages for the memory figure; 0: none")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--place", default="/var/tmp", help="where the image goes")
    parser.add_argument("--no-image", action="store_true",
                        help="spools directly below --place: its disk, its file system")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--warm-only", action="store_true")
    which.add_argument("--cold-only", action="store_true")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench: only root can show exim a spool: run it with sudo")

    if not arguments.cold_only:
        subprocess.run([BIN / "h_file_bench", "--benchmark_min_time=0.5"], check=True)
    inodes = 4 * arguments.count + 2 * arguments.many + 10_000
    place, mount = journaled_directory(arguments.place, inodes, not arguments.no_image)
    try:
        for layout in ("unsplit", "split"):
            spool, conf = make_spool(mount, layout, arguments.count, layout == "split")
            table = commands(spool, conf)
            heading = f"{arguments.count} messages, {layout}"
            if not arguments.cold_only:
                warm = without(table, COLD_LIMIT)
                run(table[LIMIT][0])
                report(heading + ", warm", warm, measure(warm, arguments.reps, False))
                lines = [first_line(spool) for _ in range(arguments.reps)]
                print("first line unsorted: median "
                      f"{statistics.median(lines) * 1000:.1f} ms")
            if not arguments.warm_only:
                cold = only(table, "exim -bp", COLD_LIMIT,
                            "list --format exim", "exim -bpc", "count")
                report(heading + ", cold", cold, measure(cold, arguments.reps, True))
            shutil.rmtree(spool)
        if arguments.many:
            spool, conf = make_spool(mount, "many", arguments.many, True)
            many = only(commands(spool, conf), "exim -bp", LIMIT,
                        "list --format exim", "list --sort none", "list --sort size",
                        "exim -bpc", "count")
            report(f"{arguments.many} messages, split, warm", many, measure(many, 1, False))
    finally:
        clean_up(place, mount)


if __name__ == "__main__":
    main()
