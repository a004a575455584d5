#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Packets longer than a buffer: stock testpmd at MTU 9000 on veth, against the kernel at the other end, both ways,
every byte checked.

net_af_xdp (DPDK 22.11) sends packets of several segments wrong: pkt_len bytes from the first segment's buffer, whatever
lies behind its data. Seen, on one end of a veth pair, with
    dpdk-testpmd --no-pci --in-memory --vdev net_af_xdp0,iface=app0 -- -i
    testpmd> set port 0 gso on
    testpmd> set gso segsz 400
    testpmd> set fwd csum
    testpmd> start
and one TCP packet of 1275 bytes from the other end: four frames come back, headers right, zeros for payload, layer 4
checksums wrong. The same with net_zcnbrh is forward_test.py's gso.
"""

import contextlib
import os
import struct
import time

from rig import attempt, check, device, equal, frames, main, netlab, rig

KIND = 0x88b5  # local experiments
MTU = 9000
LONGEST = MTU + 14


def raw_frame(size, number=0):
    """An Ethernet frame of `size` bytes that nobody can mistake for another, nor a part of it moved."""
    head = frames.APP_MAC + frames.PEER_MAC + struct.pack("!HI", KIND, number)
    words = (size - len(head)) // 4 + 1
    return (head + struct.pack(f"!{words}I", *range(number << 16, (number << 16) + words)))[:size]


def set_mtu(r, mtu):
    for app, peer in zip(r.apps, r.peers):
        netlab.run("ip", "link", "set", app, "mtu", mtu)
        r.lab.peer_run("ip", "link", "set", peer, "mtu", mtu)
    r.before = [netlab.interface_flags(r.lab.link(app)) for app in r.apps]


@contextlib.contextmanager
def jumbo(pairs=1, mtu=MTU, keys=None, app=(), **options):
    """A rig at this MTU, testpmd told so."""
    with rig(pairs, start=False) as r:
        set_mtu(r, mtu)
        words = [f"--max-pkt-len={mtu + 18}", "--tx-offloads=0x8000", *app]
        r.start(keys, app=words, **options)
        yield r


def back_and_forth(r, sent, what):
    r.forward("io")
    found = r.peer().exchange(sent, window=32)
    r.pmd.command("stop")
    equal(len(found), len(sent), f"frames that came back, {what}")
    for there, back in zip(sent, found):
        check(there == back, f"a frame of {len(there)} bytes came back with {len(back)}, {what}; first difference at "
              f"{next((at for at, (a, b) in enumerate(zip(there, back)) if a != b), min(len(there), len(back)))}")


def every_size():
    """MTU 9000: a frame of each size from 60 to 9014 goes through io and back unchanged"""
    with jumbo() as r:
        check("multi-buffer" in r.pmd.start_text, "the start line does not say that packets may have several buffers")
        back_and_forth(r, [raw_frame(size, size) for size in range(60, LONGEST + 1)], "default buffers")
        xstats = r.pmd.xstats()
        check(xstats["rx_q0_chained"] > 6000 and xstats["tx_q0_chained"] > 6000, f"chained packets: {xstats}")
        equal(xstats["tx_q0_bounce_copies"], 0, "copies of chains of the port's own pool")
        equal([xstats[f"rx_q0_dropped_{why}"] for why in ("too_long", "segments")], [0, 0], "dropped")


def two_ports():
    """MTU 9000 between two ports: every frame arrives whole and in order"""
    with jumbo(pairs=2) as r:
        r.forward("io")
        peers = r.peer(0), r.peer(1)
        sent = [raw_frame(60 + number * 37 % (LONGEST - 59), number) for number in range(3000)]
        for at in range(0, len(sent), 50):
            for frame in sent[at:at + 50]:
                peers[0].send(frame)
            equal(peers[1].receive(50), sent[at:at + 50], f"frames {at}..")
        r.pmd.command("stop")


def ping():
    """the kernel's stack pings with 8972 bytes, answered by icmpecho from chained mbufs"""
    with jumbo() as r:
        r.ping(300, size=8972)
        r.ping(100, size=3000)


def chains_sent():
    """txonly with 1 to 20 segments: up to 18 by address, more gathered; well-formed all of them"""
    with jumbo() as r:
        before = r.pmd.xstats()
        for segments in (1, 2, 3, 16, 17, 18, 19, 20):
            r.peer().drain()
            r.pmd.command("set txpkts " + ",".join(["64"] + ["120"] * (segments - 1)))
            r.forward("txonly")
            time.sleep(0.1)
            r.pmd.command("stop")
            found = r.peer().receive(500, 0.3)
            check(len(found) > 50, f"{segments} segments: only {len(found)} frames at the peer")
            for frame in found:
                equal(len(frame), 64 + 120 * (segments - 1), f"length of a frame of {segments} segments")
                equal(frames.problems_of_ipv4(frame), [], f"a frame of {segments} segments")
            now = r.pmd.xstats()
            copied = now["tx_q0_bounce_copies"] - before["tx_q0_bounce_copies"]
            check((copied == 0) == (segments <= 18), f"{segments} segments: {copied} bounce copies")
            before = now


def large_elements():
    """mbufs of 10240 bytes, as Open vSwitch has: received through a 4096-byte chunk with the rest chained, sent as
    several descriptors into one mbuf"""
    with jumbo(app=["--mbuf-size=10240"], mbufs=4096) as r:
        back_and_forth(r, [raw_frame(60 + at * 11 % (LONGEST - 59), at) for at in range(2000)], "10240-byte buffers")
        before = r.pmd.xstats()
        r.peer().drain()
        r.pmd.command("set txpkts 9000")
        r.forward("txonly")
        time.sleep(0.2)
        r.pmd.command("stop")
        found = r.peer().receive(300, 0.3)
        check(len(found) > 50, f"only {len(found)} frames at the peer")
        for frame in found:
            equal((len(frame), frames.problems_of_ipv4(frame)), (9000, []), "a frame in one mbuf")
        now = r.pmd.xstats()
        equal(now["tx_q0_bounce_copies"], before["tx_q0_bounce_copies"], "copies of frames in one large mbuf")
        check(now["tx_q0_chained"] - before["tx_q0_chained"] > 50, "they went as several descriptors")


def some_sizes():
    return [raw_frame(60 + at * 37 % (LONGEST - 59), at) for at in range(1500)]


def gate():
    """MTU 9000 with on_empty=drop: the gate counts packets, and lets all through that are waited for"""
    with jumbo(keys={"on_empty": "drop"}) as r:
        back_and_forth(r, some_sizes(), "on_empty=drop")
        equal(r.pmd.xstats()["rx_q0_alloc_failed"], 0, "refills without a buffer")


def with_rules():
    """MTU 9000 with a flow rule: the program with rules takes packets of several buffers, too"""
    with jumbo() as r:
        shown = r.pmd.command("flow create 0 ingress pattern eth type is 0x9999 / end actions drop / end")
        check("created" in shown, shown)
        back_and_forth(r, some_sizes(), "with a rule")


def skb_mode():
    """MTU 9000 in SKB mode"""
    with jumbo(keys={"mode": "skb"}) as r:
        check("SKB XDP" in r.pmd.start_text, r.pmd.start_text)
        back_and_forth(r, some_sizes(), "in SKB mode")


def mtu_at_run_time():
    """port config mtu: on a running port no more than it was started for, on a stopped one up to the netdev's most"""
    with rig() as r:
        before = r.pmd.command("port config mtu 0 9000")
        check("stop the port first" in before, f"a running port: {before}")
        r.pmd.command("port stop 0")
        r.lab.peer_run("ip", "link", "set", r.peers[0], "mtu", MTU)
        answer = r.pmd.command("port config mtu 0 9000")
        check("rror" not in answer, answer)
        r.pmd.command("port start 0")
        equal(r.lab.link(r.apps[0])["mtu"], MTU, "MTU of the netdev")
        back_and_forth(r, [raw_frame(size, size) for size in range(60, LONGEST + 1, 97)], "after port config mtu")
        r.before = [dict(flags, mtu=MTU) for flags in r.before]


def without_multi_buffer():
    """a kernel without multi-buffer (forced): a larger MTU is refused with the numbers and the reason, 1500 works"""
    os.environ["ZCNBRH_FORCE_FEATURES"] = "-multi_buffer"
    try:
        with netlab.Lab() as lab:
            app, _ = lab.veth(mtu=MTU)
            text, _, _ = attempt(lab, [device("net_zcnbrh0", iface=app)], app=["--max-pkt-len=9018"])
            check("device max MTU (3758)" in text, f"the most that one buffer can take is not told: {text}")
        with netlab.Lab() as lab:
            app, _ = lab.veth(mtu=3000)
            text, _, _ = attempt(lab, [device("net_zcnbrh0", iface=app)], app=["--max-pkt-len=3018"])
            for words in ("packets of 2048 bytes", "an MTU of 3000 needs 3014", "(XDP_USE_SG): forced off"):
                check(words in text, f"the output does not say {words!r}: {text}")
        with rig() as r:
            check("multi-buffer" not in r.pmd.start_text, "it claims multi-buffer")
            back_and_forth(r, [raw_frame(size, size) for size in range(60, 1515, 13)], "without multi-buffer")
    finally:
        del os.environ["ZCNBRH_FORCE_FEATURES"]


if __name__ == "__main__":
    main([every_size, two_ports, ping, chains_sent, large_elements, gate, with_rules, skb_mode, mtu_at_run_time,
          without_multi_buffer])
