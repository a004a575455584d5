#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""DPDK's own multi-process example, unmodified: symmetric_mp from the distribution's source package of the installed
version. A primary and two secondaries, each polling its own queue of two ports, forward between them.

net_af_xdp: the secondaries receive and send nothing (no data path there, doc/guides/nics/af_xdp.rst).
"""

import os
import re
import signal
import subprocess
import tempfile

from rig import Rig, check, device, equal, eventually, example, main, netlab, tap, testpmd
from secondary_test import flows, kernel_version
from testpmd import APP_CORE, OTHER_CORE

PROCESSES = 3


class Process:
    """One of them, with its output in a file."""

    def __init__(self, program, number, folder, eal, processes=PROCESSES, shim=None):
        """Number `number` of `processes`. `shim`: variables of the migration shim, instead of our driver by -d."""
        environment, load = (shim, []) if shim else testpmd.driver_options()
        kind = "primary" if number == 0 else "secondary"
        self.path = f"{folder}/{kind}{number}"
        core = f"{number}@{(APP_CORE, OTHER_CORE)[number % 2]}"
        command = [*netlab.DIE_WITH_US, program, "--lcores", core, f"--proc-type={kind}", "--no-pci", "--no-telemetry",
                   *load, *eal, "--", "-p", "3", f"--num-procs={processes}", f"--proc-id={number}"]
        with open(self.path, "w", encoding="utf8") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT,
                                            env={**os.environ, **environment})
        tap.note(f"process {number}", lambda: self.text)
        eventually(lambda: "Finished Process Init" in self.text or self.process.poll() is not None,
                   lambda: f"process {number} does not start: {self.text}", 60)
        check(self.process.poll() is None, f"process {number} ended: {self.text[-800:]}")

    @property
    def text(self):
        with open(self.path, encoding="utf8", errors="replace") as file:
            return file.read()

    def end(self):
        """As a person would, by ctrl-c. {port: (received, sent, dropped)} as it tells them at its end."""
        self.process.send_signal(signal.SIGINT)
        equal(self.process.wait(20), 0, "exit status")
        return {int(port): tuple(map(int, counts)) for port, *counts in
                re.findall(r"Port (\d+): RX - (\d+), TX - (\d+), Drop - (\d+)", self.text)}

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def why_not():
    """The reason why such processes cannot share ports here, or an empty text."""
    if kernel_version() < (6, 4):
        return "the rings of a bound socket can be mapped by another process since Linux 6.4"
    if not testpmd.HugePages.available(640):  # 65536 mbufs
        return "no huge pages to be had; EAL shares no others"
    return ""


def each_its_queue():
    """symmetric_mp, primary and two secondaries: every frame is forwarded once and unchanged, each process has its share"""
    if why_not():
        raise tap.Skip(why_not())
    program = example("symmetric_mp")
    with netlab.Lab() as lab, tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as huge:
        r = Rig(lab, 2, PROCESSES)
        netlab.run("mount", "-t", "hugetlbfs", "none", huge)
        try:
            eal = ["--file-prefix", f"smp{os.getpid()}", "--huge-dir", huge]
            devices = [f"--vdev={device(f'net_zcnbrh{number}', iface=app, queue_count=PROCESSES)}"
                       for number, app in enumerate(r.apps)]
            processes = [lab.keep(Process(program, 0, folder, eal + devices))]
            processes += [lab.keep(Process(program, number, folder, eal)) for number in range(1, PROCESSES)]
            sent = flows(640)
            for here, there in ((0, 1), (1, 0)):
                found = []
                r.peer(there).drain()
                for first in range(0, len(sent), 64):
                    for frame in sent[first:first + 64]:
                        r.peer(here).send(frame)
                    found += r.peer(there).receive(64)
                equal(sorted(found), sorted(sent), f"{len(sent)} frames to peer {here}, {len(found)} at peer {there}")
            counts = [process.end() for process in reversed(processes)]  # the primary last
            for number, of_process in enumerate(counts):
                check(all(of_process[port][0] > 0 and of_process[port][1] > 0 for port in (0, 1)),
                      f"a process had no part in it: {counts}")
                equal([of_process[port][2] for port in (0, 1)], [0, 0], f"dropped by process {number}")
            for port in (0, 1):
                equal(sum(of_process[port][0] for of_process in counts), len(sent), f"received at port {port}")
        finally:
            netlab.run("umount", "-l", huge)


if __name__ == "__main__":
    testpmd.end_on_signals()
    main([each_its_queue])
