#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Every key that changes how the port runs, and every kind of memory EAL can give it: real packets through each."""

import os
import re
import shutil
import tempfile
import time

from rig import (BUILD, OTHER_CORE, Testpmd, check, device, equal, eventually, frames, main, netlab, rig, testpmd,
                 tap, xsk_watch)

SIZES = (60, 64, 127, 300, 1024, 1514)
HOST_ADDRESS = "10.1.0.77"


def numbered(count):
    return [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(count)]


def carries_packets(r, count=1500):
    """Byte-exact both ways, and the kernel pings through it."""
    r.forward("io")
    sent = numbered(count)
    equal(r.peer().exchange(sent), sent, "frames that came back")
    r.pmd.command("stop")
    r.ping(50)


def works(name, keys=None, said=(), unsaid=(), **options):
    """A sub-test: the port starts, says what it should, and carries packets."""
    def test():
        with rig(keys=keys, **options) as r:
            missing = [word for word in said if word not in r.pmd.start_text]
            check(not missing, f"the driver did not say {missing}:\n{r.pmd.start_text}")
            wrong = [word for word in unsaid if word in r.pmd.start_text]
            check(not wrong, f"the driver said {wrong}:\n{r.pmd.start_text}")
            carries_packets(r)
    test.__doc__ = name
    return test


def on_a_kernel_without(features, said, **options):
    """The same with kernel features switched off by the probe table: the documented fallback, nothing lost."""
    inner = works("", said=said, **options)

    def test():
        os.environ["ZCNBRH_FORCE_FEATURES"] = ",".join("-" + feature for feature in features)
        try:
            inner()
        finally:
            del os.environ["ZCNBRH_FORCE_FEATURES"]
    test.__doc__ = "a kernel without " + ", ".join(features)
    return test


KEYS = [
    on_a_kernel_without(["bpf_link"], ["native XDP by netlink"]),
    on_a_kernel_without(["busy_poll"], ["busy_budget=64: busy polling", "copy mode, wakeup"], keys={"busy_budget": 64}),
    on_a_kernel_without(["shared_umem_queues", "max_tx_skb_budget"], ["copy mode, wakeup"]),
    works("defaults: copy mode on veth with the reason, wakeup, a bpf_link",
          said=["copy mode, wakeup, native XDP by bpf_link", "not zero-copy: driver veth"]),
    works("busy_budget=64", {"busy_budget": 64}, ["busy poll"]),
    works("busy_budget=0", {"busy_budget": 0}, ["wakeup"]),
    works("force_copy=1", {"force_copy": 1}, ["copy mode"]),
    works("zc=off", {"zc": "off"}, ["copy mode"]),
    works("zc=prefer", {"zc": "prefer"}, ["not zero-copy: driver veth"]),
    works("shared_umem=0", {"shared_umem": 0}),
    works("shared_umem=1", {"shared_umem": 1}),
    works("attach=link", {"attach": "link"}, ["by bpf_link"]),
    works("chunks=unaligned", {"chunks": "unaligned"}),
    works("chunks=aligned with elements of 4096 bytes", {"chunks": "aligned"}, app=["--mbuf-size=3904"]),
    works("chunks=auto with elements of 4096 bytes", app=["--mbuf-size=3904"]),
    works("mbufs of the smallest and of an odd size", app=["--mbuf-size=1857"]),
    works("on_empty=drop", {"on_empty": "drop"}),
    works("on_empty=pass", {"on_empty": "pass"}),
    works("on_empty=drop,window=256", {"on_empty": "drop", "window": 256}),
    works("ledger=1", {"ledger": 1}),
    works("tx_bounce=16", {"tx_bounce": 16}),
    works("pool_ops=0: the pool keeps DPDK's own ops", {"pool_ops": 0}, ["mempool ops selected: ring_mp_mc"]),
    works("the pool ops zcnbrh are the default once the driver has probed", said=["mempool ops selected: zcnbrh"]),
    works("the pool ops of the command line win", said=["mempool ops selected: stack"],
          eal=["--mbuf-pool-ops-name=stack"]),
]

MEMORY = [
    works("--no-huge", memory=["--no-huge", "-m", "512"]),
    works("--no-huge, chunks=aligned", {"chunks": "aligned"}, memory=["--no-huge", "-m", "512"],
          app=["--mbuf-size=3904"]),
    works("--no-huge, pool_ops=0", {"pool_ops": 0}, memory=["--no-huge", "-m", "512"]),
    works("--iova-mode=va", eal=["--iova-mode=va"]),
    works("--iova-mode=pa", eal=["--iova-mode=pa"]),
]


def huge_works(name, options, **more):
    """With huge pages, whatever the machine has of them."""
    inner = works(name, memory=options, **more)

    def test():
        if not testpmd.HugePages.available(512):
            raise tap.Skip("no huge pages to be had")
        inner()
    test.__doc__ = name
    return test


HUGE = [
    huge_works("--in-memory", ["--in-memory"]),
    huge_works("--in-memory --single-file-segments", ["--in-memory", "--single-file-segments"]),
]


def hugetlbfs():
    """huge pages through files: as EAL does by default, --single-file-segments, --legacy-mem"""
    if not testpmd.HugePages.available(512):
        raise tap.Skip("no huge pages to be had")
    with tempfile.TemporaryDirectory() as folder:
        netlab.run("mount", "-t", "hugetlbfs", "none", folder)
        try:
            for options in ([], ["--single-file-segments"], ["--legacy-mem", "-m", "256"]):
                with rig(memory=["--huge-dir", folder, *options]) as r:
                    carries_packets(r)
        finally:
            netlab.run("umount", "-l", folder)


def aligned_impossible():
    """chunks=aligned with elements that are not 4096 bytes apart: aligned somehow, or refused with the cure"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], chunks="aligned", pool_ops=0)])
        check("chunks=aligned" in r.pmd.start_text and "data room" in r.pmd.start_text, "no error with the cure")


def two_ports(shared_umem):
    def test():
        with rig(pairs=2, keys={"shared_umem": shared_umem}) as r:
            r.forward("io")
            receiver, sent = r.peer(1), numbered(2000)
            for at in range(0, len(sent), 100):
                for frame in sent[at:at + 100]:
                    r.peer(0).send(frame)
                equal(receiver.receive(100), sent[at:at + 100], f"frames {at}.. from port 0 to port 1")
            r.pmd.commands("stop", "port stop 0", "port close 0", "set portlist 1")
            r.forward("io")
            receiver.drain()
            equal(receiver.exchange(sent[:200]), sent[:200], "frames of the port that stayed")
            r.pmd.command("stop")
    test.__doc__ = f"two ports with shared_umem={shared_umem}; the second lives on when the first is closed"
    return test


def two_ports_one_netdev():
    """two ports on the queues of one netdev: closing one does not take the other's program"""
    with rig(start=False, queues=2) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], start_queue=0),
                          device("net_zcnbrh1", iface=r.apps[0], start_queue=1)])
        check("Fail to" not in r.pmd.start_text, "a port did not start")
        r.forward("rxonly")
        for number in range(400):
            r.peer().send(frames.numbered_frame(number, 100, (number, 7)))
        eventually(lambda: sum(r.pmd.stats(port)["RX-packets"] for port in (0, 1)) == 400, "packets are missing")
        counts = [r.pmd.stats(port)["RX-packets"] for port in (0, 1)]
        check(all(counts), f"packets by port: {counts}")
        r.pmd.commands("stop", "port stop 0", "port close 0", "set portlist 1")
        check(netlab.xdp_of(r.lab.link(r.apps[0])), "the program went with the first port")
        r.forward("rxonly")
        for number in range(400):
            r.peer().send(frames.numbered_frame(number, 100, (number, 7)))
        eventually(lambda: r.pmd.stats(1)["RX-packets"] == 2 * counts[1],
                   lambda: f"the second port has {r.pmd.stats(1)} after {counts}")


def user_program():
    """xdp_prog= with zcnbrh_user.h: UDP comes to the port, the rest to the host"""
    with rig(keys={"xdp_prog": BUILD / "tests/bpf/user_udp_only.bpf.o"}) as r:
        netlab.run("ip", "addr", "add", HOST_ADDRESS + "/24", "dev", r.apps[0])
        r.forward("io")
        sent = numbered(1000)
        equal(r.peer().exchange(sent), sent, "UDP frames that came back")
        before = r.pmd.stats()["RX-packets"]
        pings = netlab.ping(r.lab, HOST_ADDRESS, 100)
        equal((pings.sent, pings.received), (100, 100), "pings of the host")
        equal(r.pmd.stats()["RX-packets"], before, "packets of the port during the pings")
        r.pmd.command("stop")


def plain_program():
    """xdp_prog= with a program that knows nothing of our header"""
    with rig(keys={"xdp_prog": BUILD / "tests/bpf/user_plain.bpf.o"}) as r:
        carries_packets(r)


def gate_drops():
    """on_empty=drop, a stalled program: the gate drops what is beyond the window, and every loss is counted"""
    with rig(keys={"on_empty": "drop", "window": 256}) as r:
        sent = numbered(2000)
        for frame in sent:
            r.peer().send(frame)
        r.forward("rxonly")
        eventually(lambda: r.pmd.stats()["RX-packets"] == 256, lambda: f"statistics: {r.pmd.stats()}")
        for at in range(0, 1000, 100):  # and the window moves on
            for frame in sent[at:at + 100]:
                r.peer().send(frame)
            eventually(lambda at=at: r.pmd.stats()["RX-packets"] == 356 + at, lambda: f"statistics: {r.pmd.stats()}")


def gate_passes():
    """on_empty=pass, a stalled program: the host's own stack gets what is beyond the window"""
    with rig(keys={"on_empty": "pass", "window": 128}) as r:
        netlab.run("ip", "addr", "add", HOST_ADDRESS + "/24", "dev", r.apps[0])
        for frame in numbered(500):
            r.peer().send(frame)
        pings = netlab.ping(r.lab, HOST_ADDRESS, 50)
        equal((pings.sent, pings.received), (50, 50), "pings of the host while the port does not poll")
        r.forward("rxonly")
        eventually(lambda: r.pmd.stats()["RX-packets"] == 128, lambda: f"statistics: {r.pmd.stats()}")


def too_long():
    """packets too long for the buffers are lost one by one, counted, and harm nothing"""
    with rig() as r:
        netlab.run("ip", "link", "set", r.apps[0], "mtu", 3000)
        r.before[0]["mtu"] = 3000
        r.lab.peer_run("ip", "link", "set", r.peers[0], "mtu", 3000)
        r.forward("io")
        short, long = numbered(100), [frames.numbered_frame(number, 2900) for number in range(10)]
        for frame in long:
            r.peer().send(frame)
        equal(r.peer().exchange(short), short, "short frames among long ones")
        stats = r.pmd.stats()
        check(stats["RX-missed"] + stats["RX-errors"] >= len(long), f"{len(long)} long frames are not counted: {stats}")


def large_mtu():
    """an MTU of 3000 with buffers that take it: frames of every length up to it, unchanged"""
    with rig(start=False) as r:
        netlab.run("ip", "link", "set", r.apps[0], "mtu", 3000)
        r.before[0]["mtu"] = 3000
        r.lab.peer_run("ip", "link", "set", r.peers[0], "mtu", 3000)
        r.start(app=["--mbuf-size=3904", "--max-pkt-len=3018"])
        equal(r.pmd.info()["MTU"], "3000", "MTU of the port")
        r.forward("io")
        sent = [frames.numbered_frame(number, (60, 1514, 2000, 2900, 3014)[number % 5]) for number in range(500)]
        equal(r.peer().exchange(sent), sent, "frames that came back")
        r.pmd.command("stop")


def dispatcher():
    """attach=dispatcher works, or is refused with the reason where the kernel forbids it"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], attach="dispatcher")])
        text = r.pmd.start_text
        if "Fail to start" not in text:
            carries_packets(r)
            return
        check("dispatcher" in text and ("attach=auto" in text or "bpffs" in text), "refused without reason or cure")


def loop():
    """iface=loop: frames come back on the queue they were sent on, with txonly and with io"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface="loop")])
        check("loop" in r.pmd.start_text, "the driver does not say that it is the loop backend")
        r.pmd.commands("set fwd io", "start tx_first 2")
        eventually(lambda: r.pmd.stats()["RX-packets"] > 10000, lambda: f"statistics: {r.pmd.stats()}")
        r.pmd.command("stop")
        stats = r.pmd.stats()
        equal((stats["RX-errors"], stats["TX-errors"], stats["RX-nombuf"]), (0, 0, 0), "errors")
        # Frames are in the rings at the stop, not lost: as many as went in.
        check(0 <= stats["TX-packets"] - stats["RX-packets"] <= 64, f"frames lost in the loop: {stats}")


def loop_peer():
    """iface=loop with peer=: two ports joined to each other"""
    with rig(start=False) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface="loop", peer="net_zcnbrh1"),
                          device("net_zcnbrh1", iface="loop", peer="net_zcnbrh0")])
        r.pmd.commands("set fwd rxonly", "set portlist 0", "set fwd txonly", "start")
        time.sleep(0.1)
        r.pmd.commands("stop", "set portlist 1", "set fwd rxonly", "start")
        eventually(lambda: r.pmd.stats(1)["RX-packets"] > 100, lambda: f"statistics: {r.pmd.stats(1)}")
        r.pmd.command("stop")
        equal(r.pmd.stats(0)["RX-packets"], 0, "packets that came back to their sender")


def loop_unprivileged():
    """iface=loop as user nobody, with plain memory and 2 queues"""
    with tempfile.TemporaryDirectory() as folder:
        # The clone may lie where nobody may not read.
        os.chmod(folder, 0o755)
        shutil.copy(os.environ["ZCNBRH_PMD"], folder)
        become = ["env", f"LD_LIBRARY_PATH={folder}", "setpriv", "--reuid=65534", "--regid=65534",
                  "--clear-groups"]
        pmd = Testpmd([device("net_zcnbrh0", iface="loop", queue_count=2)], become=become, wait=False,
                      memory=["--no-huge", "-m", "256", "--no-shconf"], app=["--rxq=2", "--txq=2"])
        tap.note(pmd.shown, lambda: pmd.text)
        with pmd:
            pmd.start_text = pmd.wait_for(testpmd.PROMPT, 30)
            equal(pmd.ports(), [0], "ports")
            check(netlab.run("ps", "-o", "uid=", "-p", pmd.process.pid).strip() == "65534", "it runs as another user")
            equal(xsk_watch.xdp_sockets(pmd.process.pid), [], "AF_XDP sockets of the loop backend")
            pmd.commands("set fwd io", "start tx_first 2")
            eventually(lambda: pmd.stats()["RX-packets"] > 10000, lambda: f"statistics: {pmd.stats()}")
            pmd.command("stop")
            equal(pmd.quit(), 0, "exit status")


def default_receives():
    """with its defaults the port receives at once, without any packet sent before: 50 fresh starts"""
    with rig() as r:
        r.pmd.command("set fwd rxonly")
        for round_number in range(50):
            r.pmd.commands("port stop 0", f"port config all rxd {(256, 512)[round_number % 2]}", "port start 0",
                           "start")
            for frame in numbered(5):
                r.peer().send(frame)
            eventually(lambda: re.search(r"RX-packets: 5\b", r.pmd.command("show fwd stats all")),
                       lambda: f"start {round_number}: {r.pmd.stats()}")
            r.pmd.commands("stop", "clear fwd stats all")


def traffic_and_pings():
    """the host's counters and the port's agree after a mixed load"""
    with rig() as r:
        r.forward("rxonly")
        sent = r.lab.traffic(r.peers[0], OTHER_CORE, packets=200000).wait()
        time.sleep(0.2)
        stats = r.pmd.stats()
        equal(stats["RX-packets"] + stats["RX-missed"], sent, "received and missed")
        equal(r.lab.link(r.apps[0])["stats64"]["rx"]["packets"], sent, "packets the kernel counts on the netdev")


if __name__ == "__main__":
    main(KEYS + MEMORY + HUGE +
         [hugetlbfs, aligned_impossible, two_ports(0), two_ports(1), two_ports_one_netdev, user_program,
          plain_program, gate_drops, gate_passes, too_long, large_mtu, dispatcher, loop, loop_peer, loop_unprivileged,
          default_receives, traffic_and_pings])
