#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The unmodified Open vSwitch of the distribution on net_zcnbrh: two ports, kernel peers on both, every byte
checked. Its mempools have elements of its own size, larger ones for an MTU of 9000."""

import contextlib

import rig
from rig import check, equal, eventually, frames, netlab, tap

import openvswitch  # rig has made its folder known

SIZES = (60, 61, 64, 127, 128, 300, 777, 1024, 1513, 1514)
JUMBO_SIZES = (60, 1514, 1515, 2048, 3519, 3520, 4000, 4096, 4097, 7000, 8191, 9013, 9014)


class Switch:
    """Two veth pairs with a port of the switch on each app end: p0 and p1."""

    def __init__(self, lab, mtu=1500):
        self.lab, self.mtu = lab, mtu
        self.pairs = [lab.veth(mtu=mtu) for _ in range(2)]
        self.ovs = lab.keep(openvswitch.Vswitch())
        tap.note("ovs-vswitchd's log", self.ovs.log)
        self.peers = [lab.peer_socket(peer) for _, peer in self.pairs]
        for number in range(2):
            self.add(number)

    def add(self, number):
        self.ovs.add_port(f"p{number}", f"net_zcnbrh{number},iface={self.pairs[number][0]}",
                          mtu_request=self.mtu, ofport_request=number + 1)

    def carries(self, source, sent):
        """What peer `source` sends comes out at the other, all of it, unchanged and in order."""
        there, here = self.peers[source], self.peers[1 - source]
        here.drain()
        for at in range(0, len(sent), 64):  # less than any ring holds
            for frame in sent[at:at + 64]:
                there.send(frame)
            found = here.receive(len(sent[at:at + 64]))
            equal([frame.hex() for frame in found], [frame.hex() for frame in sent[at:at + 64]],
                  f"frames {at}.. from peer{source}")


@contextlib.contextmanager
def switch(**options):
    why = openvswitch.why_not()
    if why:
        raise tap.Skip(why)
    with netlab.Lab() as lab:
        made = Switch(lab, **options)
        yield made
        bad = [line for line in made.ovs.log().splitlines() if "ownership violation" in line or "|EMER|" in line]
        equal(bad, [], "lines in the log")
        equal(made.ovs.quit(), 0, "exit status of ovs-vswitchd")
        for app, _ in made.pairs:
            equal(netlab.xdp_of(lab.link(app)), None, f"XDP program left on {app}")


def numbered(count, sizes, source, **options):
    return [frames.numbered_frame(number, sizes[number % len(sizes)], ports=(1000 + source, 2000), **options)
            for number in range(count)]


def plain():
    """two ports forward between two kernel peers, both ways, byte for byte"""
    with switch() as s:
        for source in (0, 1):
            s.carries(source, numbered(2000, SIZES, source))
        for name in ("p0", "p1"):
            eventually(lambda name=name: s.ovs.statistics(name).get("rx_packets", 0) >= 2000 and
                       s.ovs.statistics(name).get("tx_packets", 0) >= 2000,
                       lambda name=name: f"statistics of {name}: {s.ovs.statistics(name)}", 15)
            counts = s.ovs.statistics(name)
            equal({key: counts.get(key, 0) for key in ("rx_dropped", "rx_errors", "tx_errors", "tx_dropped")},
                  {"rx_dropped": 0, "rx_errors": 0, "tx_errors": 0, "tx_dropped": 0}, f"errors of {name}")


def flows():
    """OpenFlow rules drop one UDP port, rewrite another, and let the rest through"""
    with switch() as s:
        s.ovs.openflow("del-flows")
        s.ovs.openflow("add-flow", "priority=30,in_port=1,udp,tp_dst=2001,actions=drop")
        s.ovs.openflow("add-flow", "priority=20,in_port=1,udp,tp_dst=2002,actions=mod_dl_src:02:00:00:00:00:77,output:2")
        s.ovs.openflow("add-flow", "priority=10,in_port=1,actions=output:2")
        sent = [frames.numbered_frame(number, 200, ports=(1000, 2000 + number % 3)) for number in range(300)]
        s.peers[1].drain()
        for frame in sent:
            s.peers[0].send(frame)
        mac = bytes.fromhex("020000000077")
        expected = [frame if number % 3 == 0 else frame[:6] + mac + frame[12:]
                    for number, frame in enumerate(sent) if number % 3 != 1]
        found = s.peers[1].receive(len(expected) + 10, 1)
        equal(len(found), len(expected), "frames that came through")
        # The switch sends rewritten packets in a batch of their own, so the two kinds may pass each other.
        key = frames.number_of
        equal(sorted(found, key=key), sorted(expected, key=key), "frames that came through")
        shown = s.ovs.openflow("dump-flows", "udp,tp_dst=2001")
        check("n_packets=100," in shown, f"the dropping rule's count: {shown}")


def remove_and_add():
    """a port is removed while packets come, its interface is left clean, and it works when it is added again"""
    with switch() as s:
        s.carries(0, numbered(300, SIZES, 0))
        app = s.pairs[1][0]
        for _ in range(3):
            for frame in numbered(100, SIZES, 0):
                s.peers[0].send(frame)
            s.ovs.del_port("p1")
            equal(netlab.xdp_of(s.lab.link(app)), None, f"XDP program on {app} after del-port")
            s.add(1)
            s.carries(0, numbered(300, SIZES, 0))
            s.carries(1, numbered(300, SIZES, 1))


def jumbo():
    """an MTU of 9000: frames of 60 to 9014 bytes both ways, byte for byte"""
    with switch(mtu=9000) as s:
        for name in ("p0", "p1"):
            equal(s.ovs.configure("get", "Interface", name, "mtu").strip(), "9000", f"MTU of {name}")
        for source in (0, 1):
            s.carries(source, numbered(390, JUMBO_SIZES, source))


rig.main([plain, flows, remove_and_add, jumbo])
