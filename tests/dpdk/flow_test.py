#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""rte_flow as stock testpmd's flow commands have it: what goes to the program, to the kernel's stack, nowhere."""

import re
import threading
import time

from rig import APP_ADDRESS, BUILD, PEER_ADDRESS, check, equal, eventually, frames, main, netlab, rig

TO_US = frames.udp_frame(ports=(1000, 2000))
OTHER = frames.udp_frame(ports=(1000, 3000))
UDP_2000 = "eth / ipv4 / udp dst is 2000 / end"


def create(r, pattern, actions, port=0, **attributes):
    """Creates a rule and returns its number."""
    text = " ".join(f"{key} {value}" for key, value in attributes.items())
    shown = r.pmd.command(f"flow create {port} {text} ingress pattern {pattern} actions {actions} / end")
    made = re.search(r"Flow rule #(\d+) created", shown)
    check(made, f"no rule: {shown}")
    return int(made.group(1))


def refused(r, pattern, actions, words, kind, attributes="ingress"):
    """The rule is refused with these words and of this kind, by validate as by create, and nothing changes."""
    for command in ("validate", "create"):
        shown = r.pmd.command(f"flow {command} 0 {attributes} pattern {pattern} actions {actions} / end")
        check("Caught PMD error" in shown and words in shown and f"({kind})" in shown,
              f"{command} {pattern} {actions}: {shown}")
    equal(rules(r), [], "rules after a refusal")


def rules(r, port=0):
    """Numbers of the rules there are; testpmd lists them by priority."""
    return sorted(int(number) for number in re.findall(r"^(\d+)\s", r.pmd.command(f"flow list {port}"), re.MULTILINE))


def hits(r, rule, port=0):
    shown = r.pmd.command(f"flow query {port} {rule} count")
    return tuple(int(re.search(rf"^ {key}: (\d+)", shown, re.MULTILINE).group(1)) for key in ("hits", "bytes"))


def received(r, port=0):
    return r.pmd.stats(port)["RX-packets"]


def send(r, *sent, count=10):
    for _ in range(count):
        for frame in sent:
            r.peer().send(frame)


def settles(r, expected, what, port=0):
    """The port has received exactly that many packets, and stays at it."""
    eventually(lambda: received(r, port) >= expected, lambda: f"{what}: {r.pmd.stats(port)}")
    time.sleep(0.1)
    equal(received(r, port), expected, what)


def kernel_has(r, address=APP_ADDRESS):
    """The kernel's stack of the interface that the port is on gets an address, too."""
    netlab.run("ip", "addr", "add", address + "/24", "dev", r.apps[0])


def pings(r, count=20):
    return netlab.ping(r.lab, APP_ADDRESS, count).received


def isolate_keeps_ssh():
    """isolate: a rule's packets come to the program, everything else to the kernel's stack of the same interface"""
    with rig() as r:
        kernel_has(r)
        r.forward("rxonly")
        check("restricted" in r.pmd.command("flow isolate 0 1"), "isolate refused")
        equal(pings(r), 20, "pings that the kernel answered")
        send(r, TO_US, OTHER)
        settles(r, 0, "packets at an isolated port without rules")
        rule = create(r, UDP_2000, "count / queue index 0")
        send(r, TO_US, OTHER)
        settles(r, 10, "packets of the rule")
        equal(hits(r, rule), (10, 10 * len(TO_US)), "hits and bytes")
        equal(pings(r), 20, "pings with the rule")
        r.pmd.command("flow isolate 0 0")
        send(r, OTHER)
        settles(r, 20, "packets after isolation ended")


def isolate_before_start():
    """isolate and rules made while the port is stopped hold from its first packet on; isolate over stop and start"""
    with rig(app=["--disable-device-start"]) as r:
        kernel_has(r)
        r.pmd.command("flow isolate 0 1")
        rule = create(r, UDP_2000, "count / queue index 0")
        r.pmd.command("port start 0")
        r.forward("rxonly")
        equal(pings(r), 20, "pings that the kernel answered")
        send(r, TO_US, OTHER)
        settles(r, 10, "packets of the rule")
        equal(hits(r, rule)[0], 10, "hits")
        # testpmd itself flushes the rules of a port that it stops.
        r.pmd.commands("stop", "port stop 0", "port start 0")
        equal(rules(r), [], "rules after port stop")
        r.forward("rxonly")
        equal(pings(r), 20, "pings after stop and start")
        send(r, TO_US)
        time.sleep(0.1)
        create(r, UDP_2000, "queue index 0")
        send(r, TO_US)
        settles(r, 20, "packets of both rules")


def drop_and_passthru():
    """drop goes nowhere, passthru to the kernel's stack, the rest to the program; priorities decide"""
    with rig() as r:
        kernel_has(r)
        r.forward("rxonly")
        dropped = create(r, UDP_2000, "count / drop", priority=1)
        passed = create(r, "eth / ipv4 proto is 1 / end", "count / passthru")
        arp = create(r, "eth type is 0x0806 / end", "passthru")
        equal(pings(r), 20, "pings that the kernel answered")
        check(hits(r, passed)[0] >= 20, "pings were not counted")
        before = received(r)
        send(r, TO_US, OTHER)
        settles(r, before + 10, "packets that no rule takes")
        equal(hits(r, dropped)[0], 10, "dropped packets")
        # A rule that goes before it takes the packets.
        first = create(r, "udp dst is 2000 / end", "count / queue index 0", priority=0)
        send(r, TO_US)
        settles(r, before + 20, "packets of the first rule")
        equal((hits(r, first)[0], hits(r, dropped)[0]), (10, 10), "hits of the two rules")
        equal(rules(r), [dropped, passed, arp, first], "rules")
        r.pmd.command(f"flow destroy 0 rule {dropped} rule {first}")
        equal(rules(r), [passed, arp], "rules after destroy")
        r.pmd.command("flow flush 0")
        equal(rules(r), [], "rules after flush")
        send(r, TO_US)
        settles(r, before + 30, "packets after flush")


def every_item():
    """eth, vlan, ipv4, ipv6, tcp and udp with spec and mask, seen by their counters"""
    def tagged(inner, tci=5):
        return inner[:12] + b"\x81\x00" + tci.to_bytes(2, "big") + inner[12:]

    six = (b"\x60\0\0\0\0\x08\x11\x40" + b"\xfd" + bytes(14) + b"\x02" + b"\xfd" + bytes(14) + b"\x01" +
           b"\x03\xe8\x07\xd0\x00\x08\x00\x00")
    udp6 = frames.ethernet(six, kind=0x86DD)
    tcp4 = frames.ethernet(frames.tcp_packet(b"x" * 20))
    rows = [
        (f"eth dst is {frames.mac_text(frames.APP_MAC)} type is 0x0800 / end", TO_US, udp6),
        ("eth / vlan vid is 5 / ipv4 / end", tagged(TO_US), tagged(TO_US, 6)),
        ("eth has_vlan is 1 / end", tagged(TO_US), TO_US),
        ("eth / ipv4 src is 10.9.0.2 dst is 10.9.0.1 / end", TO_US, udp6),
        ("eth / ipv4 src spec 10.9.7.7 src mask 255.255.0.0 / end", tagged(TO_US), udp6),
        ("eth / ipv6 src is fd00::2 / end", udp6, TO_US),
        ("eth / ipv6 / udp dst is 2000 / end", udp6, TO_US),
        ("ipv4 / tcp src is 1000 / end", tcp4, TO_US),
        ("ipv4 / udp src is 1000 dst is 2000 / end", TO_US, OTHER),
        ("ipv4 / udp dst spec 0x7ff dst mask 0xff00 / end", TO_US, OTHER),
    ]
    with rig() as r:
        r.forward("rxonly")
        r.peer()
        for pattern, fits, other in rows:
            rule = create(r, pattern, "count / drop")
            before = received(r)
            send(r, fits, other, count=3)
            settles(r, before + 3, f"packets beside the rule {pattern}")
            equal(hits(r, rule), (3, 3 * len(fits)), pattern)
            r.pmd.command(f"flow destroy 0 rule {rule}")


def marks_of(r, count, *sent):
    """Sends `count` times and returns the marks that testpmd shows, packet by packet; None for one without, "flag" for one
    without a number. No command
    meanwhile: its echo would get lost among the packets."""
    seen = len(r.pmd.text)
    send(r, *sent, count=count)

    def packets():
        return re.findall(r"src=02:00:5A:43:00:02 .*\n? *ol_flags", r.pmd.text[seen:])
    eventually(lambda: len(packets()) >= count * len(sent), lambda: f"{len(packets())} packets", 10)
    time.sleep(0.1)
    equal(len(packets()), count * len(sent), "packets shown")
    found = [re.search(r"FDIR matched (?:ID=0x([0-9a-f]+)|hash=)", line) for line in packets()]
    return [(int(hit.group(1), 16) if hit.group(1) else "flag") if hit else None for hit in found]


def mark():
    """mark: the mbuf has it, and no packet of another rule or of none has"""
    plain = frames.udp_frame(ports=(1000, 4000))
    with rig() as r:
        r.forward("rxonly")
        r.pmd.command("set verbose 1")
        equal(marks_of(r, 3, TO_US, OTHER), [None] * 6, "marks before there was a rule")
        first = create(r, UDP_2000, "mark id 0xbeef / queue index 0")
        create(r, "ipv4 / udp dst is 3000 / end", "mark id 7 / count")
        equal(marks_of(r, 3, TO_US, OTHER, plain), [0xBEEF, 7, None] * 3, "marks")
        # A rule that is gone marks nothing any more, also in a buffer that has had one.
        r.pmd.command(f"flow destroy 0 rule {first}")
        equal(marks_of(r, 50, TO_US, plain), [None] * 100, "marks of a rule that is gone")


def jumbo_packets():
    """rules on packets of several buffers, at MTU 9000: counted whole, the mark in the first mbuf"""
    with rig(start=False) as r:
        netlab.run("ip", "link", "set", r.apps[0], "mtu", 9000)
        r.lab.peer_run("ip", "link", "set", r.peers[0], "mtu", 9000)
        r.before = [netlab.interface_flags(r.lab.link(r.apps[0]))]
        r.start(app=["--max-pkt-len=9018", "--tx-offloads=0x8000"])
        r.forward("rxonly")
        large = frames.udp_frame(9000)
        r.pmd.command("set verbose 1")
        equal(marks_of(r, 3, large), [None] * 3, "marks before there was a rule")
        rule = create(r, UDP_2000, "mark id 9 / count")
        equal(marks_of(r, 5, large, OTHER), [9, None] * 5, "marks")
        equal(hits(r, rule), (5, 5 * len(large)), "hits and bytes")


def flag():
    """flag: the mbuf has it without a number, alone and beside count; with a mark the mark says more"""
    plain = frames.udp_frame(ports=(1000, 4000))
    with rig() as r:
        r.forward("rxonly")
        r.pmd.command("set verbose 1")
        equal(marks_of(r, 3, TO_US, OTHER), [None] * 6, "flags before there was a rule")
        first = create(r, UDP_2000, "flag / count")
        create(r, "ipv4 / udp dst is 3000 / end", "flag / mark id 7 / queue index 0")
        equal(marks_of(r, 3, TO_US, OTHER, plain), ["flag", 7, None] * 3, "flags and marks")
        equal(hits(r, first)[0], 3, "packets counted")
        r.pmd.command(f"flow destroy 0 rule {first}")
        equal(marks_of(r, 50, TO_US, plain), [None] * 100, "flags of a rule that is gone")


def mark_in_skb_mode():
    """mark in SKB mode, isolated, and over stop and start of the port"""
    with rig(keys={"mode": "skb"}) as r:
        r.pmd.commands("set verbose 1", "flow isolate 0 1")
        for _ in range(2):
            r.forward("rxonly")
            create(r, UDP_2000, "mark id 42 / queue index 0")
            send(r, OTHER)
            equal(marks_of(r, 5, TO_US), [42] * 5, "marks")
            r.pmd.commands("stop", "port stop 0", "port start 0")


def what_is_refused():
    """everything else is refused with its reason and the thing at fault"""
    anything = "eth / end"
    with rig(queues=2, keys={"queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r:
        refused(r, anything, "drop", "group 0 only", "group field", "group 1 ingress")
        refused(r, anything, "drop", "no egress rules", "egress field", "egress")
        refused(r, anything, "drop", "the port is no switch", "transfer field", "transfer")
        refused(r, "eth / ipv4 / sctp / end", "drop", "items are eth, vlan, ipv4", "specific pattern item")
        refused(r, "eth / ipv4 / udp dst spec 1 dst last 5 / end", "drop", "no ranges", "item specification range")
        refused(r, "ipv6 has_frag_ext is 1 / end", "drop", "stepped over", "item specification mask")
        refused(r, "eth / udp / end", "drop", "follow ipv4 or ipv6", "specific pattern item")
        refused(r, "ipv4 / eth / end", "drop", "from the outside in", "specific pattern item")
        refused(r, anything, "queue index 1", "its own queue alone", "specific action")
        refused(r, anything, "queue index 2", "no such queue: the port has RX queues 0..1", "action configuration")
        refused(r, anything, "rss queues 1 end", "without RSS contexts", "action configuration")
        refused(r, anything, "drop / passthru", "one of drop, passthru, queue and rss", "specific action")
        refused(r, anything, "dec_ttl", "actions are drop", "specific action")
        refused(r, anything, "mark id 1 / drop", "a mark or flag comes with the mbuf", "specific action")
        refused(r, anything, "flag / drop", "a mark or flag comes with the mbuf", "specific action")
        refused(r, anything, "passthru / mark id 1", "a mark or flag comes with the mbuf", "specific action")
        # With all its queues a rule leaves the packets where the NIC has put them.
        r.forward("rxonly")
        r.pmd.command("flow isolate 0 1")
        create(r, UDP_2000, "rss queues 0 1 end")
        for flow in range(32):
            send(r, frames.udp_frame(ports=(flow, 2000)), count=1)
        settles(r, 32, "packets of both queues")
        shown = r.pmd.command("flow query 0 0 count")
        check("only a rule's own count" in shown, f"count of a rule without: {shown}")


def users_program():
    """xdp_prog= without a rule table refuses rules and says what to include"""
    with rig(keys={"xdp_prog": BUILD / "tests/bpf/user_plain.bpf.o"}) as r:
        shown = r.pmd.command(f"flow create 0 ingress pattern {UDP_2000} actions drop / end")
        check("has no rule table; include zcnbrh_rules.h" in shown, shown)
        check("has no rule table" in r.pmd.command("flow isolate 0 1"), "isolate went through")


def users_program_with_table():
    """xdp_prog= with the rule table takes rules"""
    with rig(keys={"xdp_prog": BUILD / "tests/bpf/user_rules.bpf.o"}) as r:
        r.forward("rxonly")
        rule = create(r, UDP_2000, "count / drop")
        send(r, TO_US, OTHER)
        settles(r, 10, "packets beside the rule")
        equal(hits(r, rule)[0], 10, "hits")


def skb_mode():
    """rules in SKB mode"""
    with rig(keys={"mode": "skb"}) as r:
        kernel_has(r)
        r.forward("rxonly")
        r.pmd.command("flow isolate 0 1")
        rule = create(r, UDP_2000, "count / queue index 0")
        equal(pings(r), 20, "pings that the kernel answered")
        send(r, TO_US, OTHER)
        settles(r, 10, "packets of the rule")
        equal(hits(r, rule)[0], 10, "hits")


def loop_port():
    """a loop port has no program for rules, and says so"""
    with netlab.Lab() as lab:
        from rig import Testpmd, device  # pylint: disable=import-outside-toplevel
        pmd = lab.keep(Testpmd([device("net_zcnbrh0", iface="loop")]))
        for command in (f"flow create 0 ingress pattern {UDP_2000} actions drop / end", "flow isolate 0 1"):
            shown = pmd.command(command)
            check("the loop backend has no XDP program" in shown, shown)


def two_ports_one_netdev():
    """two ports on disjoint queues of one netdev: each has its own rules, and one that closes takes only its own"""
    with rig(queues=2, start=False) as r:
        from rig import DRIVER, device  # pylint: disable=import-outside-toplevel
        r.pmd = r.launch([device(f"{DRIVER}{n}", iface=r.apps[0], start_queue=n, queue_count=1) for n in (0, 1)],
                         app=["--port-topology=loop"])
        r.forward("rxonly")
        dropped = create(r, UDP_2000, "count / drop", port=0)
        counted = create(r, UDP_2000, "count / queue index 0", port=1)
        flows = [frames.udp_frame(ports=(flow, 2000)) for flow in range(64)]
        send(r, *flows, count=1)
        eventually(lambda: hits(r, dropped, 0)[0] + hits(r, counted, 1)[0] == 64,
                   lambda: f"hits {hits(r, dropped, 0)} and {hits(r, counted, 1)}")
        taken = hits(r, counted, 1)[0]
        check(0 < taken < 64, f"{taken} packets of 64 on queue 1")
        settles(r, 0, "packets of port 0, which drops", 0)
        settles(r, taken, "packets of port 1", 1)
        r.pmd.commands("stop", "port stop 0", "port close 0")
        equal(rules(r, 1), [counted], "rules of the other port")
        r.pmd.command("start")
        send(r, *flows, count=1)
        eventually(lambda: hits(r, counted, 1)[0] == 2 * taken, lambda: f"hits {hits(r, counted, 1)}")


def no_loss_while_rules_change():
    """rules come and go under traffic that they do not concern: every packet arrives, once"""
    with rig() as r:
        r.forward("rxonly")
        r.peer()
        sent, stop = 0, threading.Event()

        def traffic():
            nonlocal sent
            while not stop.is_set():
                for _ in range(20):
                    r.peer().send(OTHER)
                    sent += 1
                time.sleep(0.002)

        thread = threading.Thread(target=traffic)
        thread.start()
        try:
            for number in range(15):
                create(r, f"ipv4 / udp dst is {4000 + number} / end", "drop")
                if number % 3 == 2:
                    r.pmd.command("flow flush 0")
            r.pmd.command("flow isolate 0 0")
        finally:
            stop.set()
            thread.join()
        check(sent > 100, f"only {sent} packets while rules changed")
        settles(r, sent, "packets while rules changed")


main([isolate_keeps_ssh, isolate_before_start, drop_and_passthru, every_item, mark, flag, mark_in_skb_mode,
      jumbo_packets, what_is_refused, users_program, users_program_with_table, skb_mode,
      loop_port, two_ports_one_netdev, no_loss_while_rules_change])
