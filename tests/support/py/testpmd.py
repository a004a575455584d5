# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The stock dpdk-testpmd, driven over a terminal of its own as a person would."""

import atexit
import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time

from netlab import SLOWNESS
from terminal import Died, Terminal

PROMPT = "testpmd> "
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


class Testpmd(Terminal):
    """One running testpmd. Start it, give it command(), end it by quit() or kill(); a context manager."""

    def __init__(self, devices, eal=(), app=(), memory=None, cores=(APP_CORE, OTHER_CORE), become=(), mbufs=16384,
                 wait=True, telemetry=False, lcores=None, prefix=None, load=True, pci=False, environment=None,
                 program="dpdk-testpmd"):
        """`devices`: --vdev texts. `become`: command words that lower the privilege. Forwarding runs on the
        first of `cores`, commands are taken on the last. `telemetry`: needs `memory` other than --in-memory,
        which leaves no folder for the socket. `lcores`, `prefix`: for a process beside another one, EAL
        arguments that name other lcores, and the other's prefix. `load`: our driver by -d. `pci`: EAL looks for PCI
        devices. `environment`: variables to add. `program`: another testpmd than the stock one."""
        self.prefix = prefix or f"zl{os.getpid()}_{next(COUNT)}"
        variables, options = driver_options() if load else ({}, [])
        environment = {**variables, **(environment or {})}
        command = [*become, program, *(lcores or lcore_options(cores)),
                   *([] if pci else ["--no-pci"]), *([] if telemetry else ["--no-telemetry"]), "--file-prefix", self.prefix,
                   *(memory_options(pool_megabytes(mbufs)) if memory is None else memory), *options, *eal]
        command += [f"--vdev={text}" for text in devices]
        command += ["--", "-i", f"--total-num-mbufs={mbufs}", f"--nb-cores={max(1, len(cores) - 1)}", *app]
        super().__init__("testpmd", command, environment, "" if prefix else self.prefix)
        if wait:
            try:
                self.start_text = self.wait_for(PROMPT, 30)
            except BaseException:
                self.kill()
                raise

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
