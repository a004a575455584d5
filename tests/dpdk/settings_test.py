#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What testpmd sets on the netdev, looked at from the kernel's side: allmulticast, addresses, multicast list, MTU. All
but MTU and the netdev's own address must be gone when the port is, however it ends.

net_af_xdp 22.11 has none of allmulticast, MAC set and add, and multicast lists: testpmd prints "Operation not supported".
"""

import os

from rig import attempt, bpf_tool, check, device, equal, eventually, main, netlab, rig

SECOND, THIRD, GROUP, OTHER_GROUP = ("02:00:5a:43:77:01", "02:00:5a:43:77:02", "01:00:5e:01:02:03",
                                     "33:33:00:01:02:03")


def allmulti(r):
    return r.lab.link(r.apps[0]).get("allmulti", 0)


def addresses(r):
    """Secondary unicast and multicast addresses of the netdev, as the kernel's filter list has them."""
    return netlab.run("bridge", "fdb", "show", "dev", r.apps[0]) + netlab.run("ip", "maddr", "show", "dev", r.apps[0])


def has(r, *macs):
    shown = addresses(r)
    return [mac in shown for mac in macs]


def allmulticast():
    """allmulticast on and off, twice each; another holder's is left alone"""
    with rig() as r:
        before = allmulti(r)
        r.pmd.commands("set allmulti 0 on", "set allmulti 0 on")
        equal(allmulti(r), before + 1, "allmulti")
        netlab.run("ip", "link", "set", r.apps[0], "allmulticast", "on")
        r.pmd.commands("set allmulti 0 off", "set allmulti 0 off")
        equal(allmulti(r), before + 1, "allmulti of the other holder")
        netlab.run("ip", "link", "set", r.apps[0], "allmulticast", "off")


def mac_addresses():
    """addresses added and removed; a port stop and start keeps them"""
    with rig() as r:
        r.pmd.commands(f"mac_addr add 0 {SECOND}", f"mac_addr add 0 {THIRD}")
        equal(has(r, SECOND, THIRD), [True, True], "addresses after add")
        r.pmd.commands("port stop 0", "port start 0", f"mac_addr remove 0 {SECOND}")
        equal(has(r, SECOND, THIRD), [False, True], "addresses after remove")
        r.pmd.commands("port stop 0", "port close 0")
        equal(has(r, SECOND, THIRD), [False, False], "addresses after close")


def mac_address_set():
    """the port's own address is the netdev's, and one that cannot be is refused with the netdev left alone"""
    with rig() as r:
        first = r.lab.link(r.apps[0])["address"]
        said = r.pmd.command("mac_addr set 0 01:00:00:00:00:01")
        equal(r.lab.link(r.apps[0])["address"], first, f"address after {said}")
        r.pmd.command(f"mac_addr set 0 {SECOND}")
        equal(r.lab.link(r.apps[0])["address"], SECOND, "address")
        r.ping(50)
        r.pmd.command(f"mac_addr set 0 {first}")


def too_many_addresses():
    """more addresses than the port takes: refused, and the others stay"""
    with rig() as r:
        for number in range(1, 64):
            r.pmd.command(f"mac_addr add 0 02:00:5a:43:88:{number:02x}")
        equal(has(r, "02:00:5a:43:88:01", "02:00:5a:43:88:3f"), [True, True], "addresses")
        r.pmd.command("mac_addr add 0 02:00:5a:43:88:99")
        equal(has(r, "02:00:5a:43:88:01", "02:00:5a:43:88:99"), [True, False], "addresses after one too many")
        r.ping(20)


def multicast_list():
    """the multicast list, as it grows and shrinks"""
    with rig() as r:
        r.pmd.commands(f"mcast_addr add 0 {GROUP}", f"mcast_addr add 0 {OTHER_GROUP}")
        equal(has(r, GROUP, OTHER_GROUP), [True, True], "groups after add")
        r.pmd.command(f"mcast_addr remove 0 {GROUP}")
        equal(has(r, GROUP, OTHER_GROUP), [False, True], "groups after remove")
        r.pmd.command(f"mcast_addr remove 0 {OTHER_GROUP}")
        equal(has(r, GROUP, OTHER_GROUP), [False, False], "groups at the end")


def killed():
    """kill -9: the kernel takes everything back"""
    with rig() as r:
        r.pmd.commands("set promisc 0 on", "set allmulti 0 on", f"mac_addr add 0 {SECOND}", f"mcast_addr add 0 {GROUP}")
        equal(has(r, SECOND, GROUP) + [allmulti(r) > 0], [True] * 3, "what is set")
        r.pmd.kill()
        eventually(lambda: not any(has(r, SECOND, GROUP)), "addresses are left")
        eventually(lambda: netlab.interface_flags(r.lab.link(r.apps[0])) == r.before[0], "flags or promiscuity are left")
        equal(allmulti(r), 0, "allmulti")


def mtu_running():
    """MTU set on a running port, and back; one that the buffers do not take is refused and changes nothing"""
    with rig() as r:
        r.pmd.command("port config mtu 0 1300")
        equal(r.lab.link(r.apps[0])["mtu"], 1300, "MTU")
        r.ping(50)
        r.pmd.command("port config mtu 0 60000")
        equal(r.lab.link(r.apps[0])["mtu"], 1300, "MTU after one that is too large")
        r.pmd.command("port config mtu 0 1500")
        r.ping(50)


def mtu_configured():
    """an MTU given at configure time (--max-pkt-len) is the netdev's, where that is smaller"""
    with rig(start=False) as r:
        with r.lab.peer_side():
            netlab.run("ip", "link", "set", r.peers[0], "mtu", "2000")
        r.start(app=["--max-pkt-len=2018"])
        equal(r.lab.link(r.apps[0])["mtu"], 2000, "MTU")
        r.ping(50)
        r.pmd.command("port config mtu 0 1500")


def mtu_refused():
    """a port refused for its MTU, at queue setup or at start, leaves the netdev's MTU as it was"""
    os.environ["ZCNBRH_FORCE_FEATURES"] = "-multi_buffer"
    try:
        with rig(start=False) as r:
            text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])], app=["--max-pkt-len=3018"])
            check("packets of 2048 bytes" in text, f"queue setup takes packets longer than a buffer: {text}")
            equal(r.lab.link(r.apps[0])["mtu"], 1500, "MTU after a refused queue setup")
    finally:
        del os.environ["ZCNBRH_FORCE_FEATURES"]
    with rig(start=False) as r, bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS):
        text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])], app=["--max-pkt-len=2018"])
        check("becomes 2000" in text and "not ours and stays" in text, f"start is not refused: {text}")
        equal(r.lab.link(r.apps[0])["mtu"], 1500, "MTU after a refused start")


if __name__ == "__main__":
    main([allmulticast, mac_addresses, mac_address_set, too_many_addresses, multicast_list, killed, mtu_running,
          mtu_configured, mtu_refused])
