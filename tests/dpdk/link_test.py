#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The link as testpmd sees it: state and speed of the netdev, one event a change, and a netdev that is renamed.

net_af_xdp shows a link that is always up with 10 Gbit/s, and has no event (22.11: its link_update is empty):
    dpdk-testpmd --vdev=net_af_xdp0,iface=app0 -- -i; ip link set app0 down; show port info 0
"""

from rig import check, equal, eventually, main, netlab, rig

CHANGE = "link state change event"


def peer_link(r, state):
    with r.lab.peer_side():
        netlab.run("ip", "link", "set", r.peers[0], state)


def app_link(r, state):
    netlab.run("ip", "link", "set", r.apps[0], state)


def changes(r):
    return r.pmd.text.count(CHANGE)


def told(r, count, status):
    """testpmd has been told of `count` changes in all and shows the link so."""
    eventually(lambda: changes(r) >= count, lambda: f"{changes(r)} link events, expected {count}")
    equal(r.pmd.info()["Link status"], status, "link status")
    equal(changes(r), count, "link events")


def carrier():
    """the far end goes down and up: two events, the link follows, and packets flow again"""
    with rig() as r:
        equal(r.pmd.info()["Link status"], "up", "link status at start")
        equal(changes(r), 0, "link events at start")
        for round_number in range(1, 4):
            peer_link(r, "down")
            told(r, 2 * round_number - 1, "down")
            peer_link(r, "up")
            told(r, 2 * round_number, "up")
        r.ping(50)
        equal(changes(r), 6, "link events")


def admin():
    """`ip link set down` and `up` of the port's own netdev"""
    with rig() as r:
        app_link(r, "down")
        told(r, 1, "down")
        app_link(r, "up")
        told(r, 2, "up")
        r.ping(50)


def set_link():
    """testpmd's `set link-down` and `set link-up` take the netdev down and up"""
    with rig() as r:
        r.pmd.command("set link-down port 0")
        told(r, 1, "down")
        check("UP" not in r.lab.link(r.apps[0])["flags"], "the netdev is still up")
        r.pmd.command("set link-up port 0")
        told(r, 2, "up")
        check("UP" in r.lab.link(r.apps[0])["flags"], "the netdev is still down")
        r.ping(50)


def other_changes():
    """changes that are none of the link's make no event: address, MTU, another netdev"""
    with rig() as r:
        netlab.run("ip", "link", "set", r.apps[0], "alias", "somebody")
        netlab.run("ip", "link", "set", r.apps[0], "mtu", "1400")
        netlab.run("ip", "link", "set", r.apps[0], "mtu", "1500")
        netlab.run("ip", "link", "set", "lo", "down")
        peer_link(r, "down")
        told(r, 1, "down")
        peer_link(r, "up")
        told(r, 2, "up")


def speed():
    """speed and duplex are the netdev's own"""
    with rig() as r:
        shown = netlab.run("ethtool", r.apps[0])
        check("Speed: 10000Mb/s" in shown and "Duplex: Full" in shown, f"ethtool says {shown}")
        info = r.pmd.info()
        equal((info["Link speed"], info["Link duplex"]), ("10 Gbps", "full-duplex"), "speed and duplex")


def without_interrupt():
    """without link interrupts (--no-lsc-interrupt) no event, but the state is asked for"""
    with rig(app=["--no-lsc-interrupt"]) as r:
        peer_link(r, "down")
        eventually(lambda: r.pmd.info()["Link status"] == "down", "the link does not go down")
        peer_link(r, "up")
        eventually(lambda: r.pmd.info()["Link status"] == "up", "the link does not come up")
        equal(changes(r), 0, "link events")


def stopped():
    """a stopped port has no link events; started again it shows the link as it is"""
    with rig() as r:
        r.pmd.command("port stop 0")
        peer_link(r, "down")
        r.pmd.command("port start 0")
        told(r, 0, "down")
        peer_link(r, "up")
        told(r, 1, "up")
        r.pmd.command("port stop 0")
        peer_link(r, "down")
        peer_link(r, "up")
        r.pmd.command("port start 0")
        r.ping(20)
        equal(changes(r), 1, "link events")


def renamed():
    """a netdev renamed under the port: said once, and everything goes on"""
    with rig() as r:
        netlab.run("ip", "link", "property", "add", "dev", r.apps[0], "altname", "port-of-the-test")
        app_link(r, "down")  # before Linux 6.2 a netdev that is up keeps its name
        netlab.run("ip", "link", "set", r.apps[0], "name", "renamed0")
        netlab.run("ip", "link", "set", "renamed0", "up")
        eventually(lambda: "netdev app0 is called renamed0 now" in r.pmd.text, "the new name is not in the log")
        told(r, 2, "up")
        r.ping(50)
        r.pmd.commands("port stop 0", "port config all rxd 1024", "port start 0")
        check("renamed0 queue 0" in r.pmd.text, "a new start does not name the netdev as it is called now")
        r.ping(50)
        r.quit()
        equal(netlab.xdp_of(r.lab.link("renamed0")), None, "XDP program left on renamed0")
        equal(r.pmd.text.count("is called renamed0 now"), 1, "lines about the new name")


def down_at_start():
    """a port starts on a netdev that is down, with its link down, and works once the netdev is up"""
    with rig(start=False) as r:
        app_link(r, "down")
        r.before = [netlab.interface_flags(r.lab.link(r.apps[0]))]
        r.start()
        told(r, 0, "down")
        app_link(r, "up")
        told(r, 1, "up")
        r.ping(50)
        app_link(r, "down")
        told(r, 2, "down")


if __name__ == "__main__":
    main([carrier, admin, set_link, other_changes, speed, without_interrupt, stopped, renamed, down_at_start])
