# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""A bay: one subject with its netdevs and its own stock testpmd, idle until it is asked for a cell.

All bays of a comparison are up at once, so that the subjects can take turns cell by cell, a second apart. An idle
testpmd sleeps. Port 0 lies on a veth pair whose far end is in the peer namespace (packet source, sink); ports 1 and 2
are the two ends of one veth pair, so that in io mode packets go round and round without any source.
"""

import dataclasses
import pathlib
import re
import time

import netlab
import programs
from disturbance import Watch
from subjects import OURS
from testpmd import APP_CORE, OTHER_CORE, Testpmd

PATIENCE_S = 3  # for the first packet, on a machine that has other things to do
SETTLE_S = 0.12  # caches, the first refill, the driver's own choices
TICKS = 100  # USER_HZ, the unit of /proc/stat


class Unable(RuntimeError):
    """The subject cannot do the cell; the text says why."""


@dataclasses.dataclass(frozen=True)
class Work:
    """A forwarding mode of testpmd with what is counted and where."""
    mode: str
    source: bool  # packets come from the XDP source on the far end
    joined: bool  # on ports 1 and 2, started by tx_first
    counter: str  # what counts: the driver's "rx", or "tx" as the kernel saw it on the netdevs


WORKS = {
    "rxonly": Work("rxonly", True, False, "rx"),
    "txonly": Work("txonly", False, False, "tx"),
    "io": Work("io", False, True, "tx"),
    "macswap": Work("macswap", True, False, "tx"),
}
LONGEST_LIVE_FRAME = 3400  # of the XDP source: it must fit in a page with headroom and tail


@dataclasses.dataclass(frozen=True)
class Size:
    """What frames of a size take beside the netdev's MTU."""
    mtu: int = 1500
    app: tuple = ()  # testpmd's arguments
    segments: tuple = ()  # of a packet in txonly; empty: one


def size_for(subject, size):
    """Long frames: ours lie in several mbufs of the default size, which is what AF_XDP can do; the others are given
    mbufs that take one whole."""
    if size <= 1514:
        return Size()
    rest = size % 2048
    told = (f"--max-pkt-len={size + 18}",)
    if subject.driver == OURS:
        return Size(size, (*told, "--tx-offloads=0x8000"), (2048,) * (size // 2048) + ((rest,) if rest else ()))
    # net_af_packet and net_tap refuse to be told, and take long frames all the same.
    return Size(size, ("--mbuf-size=18432", *(told if subject.takes_xdp else ())))


@dataclasses.dataclass
class Sample:
    packets: int
    bytes: int
    seconds: float
    cycles: float  # a packet, as testpmd counts them: only of bursts that moved packets
    busy: float  # part of the application's core in use, whoever used it
    softirq: float  # of it, the kernel's network work
    disturbed: float  # part of the time that strangers took

    @property
    def mpps(self):
        return self.packets / self.seconds / 1e6


def core_times(core):
    """(busy, softirq, all) ticks of a core since boot."""
    line = next(line for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()
                if line.startswith(f"cpu{core} "))
    user, nice, system, idle, iowait, irq, softirq, *_ = map(int, line.split()[1:])
    return user + nice + system + irq + softirq, softirq, user + nice + system + irq + softirq + idle + iowait


class Bay:
    def __init__(self, context, lab, subject, cores, longest=64):
        """`cores`: CPUs that testpmd and its threads may use, those of its forwarding lcores first, that of its prompt
        last. `longest` frame to come."""
        self.context, self.lab, self.subject, self.cores = context, lab, subject, cores
        self.size = size_for(subject, longest)
        self.far = None  # far end of port 0
        self.netdevs = self._tap_names() if subject.makes_netdev else self._veth_names(self.size.mtu)
        become = ["taskset", "--cpu-list", ",".join(map(str, sorted(set(cores))))]
        devices = [subject.device(number, name) for number, name in enumerate(self.netdevs)]
        self.pmd = lab.keep(Testpmd(devices, cores=cores, become=become, app=self.size.app, eal=subject.eal,
                                    load=subject.loads, environment=subject.environment(self.netdevs),
                                    mbufs=4096 if self.size.app and not self.size.segments else 16384))
        if len(self.pmd.ports()) != len(self.netdevs) or "Start ports failed" in self.pmd.start_text:
            why = re.search(r"^.*(?:MTU .* >|[Cc]annot|[Ff]ail|[Ee]rror|[Ii]nvalid).*$", self.pmd.text, re.MULTILINE)
            self.pmd.kill()
            raise Unable(why.group(0).strip() if why else "a port does not start")
        if subject.makes_netdev:
            self._join_taps()
        self.pmd.command("set record-core-cycles on")

    def _veth_names(self, mtu):
        near, self.far = self.lab.veth(mtu=mtu)
        if not self.subject.takes_xdp:  # without it a veth drops what the source sends: it has no NAPI
            netlab.run("ethtool", "-K", near, "gro", "on")
        one, other = self.lab.veth(mtu=mtu)
        self.lab.to_app_side(other)
        netlab.run("ip", "link", "set", other, "up")
        return [near, one, other]

    @staticmethod
    def _tap_names():
        return ["tap0", "tap1", "tap2"]

    def _join_taps(self):
        """The kernel's end of a tap is the netdev itself: it takes a bridge to join two of them."""
        netlab.run("ip", "link", "add", "joint", "type", "bridge", "ageing_time", 0)
        for name in self.netdevs:
            netlab.run("ip", "link", "set", name, "mtu", self.size.mtu, "up")
        for name in self.netdevs[1:]:
            netlab.run("ip", "link", "set", name, "master", "joint")
        netlab.run("ip", "link", "set", "joint", "up")

    def _sent(self, ports, unit):
        """Packets or bytes the kernel has had from these ports."""
        way = "rx" if self.subject.makes_netdev else "tx"
        return sum(int(pathlib.Path(f"/sys/class/net/{self.netdevs[port]}/statistics/{way}_{unit}").read_text("ascii"))
                   for port in ports)

    def _count(self, work, ports):
        """(packets, bytes)"""
        if work.counter == "tx":
            return self._sent(ports, "packets"), self._sent(ports, "bytes")
        stats = self.pmd.stats(ports[0])
        return stats["RX-packets"], stats["RX-bytes"]

    def _source(self, size):
        if size > LONGEST_LIVE_FRAME:  # by a packet socket, as fast as that goes
            words = ("source", self.far or self.netdevs[0], "--size", size, "--pps", 10**8, "--seconds", 60)
            return programs.wire(self.lab, self.context.build, *words, near=not self.far)
        return self.lab.traffic(self.far or self.netdevs[0], OTHER_CORE, near=not self.far, size=size)

    def _empty(self, ports):
        """Throws away what a run before has left in the rings."""
        self.pmd.commands(f"set portlist {ports}", "set fwd rxonly", "start")
        time.sleep(0.03)
        self.pmd.command("stop")

    def run(self, mode, size, seconds):
        """One run of a cell. `size` without FCS."""
        work = WORKS[mode]
        ports, listed = ((1, 2), "1,2") if work.joined else ((0,), "0")
        self._empty(listed)
        segments = self.size.segments or (size,)
        self.pmd.commands(f"set fwd {work.mode}", f"set txpkts {','.join(map(str, segments))}",
                          "start tx_first" if work.joined else "start")
        source = self._source(size) if work.source else None
        try:
            time.sleep(SETTLE_S)
            sample = self._measure(work, ports, seconds, Watch(*self._pids(source)))
            # veth counts some frames without their Ethernet header.
            if sample.packets and sample.bytes / sample.packets < 0.95 * size - 14:
                raise Unable(f"packets are cut to {sample.bytes / sample.packets:.0f} bytes")
        finally:
            if source:
                source.close()
        found = re.search(r"CPU cycles/packet=([\d.]+)", self.pmd.command("stop"))
        sample.cycles = float(found.group(1)) if found else float("nan")
        return sample

    def _pids(self, source):
        return [self.pmd.process.pid, *([source.process.pid] if source else [])]

    def _measure(self, work, ports, seconds, watch):
        busy, softirq, whole = core_times(self.cores[0])
        before, start = self._count(work, ports), time.monotonic()
        moved, give_up = [0, 0], start + PATIENCE_S * netlab.SLOWNESS
        while not moved[0] and time.monotonic() < give_up:
            time.sleep(seconds)
            moved = [now - then for now, then in zip(self._count(work, ports), before)]
            span = time.monotonic() - start
        after = core_times(self.cores[0])
        ticks = max(1, after[2] - whole)
        return Sample(*moved, span, float("nan"), (after[0] - busy) / ticks, (after[1] - softirq) / ticks,
                      watch.share(span))


# By what is written in the tables. The prompt's core is the last one; a driver may find it free for a thread.
CORES = {"1 core": (APP_CORE, APP_CORE), "2 cores": (APP_CORE, OTHER_CORE),
         "2 lcores": (APP_CORE, OTHER_CORE, OTHER_CORE)}
