# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The rig of tests/dpdk on the lab's NICs instead of veth pairs, so that its tests run in real zero-copy.

End 0 of a pair stays in the guest's first network namespace, with testpmd; end 1 goes to a peer namespace of this
process, or stays, for tests in which testpmd has both ends. ZCNBRH_LAB_PAIR names the pair; a test with two pairs gets
a pair of another kind as its second.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import time

SOURCE = pathlib.Path(os.environ["ZCNBRH_SOURCE_DIR"])
sys.path[:0] = [str(SOURCE / "tests/dpdk"), str(SOURCE / "devtools/lab")]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position,unused-import
import rig  # finds the helpers of tests/support/py
import netlab
import nics
import tap
import testpmd
import xsk_watch
from rig import BUILD, DRIVER, Skip, check, device, equal, eventually, frames
from testpmd import Testpmd

PAIR = os.environ["ZCNBRH_LAB_PAIR"]
IOMMU = os.environ["ZCNBRH_LAB_MACHINE"] == "iommu"
IGB = PAIR == "igb"
MODE = "copy" if PAIR == "plain" else "zero-copy"  # what this pair's sockets get
# One pool for both ports: testpmd would make one a NUMA node, and each port would send the other's mbufs.
ONE_POOL = ("--no-numa", "--socket-num=0")
MBUFS_A_PORT = 8192  # for both rings of 2048 and what is under way; making a pool takes the guest long
SIZES = (60, 64, 127, 300, 1024, 1513, 1514)
PEER_SYS = "/run/peer-sys"
PROGRAMS = BUILD / "tests/lab/lab_programs"
SETTLE_SECONDS = {"igb": 2.0}  # igb resets its link at each attach and again from its watchdog

_peer_namespace = None


def links():
    return json.loads(netlab.run("ip", "-json", "-details", "link"))


def find_netdev(nic):
    """The netdev of this namespace with the NIC's address, or None."""
    return next((link["ifname"] for link in links() if nic.mac in (link.get("permaddr"), link.get("address"))), None)


def netdev_of(nic, timeout=60):
    """The same; one that another process has had comes back when that one's namespace goes."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        name = find_netdev(nic)
        if name:
            return name
        time.sleep(0.1)
    raise RuntimeError(f"no netdev has the address {nic.mac}")


class NicLab(netlab.Lab):
    """netlab.Lab with NICs. Its peer namespace lives as long as the process: moving an igb there costs seconds."""

    def __enter__(self):
        global _peer_namespace  # pylint: disable=global-statement
        self._home = self._app = self._own(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        if _peer_namespace is None:
            netlab._private_mounts()  # pylint: disable=protected-access
            _peer_namespace = self._new_namespace()
            os.makedirs(PEER_SYS, exist_ok=True)
            netlab.run("mount", "-t", "sysfs", "sysfs", PEER_SYS)
            self._enter(self._home)
        self._peer = _peer_namespace
        self.kinds = []
        self.ends = []  # (netdev, where sysfs of its namespace is mounted)
        return self

    def veth(self, queues=1, app_mac=None, peer_mac=None, mtu=1500):
        """A pair of NICs in a veth pair's place."""
        kind = (PAIR, "virtio" if IGB else "igb")[len(self.pairs)]
        near, far = nics.pair(kind)
        app, peer = netdev_of(near), self._peer_netdev(far)
        self.pairs.append((app, peer))
        self.kinds.append(kind)
        self.ends += [(app, "/sys"), (peer, PEER_SYS)]
        self._set_up(app, queues, app_mac, mtu, contextlib.nullcontext)
        with self.peer_side():
            self._set_up(peer, queues, peer_mac, mtu, self.peer_side)
            netlab.run("ip", "link", "set", peer, "promisc", "on")  # testpmd sends to other addresses than its own
            netlab.run("ethtool", "-K", peer, "gro", "off")  # it would hand TCP packets over later than the rest
        return app, peer

    def both_ends(self, queues=1, kind=PAIR):
        """A pair of NICs with both ends on this side."""
        ends = []
        for nic in nics.pair(kind):
            with self.peer_side():
                elsewhere = find_netdev(nic)
                if elsewhere:
                    netlab.run("ip", "link", "set", elsewhere, "netns", f"/proc/{os.getpid()}/fd/{self._app}")
            ends.append(netdev_of(nic))
            self._set_up(ends[-1], queues)
        self.kinds.append(kind)
        self.ends += [(end, "/sys") for end in ends]
        return ends

    def _peer_netdev(self, nic):
        with self.peer_side():
            name = find_netdev(nic)
        if not name:
            name = netdev_of(nic)
            self.to_peer_side(name)
        return name

    def _set_up(self, netdev, queues, mac=None, mtu=1500, side=None):
        shown = re.search(r"Combined:\s+(\d+)", netlab.run("ethtool", "-l", netdev, check=False))
        have = int(shown.group(1)) if shown else 1
        if queues > have:
            raise Skip(f"{netdev} has {have} queues here, this needs {queues}")
        if have > 1:
            netlab.run("ethtool", "-L", netdev, "combined", queues, check=False)  # refused where nothing changes
        words = ["mtu", mtu, "up"]
        if mac:
            before = json.loads(netlab.run("ip", "-json", "link", "show", "dev", netdev))[0]["address"]
            words = ["address", mac, *words]
            self._closing.callback(self._restore, side, netdev, before)
        netlab.run("ip", "link", "set", netdev, *words)

    @staticmethod
    def _restore(side, netdev, address):
        with side():
            netlab.run("ip", "link", "set", netdev, "address", address, "mtu", 1500, check=False)
            netlab.run("ip", "addr", "flush", "dev", netdev, check=False)

    def _carriers(self):
        def read(folder, netdev, name):
            with contextlib.suppress(OSError):  # EINVAL: the netdev is down
                return int(pathlib.Path(folder, "class/net", netdev, name).read_text())
            return 0
        return [(read(folder, netdev, "carrier"), read(folder, netdev, "carrier_changes"))
                for netdev, folder in self.ends]

    def settle(self, timeout=60):
        """Waits until every end has had carrier for a while without a change."""
        quiet = max((SETTLE_SECONDS.get(kind, 0.2) for kind in self.kinds), default=0)
        deadline, last, since = time.monotonic() + timeout, None, 0
        while time.monotonic() < deadline:
            now = self._carriers()
            if now != last or not all(carrier for carrier, _ in now):
                last, since = now, time.monotonic()
            elif time.monotonic() - since >= quiet:
                return
            time.sleep(0.1)
        raise tap.Failed(f"no carrier for {quiet} s on end: {list(zip(self.ends, self._carriers()))}")

    def link(self, netdev, peer=False):
        """Without the flags of the carrier: a reset of the link may be on its way, and is no trace that we leave."""
        link = super().link(netdev, peer)
        return {**link, "flags": [flag for flag in link["flags"] if flag not in ("LOWER_UP", "NO-CARRIER", "RUNNING")]}


class NicRig(rig.Rig):
    """Rig that waits for the link, and knows what the kernel says of the sockets' mode."""

    pool_options = ONE_POOL

    @classmethod
    def on(cls, lab, netdevs):
        """A rig with a port on each of these, and no kernel peer."""
        made = cls(lab, 0, 1)
        made.apps = list(netdevs)
        made.before = [netlab.interface_flags(lab.link(netdev)) for netdev in netdevs]
        return made

    def launch(self, devices, **options):
        options["app"] = [*self.pool_options, *options.get("app", ())]
        options.setdefault("mbufs", MBUFS_A_PORT * max(1, len(devices)))
        pmd = super().launch(devices, **options)
        self.lab.settle()
        return pmd

    def modes(self):
        """Of each socket of testpmd, by XDP_OPTIONS."""
        return ["zero-copy" if sock["zero_copy"] else "copy" for sock in xsk_watch.xdp_sockets(self.pmd.process.pid)]


def diag_modes():
    """The same by the kernel's socket list (xsk_diag), of every AF_XDP socket of this namespace."""
    shown = netlab.run("ss", "-a", "-f", "xdp", "-e", "-i")
    return ["zero-copy" if word == "1" else "copy" for word in re.findall(r"\bzc:([01])", shown)]


class Traffic:
    """The peer sends all the time."""

    def __init__(self, peer):
        self._peer, self._stop, self.sent = peer, threading.Event(), 0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            with contextlib.suppress(OSError):
                self._peer.send(frames.numbered_frame(self.sent, 300))
            self.sent += 1
            time.sleep(0.001)

    def close(self):
        self._stop.set()
        self._thread.join()


def exchange(r, count):
    """`count` frames of all sizes there and back through io, each unchanged and in order."""
    r.forward("io")
    sent = [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(count)]
    equal(r.peer().exchange(sent), sent, "frames that came back")
    r.pmd.command("stop")


def numbered_flows(count, flows=32):
    """Frames of many addresses: igb's hash takes no ports of UDP packets."""
    def frame(number):
        fill = bytes([number & 0xFF]) * (SIZES[number % len(SIZES)] - 46)
        flow = number % flows
        return frames.ethernet(frames.udp_packet(struct.pack("!I", number) + fill, (1000 + flow, 2000),
                                                 (f"10.9.1.{flow}", "10.9.0.1")))
    return [frame(number) for number in range(count)]


def on_veth(name):
    """The module of this name in tests/dpdk, whose folder may come after one with the same name here."""
    spec = importlib.util.spec_from_file_location(f"veth_{name}", SOURCE / "tests/dpdk" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def program(lab, cases):
    """Runs cases of the lab's own programs (tests/lab/*.cc) on both ends of the pair, which it leaves as they were."""
    ends = lab.both_ends()
    done = subprocess.run([PROGRAMS, f"--gtest_filter={cases}"],
                          env={**os.environ, "ZCNBRH_LAB_ENDS": ",".join(ends)}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=600)
    tap.note(PROGRAMS.name, lambda: done.stdout)
    check(re.search(r"^\[  PASSED  \] [1-9]\d* tests?\.", done.stdout, re.MULTILINE) and not done.returncode,
          f"status {done.returncode}")
    for end in ends:
        equal(netlab.xdp_of(lab.link(end)), None, f"XDP program left on {end}")


def main(functions):
    """Runs the sub-tests; those taken from tests/dpdk run on the NICs, too."""
    netlab.Lab = NicLab
    rig.Rig = NicRig
    testpmd.end_on_signals()
    tap.main(functions)
