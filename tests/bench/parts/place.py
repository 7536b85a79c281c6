# SPDX-License-Identifier: Apache-2.0
"""Where the measured programs are, and the disk they work on."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ.get("BOBBIN_BENCH_BUILD", "build/bench")).resolve()
BIN = BUILD / "bin"


def warn(text):
    print("bench: " + text, file=sys.stderr)


def journaled_directory(parent, inodes, with_image, size=8 << 30):
    """A mounted ext4 image below `parent`, or just a directory there."""
    place = pathlib.Path(tempfile.mkdtemp(prefix="bobbin-bench-", dir=parent))
    place.chmod(0o755)
    mount = place / "mount"
    mount.mkdir()
    if not with_image:
        kind = subprocess.run(["findmnt", "-n", "-o", "FSTYPE", "-T", mount], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
        print(f"on {parent}, file system: {kind}")
        return place, mount
    image = place / "image"
    with open(image, "wb") as file:
        file.truncate(size)
    try:
        subprocess.run(["mkfs.ext4", "-q", "-F", "-N", str(inodes), "-E",
                        "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        warn(f"no journaled image ({error}): the figures are those of {parent}")
    return place, mount


def clean_up(place, mount):
    if os.path.ismount(mount):
        subprocess.run(["umount", mount], check=True)
    shutil.rmtree(place)


def drop_caches():
    subprocess.run(["sync"], check=True)
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3\n")
