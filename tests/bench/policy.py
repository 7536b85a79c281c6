#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Expanding beside exim -be; what a parsed policy costs; loading a long one.

Both programs get the same lines on standard input, those of the shared cases that both
must answer alike, over and over, in turn, repetition by repetition.  Prints medians and
ratios taken within each repetition.  Root, because exim takes a configuration of its own
from nobody else.
"""
import argparse
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BOBBIN_BENCH_BUILD", "build/bench")).resolve()
BIN = BUILD / "bin"
CASES = ROOT / "tests/data/conformance/policy"


def decoded(text):
    return re.sub(r"@\{([0-9a-f]{2})\}", lambda m: chr(int(m[1], 16)), text)


def put(text, place):
    return text.replace("@DATA@", str(place / "data")).replace("@SPOOL@", str(place / "spool"))


def set_up(place):
    """The configuration, and the expressions that fit into a line, with their values."""
    shutil.copytree(CASES / "data", place / "data")
    for file in (place / "data").rglob("*"):
        if file.is_file() and b"@DATA@" in (text := file.read_bytes()):
            file.write_bytes(text.replace(b"@DATA@", bytes(place / "data")))
    (place / "spool").mkdir()
    conf = place / "conf"
    conf.write_text(put((CASES / "base.conf").read_text(), place))
    lines = []
    for row in (CASES / "expand-cases.tsv").read_text().splitlines()[1:]:
        _, context, kind, expression, expected, dialect, *_ = row.split("\t")
        expression = decoded(put(expression, place))
        if (context, kind, dialect) != ("plain", "ok", "same"):
            continue
        if expression != expression.strip() or re.search("[\0\n]|\\\\$", expression):
            continue
        lines.append((expression, decoded(put(expected, place))))
    return conf, lines


def seconds_of(command, lines):
    """From a file and to nowhere: a pipe's other end would need a processor, too."""
    with open(lines, "rb") as file:
        start = time.monotonic()
        subprocess.run(command, stdin=file, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        return time.monotonic() - start


def row_a_process(command, lines):
    """Expressions a second when each has a process of its own."""
    start = time.monotonic()
    for expression, _ in lines:
        subprocess.run([*command, expression], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
    return len(lines) / (time.monotonic() - start)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=400, help="of all cases, a run")
    parser.add_argument("--reps", type=int, default=5)
    arguments = parser.parse_args()
    exim = shutil.which("exim4") or "/usr/sbin/exim4"
    if os.geteuid() != 0 or not os.path.exists(exim):
        sys.exit("bench: needs root and exim4, which takes -C from root only")

    with tempfile.TemporaryDirectory(prefix="bobbin-bench-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        conf, lines = set_up(place)
        commands = {"exim -be": [exim, "-C", conf, "-be"],
                    "policy expand": [BIN / "bobbin-policy", "-C", conf, "expand"]}
        once = "".join(e + "\n" for e, _ in lines).encode("latin-1")
        for name, command in commands.items():
            done = subprocess.run(command, input=once, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False)
            answers = done.stdout.decode("latin-1")
            answers = re.sub("^> ", "", answers, flags=re.MULTILINE).split("\n")
            right = "".join(v + "\n" for _, v in lines).split("\n")
            same = sum(a == b for a, b in zip(answers, right))
            print(f"{name}: {same} of {len(right)} lines as they should be")
        many = place / "many"
        many.write_bytes(once * arguments.rounds)
        times = {name: [] for name in commands}
        for _ in range(arguments.reps):
            for name, command in commands.items():
                times[name].append(seconds_of(command, many))
        count = len(lines) * arguments.rounds
        for name, seconds in times.items():
            ratios = [theirs / ours for theirs, ours in zip(times["exim -be"], seconds)]
            print(f"{name:14} {count / statistics.median(seconds):10,.0f} a second, "
                  f"{statistics.median(ratios):6.1f} times as many as exim -be")
        alone = row_a_process(commands["exim -be"], lines[:100])
        print(f"{'exim -be, each':14} {alone:10,.0f} a second, a process for each")
        text = place / "lines"
        text.write_bytes(once)
        environment = {**os.environ, "BOBBIN_BENCH_CONF": str(conf),
                       "BOBBIN_BENCH_LINES": str(text)}
        subprocess.run([BIN / "policy_bench", f"--benchmark_repetitions={arguments.reps}",
                        "--benchmark_report_aggregates_only=true"],
                       env=environment, check=True)


if __name__ == "__main__":
    main()
