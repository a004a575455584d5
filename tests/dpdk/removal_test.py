#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The netdev goes away under a port: deleted or moved to another namespace, idle and under load. reattach=0: the
removal event, after which testpmd closes the port. reattach=1: a link that goes down and comes up again with the next
netdev of that name. Either way the kernel and the pools are as they were at the end: the pools are counted.

net_af_xdp notices nothing: no event, the link stays up, and its bursts spin on a dead socket:
    dpdk-testpmd --vdev=net_af_xdp0,iface=app0 -- -i; start; (elsewhere) ip link del app0; show port info 0
"""

import contextlib

from rig import (APP_ADDRESS, OTHER_CORE, PEER_ADDRESS, bpf_tool, check, device, equal, eventually, frames, main, netlab,
                 rig)

GONE = "netdev app0 is gone"
BACK = "netdev app0 is back"
REMOVAL = "device removal event"
CHANGE = "link state change event"


def delete(r):
    netlab.run("ip", "link", "del", r.apps[0])


def move_away(r):
    r.lab.to_peer_side(r.apps[0])


def make_again(r, queues=1, **options):
    """A new pair of the same names, as it was made by the rig at first."""
    options = {"app_mac": "02:00:5a:43:00:01", "peer_mac": "02:00:5a:43:00:02", **options}
    r.lab.veth(queues, number=0, **options)
    r.lab.peer_address(r.peers[0], PEER_ADDRESS + "/24")
    r._sockets.pop(0, None)  # pylint: disable=protected-access


def move_back(r):
    r.lab.to_app_side(r.apps[0])
    netlab.run("ip", "link", "set", r.apps[0], "up")


def said(r, text, times=1):
    eventually(lambda: r.pmd.text.count(text) >= times,
               lambda: f"'{text}' printed {r.pmd.text.count(text)} times, expected {times}")


def link_is(r, status):
    eventually(lambda: r.pmd.info()["Link status"] == status, f"the link is not {status}")


def ends_without_port(r):
    """testpmd has closed the port by itself; every buffer is back, and it ends as usual."""
    r.closed_by_testpmd()
    equal(r.pmd.ports(), [], "ports")
    r.check_pool()
    equal(r.pmd.quit(), 0, "exit status of testpmd")
    equal(r.pmd.text.count(REMOVAL), 1, "removal events")
    equal(r.pmd.text.count(GONE), 1, "lines about the removal")
    check("ownership violation" not in r.pmd.text, "an ownership violation")


def removed_idle(remove):
    def test():
        with rig() as r:
            r.ping(20)
            remove(r)
            said(r, REMOVAL)
            ends_without_port(r)
    test.__doc__ = f"reattach=0, {remove.__name__}: one removal event; testpmd closes the port, no buffer is lost"
    return test


def removed_loaded(remove, mode):
    def test():
        with rig() as r:
            source = r.lab.traffic(r.peers[0], OTHER_CORE)
            r.forward(mode)
            eventually(lambda: r.pmd.stats()["TX-packets" if mode != "rxonly" else "RX-packets"] > 1000, "no traffic")
            remove(r)
            said(r, REMOVAL)
            source.close()
            ends_without_port(r)
    test.__doc__ = f"reattach=0, {remove.__name__} under load ({mode}): the same"
    return test


def dead_port():
    """reattach=0 and a program that pays no heed: the port stays dead, also when the netdev is back, and closes"""
    with rig(app=["--no-rmv-interrupt"]) as r:
        r.forward("txonly")
        delete(r)
        said(r, GONE)
        equal(r.pmd.info()["Link status"], "down", "link status")
        make_again(r)
        before = r.pmd.stats()["TX-packets"]
        equal(r.pmd.stats()["TX-packets"], before, "packets sent by a dead port")
        r.pmd.commands("stop", "port stop 0")
        text = r.pmd.command("port start 0")
        check("is gone; close the port" in text, f"port start said {text}")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program on the new netdev")
        equal(r.pmd.text.count(REMOVAL), 0, "removal events")
        r.before = [netlab.interface_flags(r.lab.link(r.apps[0]))]


def returns(remove, restore):
    def test():
        with rig(keys={"reattach": 1}) as r:
            r.ping(50)
            before = r.pmd.stats()
            for round_number in range(1, 4):
                remove(r)
                said(r, CHANGE, 2 * round_number - 1)
                link_is(r, "down")
                equal(r.pmd.ports(), [0], "ports while the netdev is away")
                restore(r)
                said(r, BACK, round_number)
                link_is(r, "up")
                if restore is move_back:
                    r.lab.peer_run("ip", "addr", "replace", PEER_ADDRESS + "/24", "dev", r.peers[0])
                r.ping(50)
            after = r.pmd.stats()
            check(after["RX-packets"] >= before["RX-packets"] + 150, f"counts were lost: {before}, {after}")
            equal(r.pmd.text.count(REMOVAL), 0, "removal events")
            equal(r.pmd.xstats()["xdp_program_displaced"], 0, "programs taken off, which went with their netdev")
    test.__doc__ = f"reattach=1, {remove.__name__} and {restore.__name__}, three times: link down and up, packets flow again"
    return test


def returns_loaded(remove, restore):
    def test():
        with rig(keys={"reattach": 1}) as r:
            r.forward("io")
            for round_number in range(1, 6):
                source = r.lab.traffic(r.peers[0], OTHER_CORE)
                before = r.pmd.stats()["TX-packets"]
                eventually(lambda before=before: r.pmd.stats()["TX-packets"] > before + 1000, "no traffic", 10)
                remove(r)
                said(r, GONE, round_number)
                source.close()
                restore(r)
                said(r, BACK, round_number)
            r.pmd.command("stop")
            link_is(r, "up")
            if restore is move_back:
                r.lab.peer_run("ip", "addr", "replace", PEER_ADDRESS + "/24", "dev", r.peers[0])
            r.ping()
    test.__doc__ = f"reattach=1, {remove.__name__} under load five times: nothing is lost, and every packet comes after that"
    return test


def several_queues():
    """reattach=1 with four queues: all of them are bound again"""
    with rig(queues=4, keys={"reattach": 1, "queue_count": 4}, app=["--rxq=4", "--txq=4"]) as r:
        r.ping(50)
        delete(r)
        said(r, GONE)
        make_again(r, 4)
        said(r, BACK)
        equal(len(r.check_descriptors()), 4, "sockets")
        r.ping(200)


def settings_replayed():
    """reattach=1: MTU, address, promiscuous and allmulticast mode are the new netdev's, too"""
    with rig(keys={"reattach": 1}) as r:
        r.pmd.commands("set promisc 0 on", "set allmulti 0 on", "port config mtu 0 1400",
                       "mac_addr set 0 02:00:5a:43:00:77", "mac_addr add 0 02:00:5a:43:00:78")
        delete(r)
        said(r, GONE)
        make_again(r)
        said(r, BACK)
        link = r.lab.link(r.apps[0])
        equal((link["mtu"], link["address"], link["promiscuity"], link.get("allmulti")),
              (1400, "02:00:5a:43:00:77", 2, 1), "MTU, address, promiscuity and allmulti of the new netdev")
        # veth has no filter: the kernel makes it promiscuous for a second address, so that is counted, too.
        check("02:00:5a:43:00:78" in netlab.run("bridge", "fdb", "show", "dev", r.apps[0]), "second address is missing")
        r.pmd.commands("set promisc 0 off", "set allmulti 0 off", "mac_addr remove 0 02:00:5a:43:00:78")
        link = r.lab.link(r.apps[0])
        equal((link["promiscuity"], link.get("allmulti")), (0, 0), "promiscuity and allmulti after they were ended")
        r.before = [netlab.interface_flags(link)]
        r.ping(20)


def settings_while_away():
    """reattach=1: what is set while the netdev is away is put on the next one"""
    with rig(keys={"reattach": 1}) as r:
        delete(r)
        said(r, GONE)
        said_now = r.pmd.commands("set allmulti 0 on", "port config mtu 0 1300", "mac_addr add 0 02:00:5a:43:00:79")
        check("error" not in said_now.lower() and "fail" not in said_now.lower(), said_now)
        make_again(r)
        said(r, BACK)
        link = r.lab.link(r.apps[0])
        equal((link["mtu"], link.get("allmulti")), (1300, 1), "MTU and allmulti")
        check("02:00:5a:43:00:79" in netlab.run("bridge", "fdb", "show", "dev", r.apps[0]), "second address is missing")
        r.pmd.command("set allmulti 0 off")
        r.before = [dict(r.before[0], mtu=1300)]


def renamed_and_removed():
    """reattach=1 with a netdev that was renamed: the next one may have either name"""
    with rig(keys={"reattach": 1}) as r:
        netlab.run("ip", "link", "set", r.apps[0], "down")
        netlab.run("ip", "link", "set", r.apps[0], "name", "other0")
        netlab.run("ip", "link", "set", "other0", "up")
        said(r, "is called other0 now")
        netlab.run("ip", "link", "del", "other0")
        said(r, "netdev other0 is gone")
        make_again(r)
        said(r, BACK)
        r.ping(20)


def too_few_queues():
    """reattach=1 and a netdev with too few queues: said once, and waited for a better one"""
    with rig(queues=2, keys={"reattach": 1, "queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r:
        delete(r)
        said(r, GONE)
        make_again(r, 1)
        said(r, "is back, but")
        check("queues 0..0" in r.pmd.text, "the number of queues is not named")
        delete(r)
        make_again(r, 2)
        said(r, BACK + " (")
        equal(r.pmd.text.count("is back, but"), 1, "lines about the refusal")
        r.ping(50)


def alien_in_the_way():
    """reattach=1 and somebody else's XDP program on the new netdev: it stays, and the port returns once it is gone"""
    with rig(keys={"reattach": 1}) as r:
        delete(r)
        said(r, GONE)
        netlab.run("ip", "link", "add", "temp0", "type", "veth", "peer", "name", "temp1")
        with contextlib.closing(bpf_tool.XdpOnLink("temp0", bpf_tool.XDP_PASS)):
            netlab.run("ip", "link", "set", "temp0", "name", "app0")
            said(r, "not ours and stays")
            check(netlab.xdp_of(r.lab.link("app0")), "somebody else's program is gone")
            netlab.run("ip", "link", "del", "app0")
        make_again(r)
        said(r, BACK + " (")
        r.ping(20)


def away_stop_start_close():
    """reattach=1: while the netdev is away the port stops, does not start, and closes"""
    with rig(keys={"reattach": 1}) as r:
        delete(r)
        said(r, GONE)
        r.pmd.command("port stop 0")
        check("start the port again when it is back" in r.pmd.command("port start 0"), "it started without a netdev")
        make_again(r)
        said(r, BACK)
        r.pmd.command("port start 0")
        r.ping(20)
        delete(r)
        said(r, GONE, 2)


def forwarding_between_two():
    """two ports, one loses its netdev and gets another: the other one is not disturbed"""
    with rig(pairs=2, keys={"reattach": 1}) as r:
        r.forward("io")
        sent = [frames.numbered_frame(number, 100) for number in range(32)]

        def crosses():
            receiver = r.peer(1)
            receiver.drain()
            for frame in sent:
                r.peer(0).send(frame)
            return receiver.receive(len(sent))
        equal(crosses(), sent, "frames from port 0 to port 1")
        delete(r)
        said(r, GONE)
        equal(r.pmd.info(1)["Link status"], "up", "link of the other port")
        make_again(r)
        said(r, BACK)
        equal(crosses(), sent, "frames from port 0 to port 1 after the return")
        r.pmd.command("stop")


def flow_rules_return():
    """reattach=1: flow rules are in force on the next netdev from its first packet on"""
    with rig(keys={"reattach": 1}) as r:
        shown = r.pmd.command("flow create 0 ingress pattern eth / ipv4 / udp dst is 3000 / end actions drop / end")
        check("Flow rule #0 created" in shown, shown)
        r.forward("rxonly")

        def only_the_other_comes():
            before = r.pmd.stats()["RX-packets"]
            for _ in range(10):
                r.peer().send(frames.udp_frame(ports=(1000, 3000)))
            for _ in range(10):
                r.peer().send(frames.udp_frame(ports=(1000, 2000)))
            eventually(lambda: r.pmd.stats()["RX-packets"] >= before + 10, "packets beside the rule do not come")
            equal(r.pmd.stats()["RX-packets"], before + 10, "packets received")
        only_the_other_comes()
        for round_number in range(1, 3):
            delete(r)
            said(r, GONE, round_number)
            make_again(r)
            said(r, BACK, round_number)
            only_the_other_comes()
        r.pmd.commands("stop", "flow flush 0")


if __name__ == "__main__":
    main([removed_idle(delete), removed_idle(move_away)] +
         [removed_loaded(remove, mode) for remove in (delete, move_away) for mode in ("rxonly", "io", "txonly")
          if (remove, mode) != (move_away, "txonly")] +
         [dead_port, returns(delete, make_again), returns(move_away, move_back), returns_loaded(delete, make_again),
          returns_loaded(move_away, move_back), several_queues, settings_replayed, settings_while_away,
          renamed_and_removed, too_few_queues, alien_in_the_way, away_stop_start_close, forwarding_between_two,
          flow_rules_return])
