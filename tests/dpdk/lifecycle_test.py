#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Start, stop, close, attach, detach, settings, and ends that nobody asked for."""

import re
import signal
import time

from rig import OTHER_CORE, check, device, equal, eventually, frames, main, netlab, rig

HOST_ADDRESS = "10.1.0.77"


def forwarding_200_times():
    """start and stop 200 times, with packets in between"""
    with rig() as r:
        r.pmd.command("set fwd io")
        sent = [frames.numbered_frame(number, 60 + number) for number in range(8)]
        for round_number in range(200):
            r.pmd.command("start")
            equal(r.peer().exchange(sent), sent, f"frames in round {round_number}")
            r.pmd.command("stop")


def port_200_times():
    """port stop and port start 200 times, with packets in between"""
    with rig() as r:
        r.pmd.command("set fwd io")
        sent = [frames.numbered_frame(number, 60 + number) for number in range(8)]
        for round_number in range(200):
            r.pmd.command("start")
            equal(r.peer().exchange(sent), sent, f"frames in round {round_number}")
            r.pmd.commands("stop", "port stop 0", "port start 0")


def port_stop_under_load():
    """port stop and port start 20 times while the peer sends at full rate"""
    with rig() as r:
        source = r.lab.traffic(r.peers[0], OTHER_CORE)
        r.pmd.command("set fwd rxonly")
        for _ in range(20):
            r.pmd.commands("start", "stop", "port stop 0", "port start 0")
        r.pmd.command("start")
        before = r.pmd.stats()["RX-packets"]
        eventually(lambda: r.pmd.stats()["RX-packets"] > before + 1000, "no packets after the last start")
        source.close()
        r.pmd.command("stop")
        r.ping()


# net_af_xdp keeps its program on the netdev while the port is stopped: its packets go to a ring that nobody reads.
def host_keeps_network():
    """while the port is stopped, packets go to the host's own stack"""
    with rig() as r:
        netlab.run("ip", "addr", "add", HOST_ADDRESS + "/24", "dev", r.apps[0])
        r.ping(50)
        r.pmd.command("port stop 0")
        pings = netlab.ping(r.lab, HOST_ADDRESS, 50)
        equal((pings.sent, pings.received), (50, 50), "pings of the host itself")
        r.pmd.command("port start 0")
        r.ping(50)


def close_and_quit():
    """port stop, port close, quit"""
    with rig() as r:
        r.ping(50)
        r.pmd.commands("port stop 0", "port close 0")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program after port close")
        equal(r.pmd.ports(), [], "ports after port close")


def close_running():
    """quit while forwarding under load"""
    with rig() as r:
        r.forward("io")
        r.lab.traffic(r.peers[0], OTHER_CORE)
        time.sleep(0.3)
        equal(r.pmd.quit(), 0, "exit status of testpmd")


def queues_rebuilt():
    """the sockets closed and bound anew 50 times at once (other descriptor counts), with packets in between"""
    with rig() as r:
        r.pmd.command("set fwd io")
        sent = [frames.numbered_frame(number, 200) for number in range(16)]
        for round_number in range(50):
            descriptors = (512, 1024)[round_number % 2]
            r.pmd.commands("port stop 0", f"port config all rxd {descriptors}", f"port config all txd {descriptors}",
                           "port start 0", "start")
            equal(r.peer().exchange(sent), sent, f"frames in round {round_number}")
            r.pmd.command("stop")


def queues_rebuilt_loaded():
    """the sockets closed and bound anew 20 times while packets go both ways at full rate: no buffer is lost"""
    with rig() as r:
        r.pmd.command("set fwd io")
        source = r.lab.traffic(r.peers[0], OTHER_CORE)
        for round_number in range(20):
            descriptors = (512, 1024)[round_number % 2]
            r.pmd.commands("start", "stop", "port stop 0", f"port config all rxd {descriptors}",
                           f"port config all txd {descriptors}", "port start 0")
        source.close()
        r.ping()


def interrupted():
    """SIGINT and SIGTERM under load end testpmd the orderly way"""
    for number in (signal.SIGINT, signal.SIGTERM):
        with rig() as r:
            r.forward("io")
            r.lab.traffic(r.peers[0], OTHER_CORE)
            time.sleep(0.2)
            r.pmd.process.send_signal(number)
            r.pmd.process.wait(10)
            check("Port 0 is closed" in r.pmd.text or number == signal.SIGTERM, "the port was not closed")
            r.pmd.kill()


def attach_detach():
    """port close, attach and detach ten times on the same netdev"""
    with rig() as r:
        r.pmd.commands("port stop 0", "port close 0")
        for round_number in range(1, 11):
            said = r.pmd.command("port attach " + device(f"net_zcnbrh{round_number}", iface=r.apps[0]))
            port = re.search(r"Port (\d+) is attached", said)
            check(port, f"port attach said: {said}")
            number = port.group(1)
            r.pmd.commands(f"port start {number}", f"set portlist {number}")
            r.ping(20)
            said = r.pmd.commands(f"port stop {number}", f"port detach {number}")
            check("detached" in said, f"port detach said: {said}")
            equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program after port detach")


def attach_second():
    """a second port attached at run time, and the first detached: the second lives on"""
    with rig(pairs=2, start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0])])
        r.pmd.command("port attach " + device("net_zcnbrh1", iface=r.apps[1]))
        r.pmd.commands("port start 1", "set portlist 0,1")
        r.forward("io")
        sent = [frames.numbered_frame(number, 100) for number in range(50)]
        receiver = r.peer(1)
        for frame in sent:
            r.peer(0).send(frame)
        equal(receiver.receive(len(sent)), sent, "frames from port 0 to port 1")
        r.pmd.commands("stop", "port stop 0", "port detach 0", "set portlist 1")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program of the port that is gone")
        r.forward("io")
        equal(r.peer(1).exchange(sent), sent, "frames through the port that stayed")
        r.pmd.command("stop")


# net_af_xdp: `port stop 0`, `port config all rxd 256`, `port start 0` is
# "xsk_configure(): Failed to create xsk socket".
def queues_reconfigured():
    """queues and descriptors reconfigured on a stopped port, up and down"""
    with rig(queues=4, keys={"queue_count": 4}) as r:
        sent = [frames.numbered_frame(number, 100, (number, 9)) for number in range(256)]
        for queues, descriptors in ((2, 512), (4, 2048), (1, 64), (3, 1024)):
            r.pmd.command("port stop 0")
            r.pmd.commands(f"port config all rxq {queues}", f"port config all txq {queues}",
                           f"port config all rxd {descriptors}", f"port config all txd {descriptors}")
            # As many queues as the peer spreads its packets over, or the rest goes to the host.
            r.lab.peer_run("ethtool", "-L", r.peers[0], "tx", queues, check=False)
            r.pmd.command("port start 0")
            equal(r.pmd.info()["Current number of RX queues"], str(queues), "RX queues")
            r.forward("io")
            found = r.peer().exchange(sent, window=32)
            equal(sorted(map(frames.number_of, found)), list(range(256)), f"frames with {queues} queues")
            r.pmd.command("stop")


def mtu():
    """port config mtu sets the netdev's MTU; one too large is refused with a reason and changes nothing"""
    with rig() as r:
        r.before[0]["mtu"] = 1400
        r.pmd.command("port config mtu 0 1400")
        equal(r.lab.link(r.apps[0])["mtu"], 1400, "MTU of the netdev")
        r.ping(20, size=1372)
        said = r.pmd.command("port config mtu 0 3000")
        equal(r.lab.link(r.apps[0])["mtu"], 1400, f"MTU after a refused one; testpmd said {said}")
        check("MTU" in said and ("3000" in said or "mbuf" in said.lower()), f"no reason given: {said}")


def promiscuous():
    """set promisc off and on shows at the netdev, and the end leaves it as it was"""
    with rig() as r:
        for switch, promiscuity in (("off", 0), ("on", 1), ("on", 1), ("off", 0), ("on", 1)):
            r.pmd.command(f"set promisc 0 {switch}")
            equal(r.lab.link(r.apps[0])["promiscuity"], promiscuity, f"promiscuity after set promisc {switch}")


def mac_address():
    """mac_addr set changes the netdev's address"""
    with rig() as r:
        r.before[0]["address"] = "02:00:5a:43:00:99"
        r.pmd.command("mac_addr set 0 02:00:5a:43:00:99")
        equal(r.lab.link(r.apps[0])["address"], "02:00:5a:43:00:99", "address of the netdev")
        equal(r.pmd.info()["MAC address"].upper(), "02:00:5A:43:00:99", "address of the port")
        r.pmd.commands("port stop 0", "port start 0")
        r.ping(20)


def link_state():
    """the peer going down and up shows in the port's link status"""
    with rig() as r:
        for state in ("down", "up", "down", "up"):
            r.lab.peer_run("ip", "link", "set", r.peers[0], state)
            eventually(lambda state=state: r.pmd.info()["Link status"] == state,
                       lambda: f"link status {r.pmd.info()['Link status']}")
        r.ping(20)


def own_interface_down():
    """the port's own netdev set down and up again while forwarding: traffic goes on"""
    with rig() as r:
        sent = [frames.numbered_frame(number, 100) for number in range(64)]
        r.forward("io")
        equal(r.peer().exchange(sent), sent, "frames before")
        netlab.run("ip", "link", "set", r.apps[0], "down")
        eventually(lambda: r.pmd.info()["Link status"] == "down", "link status stays up")
        time.sleep(0.2)
        netlab.run("ip", "link", "set", r.apps[0], "up")
        eventually(lambda: r.pmd.info()["Link status"] == "up", "link status stays down")
        r.peer().drain()
        equal(r.peer().exchange(sent), sent, "frames afterwards")
        r.pmd.command("stop")


# net_af_xdp leaves its program (xsk_def_prog) on the netdev after kill -9, and PROMISC after a quit.
def killed():
    """kill -9 under load leaves no program, and the next start works at once; ten times"""
    with rig(start=False) as r:
        for _ in range(10):
            r.start()
            r.forward("io")
            source = r.lab.traffic(r.peers[0], OTHER_CORE)
            time.sleep(0.1)
            r.pmd.kill()
            equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program after kill -9")
            source.close()
        r.start()
        r.ping()


def interface_deleted():
    """the netdev is deleted while it receives and sends at full rate: the port stops, nothing crashes"""
    for mode in ("rxonly", "io", "txonly"):
        with rig() as r:
            r.forward(mode)
            if mode != "txonly":
                r.lab.traffic(r.peers[0], OTHER_CORE)
            time.sleep(0.3)
            netlab.run("ip", "link", "del", r.apps[0])
            time.sleep(0.3)
            # testpmd closes and detaches a port when it is told that the device was removed.
            r.closed_by_testpmd()
            equal(r.pmd.ports(), [], f"ports in {mode} mode")
            check("device removal event" in r.pmd.text, f"no removal event in {mode} mode")
            check(r.pmd.alive, f"testpmd died in {mode} mode")
            r.pmd.command("stop")
            r.quit()


def interface_moved():
    """the netdev is moved to another network namespace under load: the port goes, nothing crashes"""
    with rig() as r:
        r.forward("io")
        source = r.lab.traffic(r.peers[0], OTHER_CORE)
        time.sleep(0.2)
        r.lab.to_peer_side(r.apps[0])
        r.closed_by_testpmd()
        equal(r.pmd.ports(), [], "ports")
        check("device removal event" in r.pmd.text, "no removal event")
        check(r.pmd.alive, "testpmd died")
        source.close()
        r.quit()
        equal(netlab.xdp_of(r.lab.link(r.apps[0], peer=True)), None, "XDP program on the netdev that went away")


def peer_deleted_and_back():
    """the pair is deleted and made anew under the same name: a new port on it works"""
    with rig() as r:
        r.forward("io")
        netlab.run("ip", "link", "del", r.apps[0])
        r.closed_by_testpmd()
        r.pmd.command("stop")
        r.lab.pairs.clear()
        r.lab.veth(1, "02:00:5a:43:00:01", "02:00:5a:43:00:02")
        r.lab.peer_address(r.peers[0], "10.1.0.2/24")
        said = r.pmd.command("port attach " + device("net_zcnbrh1", iface=r.apps[0]))
        number = re.search(r"Port (\d+) is attached", said)
        check(number, f"port attach said: {said}")
        r.pmd.commands(f"port start {number.group(1)}", f"set portlist {number.group(1)}")
        r.ping(50)


def two_processes():
    """two testpmds at once on two netdevs; one killed, the other goes on"""
    with rig(pairs=2, start=False) as r:
        other = r.launch([device("net_zcnbrh0", iface=r.apps[1])])
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0])])
        other.commands("set fwd io", "start")
        time.sleep(0.1)
        other.kill()
        r.ping(100)


if __name__ == "__main__":
    main([forwarding_200_times, port_200_times, port_stop_under_load, host_keeps_network, close_and_quit,
          close_running, queues_rebuilt, queues_rebuilt_loaded, interrupted, attach_detach, attach_second,
          queues_reconfigured, mtu, promiscuous, mac_address, link_state, own_interface_down, killed,
          interface_deleted, interface_moved, peer_deleted_and_back, two_processes])
