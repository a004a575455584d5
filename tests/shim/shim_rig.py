# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What the tests of the shim have in common: the stock testpmd with libzcnbrh_shim.so preloaded and a command line
that was written for another driver."""

import atexit
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dpdk"))

# pylint: disable=wrong-import-position,unused-import
from rig import (BUILD, APP_CORE, OTHER_CORE, Died, Skip, check, device, equal, eventually, example, frames, main, netlab, rig, tap,
                 testpmd)

SHIM = os.environ.get("ZCNBRH_SHIM", str(BUILD / "shim/libzcnbrh_shim.so"))
PCI = "0000:3b:00.0"  # no machine that runs these tests has one there
MBUFS = 4096
PACKET_SIZES = (60, 61, 64, 127, 300, 777, 1514)


def environment(maps, **more):
    """The variables of a program under the shim; `more` without the prefix ZCNBRH_."""
    values = {"LD_PRELOAD": SHIM, "ZCNBRH_MAP": maps}
    values.update({"ZCNBRH_" + key.upper(): value for key, value in more.items()})
    return values


class Report:
    """A file for the report, and what is in it."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="zs_")
        self.path = os.path.join(self._folder.name, "report.json")

    def read(self):
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)

    def fates(self):
        return {one["device"]: one["fate"] for one in self.read()["devices"]}

    def texts(self):
        return [one["text"] for one in self.read()["messages"]]

    def close(self):
        self._folder.cleanup()


def launch(r, devices, maps, eal=(), report=None, pci=False, mbufs=MBUFS, app=(), **more):
    """testpmd under the shim, in rig `r`. Not our driver's -d: the shim has to find it."""
    if report is not None:
        more["report"] = report.path
    r.pmd = r.launch(devices, eal=eal, app=app, pci=pci, load=False, mbufs=mbufs, environment=environment(maps, **more))
    return r.pmd


def run(command, data=b"", **variables):
    """(exit status, output, errors) of a program."""
    done = subprocess.run(command, input=data, capture_output=True, env={**os.environ, **variables}, timeout=60)
    return done.returncode, done.stdout, done.stderr


# What EAL leaves behind at each start of a program with --file-prefix zs<our pid>.
atexit.register(shutil.rmtree, f"/var/run/dpdk/zs{os.getpid()}", ignore_errors=True)

PLAIN_MEMORY = ("--no-huge", "-m", "64")


def appliance_command(words, devices=("net_null0",), wrap=(), memory=PLAIN_MEMORY):
    return [*wrap, str(BUILD / "tests/shim/shim_appliance"), "-l", "0", *memory, "--no-pci",
            "--no-shconf", "--no-telemetry", "--file-prefix", f"zs{os.getpid()}",
            *(f"--vdev={text}" for text in devices), "--", *words]


def appliance(words, devices=("net_null0",), wrap=(), memory=PLAIN_MEMORY, **variables):
    """(exit status, lines of its output, errors) of tests/shim/appliance.cc."""
    status, output, errors = run(appliance_command(words, devices, wrap, memory), **variables)
    return status, output.decode().splitlines(), errors.decode()


def drivers(pmd):
    """{port number: (name, driver)} of `show port summary`."""
    shown = pmd.command("show port summary all")
    found = {}
    for line in shown.splitlines():
        words = line.split()
        if len(words) > 4 and words[0].isdigit():
            found[int(words[0])] = (words[2], words[3])
    return found


def numbered(count, **options):
    return [frames.numbered_frame(number, PACKET_SIZES[number % len(PACKET_SIZES)], **options)
            for number in range(count)]


def check_echo(r, peer=0, count=500):
    """Every frame that goes in at a port that answers on itself comes back as it was, in order."""
    sent = numbered(count)
    equal(r.peer(peer).exchange(sent), sent, f"frames that came back to peer{peer}")


def check_through(r, count=300):
    """Port 0 to port 1 and back, payload and order."""
    there, back = numbered(count), numbered(count)
    peers = r.peer(0), r.peer(1)  # both listen before the first frame is sent
    for number in range(0, count, 32):
        for source, sent in enumerate((there[number:number + 32], back[number:number + 32])):
            for frame in sent:
                peers[source].send(frame)
            equal(peers[1 - source].receive(len(sent)), sent, f"frames port {source} to port {1 - source}")
