# SPDX-License-Identifier: Apache-2.0
"""Runners with a full queue each: bobbin's, Exim's, Postfix's."""
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time

from parts.place import BIN
from parts.postfix import MAIN_CF, MASTER_CF
from parts.processes import OWNER, free_port

ROUTERS = r"""begin routers
smarthost:
  driver = manualroute
  route_data = ${{if match{{$domain}}{{\N^d(\d+)\.\N}}{{\
    127.${{eval:1+$1/62500}}.${{eval:$1%250}}.${{eval:$1/250%250+1}}}}}}
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
    """As the router reckons: a host each, so that no two domains are one site, and
    neighbours in networks of their own."""
    return f"127.{1 + domain // 62500}.{domain % 250}.{domain // 250 % 250 + 1}"


class Runner:
    """A full queue of one kind of runner, and how to have it delivered."""

    def __init__(self, name, home, case, options):
        self.name, self.home, self.case, self.options = name, home, case, options
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        home.chmod(0o755)
        (home / "log").mkdir()
        self.conf = home.with_suffix(".conf")
        self.adopter = None

    def fill(self):
        case = self.case
        command = [BIN / "make_spool", self.home / "spool", case.count, "due",
                   f"domains={case.domains}", f"size={case.size}"]
        command += ["split"] * case.split + [f"big={case.big}"] * (case.big > 0)
        subprocess.run([str(word) for word in command], check=True)
        subprocess.run(["chown", "-R", OWNER + ":", self.home], check=True)

    def configure(self, text, port, **more):
        case = self.case
        conf = self.conf
        conf.write_text((text + ROUTERS).format(
            home=self.home, split=str(case.split).lower(), port=port,
            **more))
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


def tail(path):
    if path.is_dir():
        path = path / "mainlog"
    return "".join(path.open(errors="replace").readlines()[-3:]) if path.is_file() else ""
