# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Open vSwitch with DPDK, as Debian has it, in folders of its own: an ovsdb-server and an ovs-vswitchd that
nobody else on the machine sees."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import netlab
import testpmd
from netlab import DIE_WITH_US

SWITCH = pathlib.Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")
SCHEMA = pathlib.Path("/usr/share/openvswitch/vswitch.ovsschema")
MEGABYTES = 512  # of huge pages


def why_not():
    """The reason why Vswitch() cannot work here, or an empty text."""
    if not SWITCH.exists() or not SCHEMA.exists():
        return "Open vSwitch with DPDK is not installed (openvswitch-switch-dpdk)"
    if not testpmd.HugePages.available(MEGABYTES):
        return "no huge pages to be had"
    return ""


class Vswitch:
    """A running switch with one userspace bridge, br0. Keep it in the lab: lab.keep(Vswitch(...)). `load`: our driver
    by -d. `environment`: variables to add for the switch."""

    def __init__(self, load=True, environment=None):
        self._load, self._variables = load, environment or {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zcnbrh-ovs-"))
        self._children = []
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        environment, eal = testpmd.driver_options() if self._load else ({}, [])
        environment = {**os.environ, **environment,
                       **{name: str(self.folder) for name in ("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR")}}
        socket = self.folder / "db.sock"
        netlab.run("ovsdb-tool", "create", self.folder / "conf.db", SCHEMA)
        self._run("ovsdb-server", self.folder / "conf.db", f"--remote=punix:{socket}",
                  environment=environment, name="db")
        self._await(socket.exists, "the database's socket")
        self.configure("--no-wait", "init")
        forwarding, commands = testpmd.APP_CORE, testpmd.OTHER_CORE
        extra = ["--no-pci", "--in-memory", f"--file-prefix=ovs{os.getpid()}", *eal]
        self.configure("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                       f"other_config:dpdk-extra={' '.join(extra)}",
                       f"other_config:dpdk-socket-limit={MEGABYTES}",
                       f"other_config:pmd-cpu-mask={1 << forwarding:#x}",
                       f"other_config:dpdk-lcore-mask={1 << commands:#x}")
        self._run(SWITCH, f"unix:{socket}", environment={**environment, **self._variables}, name="switch")
        self.configure("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")

    def _run(self, *command, environment, name):
        child = subprocess.Popen([*DIE_WITH_US, *map(str, command), f"--unixctl={self.folder / name}.ctl",
                                  f"--log-file={self.folder / name}.log"],
                                 env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._children.append(child)

    @staticmethod
    def _await(condition, what, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(f"Open vSwitch: no {what} within {seconds} s")
            time.sleep(0.02)

    def configure(self, *words):
        return netlab.run("ovs-vsctl", "--timeout=30", f"--db=unix:{self.folder / 'db.sock'}", *words)

    def control(self, *words):
        return netlab.run("ovs-appctl", "-T", "30", "-t", self.folder / "switch.ctl", *words)

    def openflow(self, command, *words):
        return netlab.run("ovs-ofctl", command, f"unix:{self.folder / 'br0.mgmt'}", *words)

    def add_port(self, name, devargs, **columns):
        """Adds a DPDK port; its error column must stay empty."""
        self.configure("add-port", "br0", name, "--", "set", "Interface", name, "type=dpdk",
                       f"options:dpdk-devargs={devargs}", *(f"{key}={value}" for key, value in columns.items()))
        error = self.configure("get", "Interface", name, "error").strip()
        if error != "[]":
            raise RuntimeError(f"port {name}: {error}\n{self.log()[-2000:]}")

    def del_port(self, name):
        self.configure("del-port", "br0", name)

    def statistics(self, name):
        shown = self.configure("get", "Interface", name, "statistics")
        return {key: int(value) for key, value in re.findall(r'"?(\w+)"?=(\d+)', shown)}

    def log(self):
        path = self.folder / "switch.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def quit(self):
        """Ends the switch as an operator would; returns its exit status."""
        self.control("exit", "--cleanup")
        return self._children[-1].wait(20)

    def close(self):
        for child in reversed(self._children):
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            child.wait()
        self._children = []
        shutil.rmtree(self.folder, ignore_errors=True)
