# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What a result was measured on: the head of every report."""

import os
import pathlib
import platform
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def _output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""


def _read(path, default=""):
    try:
        return pathlib.Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return default


def tsc_hz():
    """The time stamp counter's rate as the kernel measured it, or None: 'cycles' are of this clock."""
    found = re.search(r"^cpu MHz\s*:\s*([\d.]+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return float(found.group(1)) * 1e6 if found else None


def model():
    found = re.search(r"^model name\s*:\s*(.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def packages(*names):
    listed = _output("dpkg-query", "-W", "-f", "${Package} ${Version}\n", *names)
    return ", ".join(listed.splitlines())


def commit():
    return _output("git", "-C", str(ROOT), "describe", "--always", "--dirty") or "none"


def virtual():
    """In words, whether this is a virtual machine."""
    kind = _output("systemd-detect-virt") or ("vm" if " hypervisor" in _read("/proc/cpuinfo") else "none")
    return "bare metal" if kind == "none" else f"virtual machine ({kind})"


def command():
    return " ".join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])


def load():
    return f"{os.getloadavg()[0]:.2f}"


def header():
    """{title: text}, gathered when the benches start."""
    return {
        "machine": f"{model()}, {os.cpu_count()} cores, {virtual()}",
        "clock": f"TSC {tsc_hz() / 1e9:.2f} GHz" if tsc_hz() else "unknown",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "mitigations": "off" if "mitigations=off" in _read("/proc/cmdline") else "as the kernel chose",
        "versions": packages("dpdk", "libxdp1", "libbpf1", "liburing2") or "unknown",
        "project": f"commit {commit()}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "load average at the start": load(),
        "command": command(),
    }
