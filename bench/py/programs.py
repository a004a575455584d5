# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Runs the C++ bench programs: zcnbrh-bench-io on our end of a veth pair, a source or an echo's other half on the
peer's. Each run has a fresh pair."""

import contextlib
import json
import os
import subprocess

import frames
import netlab
from testpmd import APP_CORE, OTHER_CORE, memory_options

APP_ADDRESS, PEER_ADDRESS = "10.9.0.1", "10.9.0.2"
POOL_MB = 192
PATIENCE_S = 60


class Unable(RuntimeError):
    """The program cannot do it; the text is its own reason."""


def _last_line(text, default):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else default


@contextlib.contextmanager
def pair(lab, gro=False):
    """A veth pair with addresses; (our end, the far end). The far end's MAC address is not the one packets are sent to,
    so that its stack drops them at once; a packet socket has them all the same. `gro`: packets come in by NAPI without
    an XDP program, too."""
    near, far = lab.veth(app_mac=frames.mac_text(frames.APP_MAC))
    lab.peer_address(far, PEER_ADDRESS + "/24")
    netlab.run("ip", "addr", "add", APP_ADDRESS + "/24", "dev", near)
    netlab.run("ip", "neigh", "add", PEER_ADDRESS, "lladdr", frames.mac_text(frames.PEER_MAC), "dev", near)
    if gro:
        netlab.run("ethtool", "-K", near, "gro", "on")
    try:
        yield near, far
    finally:
        netlab.run("ip", "link", "del", near, check=False)


class Program:
    """A running one; a context manager."""

    def __init__(self, *command, environment=None):
        words = [*netlab.DIE_WITH_US, *map(str, command)]
        self.process = subprocess.Popen(words, env=environment, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)

    def result(self):
        """What it has measured. Raises Unable with its last words should it fail."""
        output, errors = self.process.communicate(timeout=PATIENCE_S)
        if self.process.returncode:
            raise Unable(_last_line(errors, f"exit status {self.process.returncode}"))
        return json.loads(_last_line(output, "{}"))

    def stop(self):
        """Ends its measurement before the time; result() has what there was."""
        self.process.terminate()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def io(build, path, work, netdev, *options, keys=""):
    """A zcnbrh-bench-io that is ready for packets."""
    environment = dict(os.environ)
    if "--in-memory" not in memory_options(POOL_MB):
        environment["ZCNBRH_BENCH_NO_HUGE"] = "1"
    program = Program(build / "bench/io/zcnbrh-bench-io", path, work, netdev, "--cpu", APP_CORE, *options,
                      *(["--keys", keys] if keys else []), environment=environment)
    for line in program.process.stdout:  # a DPDK driver may print there as well
        if line == "ready\n":
            return program
    _, errors = program.process.communicate()
    raise Unable(_last_line(errors, f"exit status {program.process.returncode}"))


def wire(lab, build, *words, near=False):
    """A zcnbrh-bench-wire in the peer namespace, or in ours."""
    with contextlib.nullcontext() if near else lab.peer_side():
        return Program(build / "bench/io/zcnbrh-bench-wire", *words, "--cpu", OTHER_CORE)
