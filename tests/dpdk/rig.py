# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What the testpmd tests have in common: veth pairs, a testpmd with a port on each, and the check at the end
that nothing is left behind and that the kernel never swallowed a descriptor of ours."""

import contextlib
import os
import pathlib
import re
import sys
import time

SOURCE = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ZCNBRH_BUILD_DIR", SOURCE / "build"))
os.environ.setdefault("ZCNBRH_PMD", str(BUILD / "drivers/net/zcnbrh/librte_net_zcnbrh.so"))
sys.path.insert(0, str(SOURCE / "tests/support/py"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position,unused-import
import bpf_tool
import frames
import netlab
import tap
import testpmd
import xsk_watch
from tap import Skip, check, equal
from testpmd import APP_CORE, OTHER_CORE, Died, Testpmd, device

DRIVER = "net_zcnbrh"
APP_ADDRESS, PEER_ADDRESS = "10.1.0.1", "10.1.0.2"


def eventually(condition, what, timeout=5.0):
    """Waits until condition() holds; fails with `what` (a text or a function of no argument)."""
    deadline = time.monotonic() + timeout * netlab.SLOWNESS
    while not condition():
        if time.monotonic() > deadline:
            raise tap.Failed(what() if callable(what) else what)
        time.sleep(0.02)


def example(name):
    """One of DPDK's example programs, as tests/examples/meson.build builds them."""
    program = BUILD / "tests/examples" / name
    if not program.exists():
        raise Skip("DPDK's examples are not built: no source package, see devtools/fetch_dpdk_headers.sh")
    return program


class Rig:
    """Pairs app<n>/peer<n> in a lab and, once started, a testpmd with port n on app<n>."""

    pool_options = ()  # testpmd's, that say which pools there are

    def __init__(self, lab, pairs, queues):
        self.lab = lab
        self.pmd = None
        self.apps, self.peers = [], []
        for number in range(pairs):
            app, peer = lab.veth(queues, f"02:00:5a:43:{number:02x}:01", f"02:00:5a:43:{number:02x}:02")
            self.apps.append(app)
            self.peers.append(peer)
        if pairs:
            lab.peer_address(self.peers[0], PEER_ADDRESS + "/24")
        self.before = [netlab.interface_flags(lab.link(app)) for app in self.apps]
        self._sockets = {}

    def start(self, keys=None, **options):
        """A testpmd with a port on each app end. `keys`: device arguments of every port."""
        devices = [device(f"{DRIVER}{number}", iface=app, **(keys or {})) for number, app in enumerate(self.apps)]
        self.pmd = self.launch(devices, **options)
        check("Fail to" not in self.pmd.start_text, "a port did not start")
        equal(self.pmd.ports(), list(range(len(devices))), "ports of testpmd")
        return self.pmd

    def launch(self, devices, **options):
        pmd = self.lab.keep(Testpmd(devices, **options, wait=False))
        tap.note(pmd.shown, lambda: pmd.text)
        pmd.start_text = pmd.wait_for(testpmd.PROMPT, 30)
        return pmd

    def forward(self, mode):
        self.pmd.command(f"set fwd {mode}")
        self.pmd.command("start")

    def peer(self, number=0):
        """The raw socket on peer<number>."""
        if number not in self._sockets:
            self._sockets[number] = self.lab.peer_socket(self.peers[number])
        return self._sockets[number]

    def closed_by_testpmd(self):
        """Waits until testpmd has closed and detached a port whose device was removed. It does so from a thread of its
        own, and a command typed meanwhile would be torn apart by what that prints."""
        eventually(lambda: "Now total ports is" in self.pmd.text, "testpmd does not close the port", 15)
        length = -1
        while len(self.pmd.text) != length:
            length = len(self.pmd.text)
            time.sleep(0.3)

    def ping(self, count=200, **options):
        """The kernel pings through icmpecho; every packet must come back."""
        self.forward("icmpecho")
        pings = netlab.ping(self.lab, APP_ADDRESS, count, **options)
        self.pmd.command("stop")
        equal((pings.sent, pings.received), (count, count), "pings sent and answered")
        return pings

    def check_descriptors(self):
        """The kernel's own count: an invalid descriptor in a TX ring would be a frame lost for ever."""
        sockets = xsk_watch.xdp_sockets(self.pmd.process.pid)
        equal(xsk_watch.total(sockets, "tx_invalid_descs"), 0, "tx_invalid_descs")
        equal(xsk_watch.total(sockets, "rx_invalid_descs"), 0, "rx_invalid_descs (fill ring)")
        return sockets

    def check_pool(self):
        """With the ports closed every buffer must be back in its pool."""
        for name in re.findall(r"create a new mbuf pool <(\w+)>", self.pmd.text):  # one a NUMA node
            shown = self.pmd.command(f"dump_mempool {name}")
            counts = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)$", shown, re.MULTILINE)}
            equal(counts["common_pool_count"] + counts.get("total_cache_count", 0), counts["populated_size"],
                  f"buffers in {name} after port close")

    def quit(self):
        """An orderly end, and what it must leave behind: nothing."""
        self.check_descriptors()
        for port in self.pmd.ports():
            bad = {key: value for key, value in self.pmd.xstats(port).items() if key.endswith("violations") and value}
            equal(bad, {}, f"ownership violations of port {port}")
        self.pmd.commands("stop", "port stop all", "port close all")
        self.check_pool()
        equal(self.pmd.quit(), 0, "exit status of testpmd")
        check("ownership violation" not in self.pmd.text, "the driver reported an ownership violation")
        self.check_clean()

    def check_clean(self):
        for number, app in enumerate(self.apps):
            if not self.lab.exists(app):
                continue
            link = self.lab.link(app)
            equal(netlab.xdp_of(link), None, f"XDP program left on {app}")
            equal(netlab.interface_flags(link), self.before[number], f"state of {app} at the end")


@contextlib.contextmanager
def rig(pairs=1, queues=1, start=True, **options):
    """with rig() as r: ... - a testpmd that is up, and an orderly end with its checks unless the block has
    ended it already."""
    with netlab.Lab() as lab:
        made = Rig(lab, pairs, queues)
        if start:
            made.start(**options)
        yield made
        if made.pmd is not None and made.pmd.process.poll() is None:
            made.quit()
        made.check_clean()


def attempt(lab, devices, seconds=15, **options):
    """Starts a testpmd that is expected to refuse. Returns (its output, the numbers of its ports, its exit status
    or None if it has gone on without the port). Fails if it ended by a signal."""
    pmd = lab.keep(Testpmd(devices, **options, wait=False))
    tap.note(pmd.shown, lambda: pmd.text)
    try:
        pmd.wait_for(testpmd.PROMPT, seconds)
        ports = pmd.ports()
        status = None
        pmd.quit()
    except Died:
        ports, status = [], pmd.process.wait(5)
    check((pmd.process.returncode or 0) >= 0, f"testpmd ended by signal {-(pmd.process.returncode or 0)}")
    text = pmd.text
    pmd.kill()
    return text, ports, status


def refused(lab, devargs, words, **options):
    """The device is refused without a port and without a crash, and the output says why in these words."""
    text, ports, _ = attempt(lab, [devargs], **options)
    equal(ports, [], f"ports after {devargs}")
    missing = [word for word in words if word not in text]
    check(not missing, f"{devargs}: the output does not say {missing}")
    return text


def main(functions):
    """Runs the sub-tests, or skips all of them where the machine cannot do it."""
    why = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
    if why:
        tap.skip_all(why)
    testpmd.end_on_signals()
    tap.main(functions)
