# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The stock dpdk-testpmd, driven over a terminal of its own as a person would."""

import atexit
import contextlib
import itertools
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time

from netlab import DIE_WITH_US, SLOWNESS

PROMPT = "testpmd> "
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x1b.|\r")
# testpmd prints it from another thread, also between two characters of a prompt or of the echo of a command; first the
# empty line and then the rest, so there may be more of them in between.
EVENT = re.compile(r"\n(.*)Port \d+: [a-z A-Z/]+ event\n")
HUGE = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
HUGE_KB = 2048

# Forwarding, and everything else: commands, the packet source. A machine with one core has to do both on it.
APP_CORE, OTHER_CORE = (sorted(os.sched_getaffinity(0)) * 2)[:2]
COUNT = itertools.count()


def driver_options():
    """(environment, EAL arguments) that load our driver: the one named by ZCNBRH_PMD, else the installed one.

    By its bare name: EAL refuses a path with a folder that everybody may write to, such as a clone in /tmp."""
    path = os.environ.get("ZCNBRH_PMD", "")
    if not path:
        return {}, []
    folder, name = os.path.split(path)
    others = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": f"{folder}:{others}" if others else folder}, ["-d", name]


def device(name, **keys):
    """device("net_zcnbrh0", iface="app0") -> its --vdev text."""
    return ",".join([name, *(f"{key}={value}" for key, value in keys.items())])


class HugePages:
    """Sees to it that `megabytes` of huge pages are free; gives back what it added when the program ends."""

    _before = None

    @staticmethod
    def _read(name):
        with open(HUGE + name, encoding="ascii") as file:
            return int(file.read())

    @classmethod
    def _write(cls, pages):
        with open(HUGE + "nr_hugepages", "w", encoding="ascii") as file:
            file.write(str(pages))

    @classmethod
    def available(cls, megabytes):
        pages = megabytes * 1024 // HUGE_KB
        try:
            total, free = cls._read("nr_hugepages"), cls._read("free_hugepages")
            if free >= pages:
                return True
            if cls._before is None:
                cls._before = total
                atexit.register(cls._restore)
            cls._write(total + pages - free)
            return cls._read("free_hugepages") >= pages
        except OSError:
            return False

    @classmethod
    def _restore(cls):
        with contextlib.suppress(OSError):
            cls._write(cls._before)


def memory_options(megabytes=256):
    """EAL arguments: huge pages without any file where there are some, plain pages otherwise."""
    if HugePages.available(megabytes):
        return ["--in-memory"]
    return ["--no-huge", "-m", str(2 * megabytes)]


def pool_megabytes(mbufs):
    """Memory for a pool of so many mbufs of testpmd's default size, a page each, and for all the rest."""
    return max(256, 128 + mbufs * 4096 // 2**20)


def lcore_options(cores):
    """EAL arguments: an lcore on each of these CPUs, the last one the main lcore. A CPU may be named twice."""
    if len(set(cores)) == len(cores):
        return ["-l", ",".join(map(str, cores)), "--main-lcore", str(cores[-1])]
    return ["--lcores", ",".join(f"{lcore}@{cpu}" for lcore, cpu in enumerate(cores)),
            "--main-lcore", str(len(cores) - 1)]


def with_events(text, end):
    """Where the first `end` characters of the text without events end in the text with them."""
    for event in EVENT.finditer(text):
        for begin, past in ((event.start(), event.start(1)), (event.end(1), event.end())):
            if begin < end:
                end += past - begin
    return end


class Died(RuntimeError):
    """testpmd ended when it was not asked to."""


class Testpmd:
    """One running testpmd. Start it, give it command(), end it by quit() or kill(); a context manager."""

    def __init__(self, devices, eal=(), app=(), memory=None, cores=(APP_CORE, OTHER_CORE), become=(), mbufs=16384,
                 wait=True, telemetry=False, lcores=None, prefix=None, load=True, pci=False, environment=None):
        """`devices`: --vdev texts. `become`: command words that lower the privilege. Forwarding runs on the
        first of `cores`, commands are taken on the last. `telemetry`: needs `memory` other than --in-memory,
        which leaves no folder for the socket. `lcores`, `prefix`: for a process beside another one, EAL
        arguments that name other lcores, and the other's prefix. `load`: our driver by -d. `pci`: EAL looks for PCI
        devices. `environment`: variables to add."""
        self.prefix = prefix or f"zl{os.getpid()}_{next(COUNT)}"
        self._owns_folder = prefix is None
        variables, options = driver_options() if load else ({}, [])
        environment = {**variables, **(environment or {})}
        command = [*DIE_WITH_US, *become, "dpdk-testpmd", *(lcores or lcore_options(cores)),
                   *([] if pci else ["--no-pci"]), *([] if telemetry else ["--no-telemetry"]), "--file-prefix", self.prefix,
                   *(memory_options(pool_megabytes(mbufs)) if memory is None else memory), *options, *eal]
        command += [f"--vdev={text}" for text in devices]
        command += ["--", "-i", f"--total-num-mbufs={mbufs}", f"--nb-cores={max(1, len(cores) - 1)}", *app]
        self.shown = " ".join([f"{key}={value}" for key, value in environment.items()] + command[len(DIE_WITH_US):])
        self._text = ""
        self._grown = threading.Condition()
        self._ended = False
        self._start(command, {**os.environ, **environment})
        if wait:
            try:
                self.start_text = self.wait_for(PROMPT, 30)
            except BaseException:
                self.kill()
                raise

    def _start(self, command, environment):
        self._terminal, slave = pty.openpty()
        settings = termios.tcgetattr(slave)
        settings[1] &= ~termios.OPOST
        settings[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(slave, termios.TCSANOW, settings)
        try:
            self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment,
                                            start_new_session=True)
        finally:
            os.close(slave)
        self._seen = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        while True:
            try:
                data = os.read(self._terminal, 65536)
            except OSError:  # EIO: the last one who held the terminal's other end is gone
                data = b""
            with self._grown:
                self._text += ESCAPES.sub("", data.decode(errors="replace"))
                self._ended = not data
                self._grown.notify_all()
            if not data:
                return

    @property
    def text(self):
        """All it has printed so far."""
        with self._grown:
            return self._text

    def wait_for(self, pattern, timeout=10.0, regex=False):
        """Waits until `pattern` is printed; returns the text since the last wait up to its end."""
        timeout *= SLOWNESS
        deadline = time.monotonic() + timeout
        with self._grown:
            while True:
                rest = self._text[self._seen:]
                for text in (rest, EVENT.sub(r"\1", rest)):
                    found = re.search(pattern if regex else re.escape(pattern), text)
                    if found:
                        self._seen += found.end() if text is rest else with_events(rest, found.end())
                        return text[:found.end()]
                if self._ended:
                    raise Died(f"testpmd ended ({self._status()}) before '{pattern}':\n{self._text[-2000:]}")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"no '{pattern}' within {timeout} s after:\n{rest[-2000:]}")
                self._grown.wait(left)

    def _status(self):
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "not yet"
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"

    def send(self, text):
        os.write(self._terminal, text.encode() + b"\n")

    def command(self, text, timeout=15.0):
        """Types a command; returns what it printed, up to the next prompt."""
        self.send(text)
        self.wait_for(text + "\n", timeout)
        return self.wait_for(PROMPT, timeout)[:-len(PROMPT)]

    def commands(self, *texts):
        return "".join(self.command(text) for text in texts)

    def quit(self, timeout=20):
        """Ends it as a user would. Returns the exit status."""
        timeout *= SLOWNESS
        with contextlib.suppress(OSError):
            self.send("quit")
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"testpmd did not quit within {timeout} s:\n{self.text[-2000:]}") from None
        finally:
            self.kill()
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(5)
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1
        self._remove_runtime_folder()

    close = kill

    def _remove_runtime_folder(self):
        """EAL leaves one behind at each start; where, depends on who started it."""
        if not self._owns_folder:
            return
        for folder in ("/var/run/dpdk", "/tmp/dpdk", os.path.join(os.environ.get("XDG_RUNTIME_DIR", "/tmp"), "dpdk")):
            shutil.rmtree(os.path.join(folder, self.prefix), ignore_errors=True)

    @property
    def alive(self):
        return self.process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    # --- what it knows ---

    def ports(self):
        """Numbers of the ports there are."""
        shown = self.command("show port summary all")
        return [int(number) for number in re.findall(r"^\s*(\d+)\s+(?:[0-9A-F]{2}:){5}", shown, re.MULTILINE)]

    def stats(self, port=0):
        """Basic statistics: {'RX-packets': n, 'RX-missed': n, ...}"""
        shown = self.command(f"show port stats {port}")
        return {key: int(value) for key, value in re.findall(r"([RT]X-[a-z]+):\s*(\d+)", shown)}

    def xstats(self, port=0):
        shown = self.command(f"show port xstats {port}")
        return {key: int(value) for key, value in re.findall(r"^(\w+): (\d+)$", shown, re.MULTILINE)}

    def info(self, port=0):
        """{'MAC address': ..., 'Link status': ..., ...}"""
        shown = self.command(f"show port info {port}")
        return dict(re.findall(r"^([A-Z][^:\n]*): (.*)$", shown, re.MULTILINE))

    def rates(self, seconds, port=0):
        """(receive, transmit) packets a second over the time."""
        first, start = self.stats(port), time.monotonic()
        time.sleep(seconds)
        last, span = self.stats(port), time.monotonic() - start
        return tuple((last[key] - first[key]) / span for key in ("RX-packets", "TX-packets"))


def end_on_signals():
    """SIGTERM ends the program the orderly way, so that what atexit and `with` clean up is cleaned up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
