#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Several queues, unequal numbers of them, ports without one side, and statistics that add up."""

import re
import time

from rig import APP_CORE, OTHER_CORE, check, equal, eventually, frames, main, rig, xsk_watch

SIZES = (60, 64, 127, 300, 1024, 1514)


def flows(count, queues=64):
    """Numbered frames of many flows, so that the peer's hash spreads them over the queues."""
    return [frames.numbered_frame(number, SIZES[number % len(SIZES)], (1000 + number % queues, 2000))
            for number in range(count)]


def in_order_by_flow(found):
    last = {}
    for frame in found:
        flow, number = frame[34:36], frames.number_of(frame)
        check(last.get(flow, -1) < number, f"flow {flow.hex()}: frame {number} after {last.get(flow)}")
        last[flow] = number


def per_queue(r, what):
    xstats = r.pmd.xstats()
    return [xstats.get(f"rx_q{queue}_{what}", 0) for queue in range(4)]


def four_queues(**keys):
    with rig(queues=4, keys={"queue_count": 4, **keys}, app=["--rxq=4", "--txq=4"]) as r:
        equal(len(xsk_watch.xdp_sockets(r.pmd.process.pid)), 4, "AF_XDP sockets")
        r.forward("io")
        sent = flows(4000)
        found = r.peer().exchange(sent, window=48)
        in_order_by_flow(found)
        equal(sorted(found), sorted(sent), "frames that came back")
        r.pmd.command("stop")
        counts = per_queue(r, "packets")
        check(all(counts), f"packets by queue: {counts}")
        equal(sum(counts), len(sent), "packets of all queues")
        equal(sum(per_queue(r, "bytes")), sum(map(len, sent)), "bytes of all queues")


def four_queues_default():
    """4 queues: every byte comes back, in order within each flow, and each queue counts"""
    four_queues()


def four_queues_own_umem():
    """4 queues with shared_umem=0"""
    four_queues(shared_umem=0)


def four_queues_one_umem():
    """4 queues with shared_umem=1"""
    four_queues(shared_umem=1)


def four_queues_busy():
    """4 queues with busy_budget=64"""
    four_queues(busy_budget=64)


def two_cores():
    """4 queues forwarded by two cores at once"""
    with rig(queues=4, keys={"queue_count": 4}, app=["--rxq=4", "--txq=4"],
             cores=(APP_CORE, OTHER_CORE, OTHER_CORE)) as r:
        r.forward("io")
        sent = flows(2000)
        found = r.peer().exchange(sent, window=48)
        in_order_by_flow(found)
        equal(sorted(found), sorted(sent), "frames that came back")


def start_queue():
    """start_queue=2, queue_count=2 serves the upper queues; the host keeps the lower ones"""
    with rig(queues=4, keys={"start_queue": 2, "queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r:
        r.forward("rxonly")
        sent = flows(1000)
        for frame in sent:
            r.peer().send(frame)
        time.sleep(0.3)
        received = r.pmd.stats()["RX-packets"]
        check(0.2 * len(sent) < received < 0.8 * len(sent), f"{received} of {len(sent)} packets on two of four queues")


def unequal(rx_queues, tx_queues):
    """Both sides of a port with more queues on the one than on the other."""
    with rig(queues=4, keys={"queue_count": 4}, app=[f"--rxq={rx_queues}", f"--txq={tx_queues}"]) as r:
        info = r.pmd.info()
        equal((info["Current number of RX queues"], info["Current number of TX queues"]),
              (str(rx_queues), str(tx_queues)), "queues")
        # testpmd polls as many queues as both sides have; let the peer use no others.
        r.lab.peer_run("ethtool", "-L", r.peers[0], "tx", min(rx_queues, tx_queues))
        r.forward("rxonly")
        sent = flows(500)
        for frame in sent:
            r.peer().send(frame)
        eventually(lambda: r.pmd.stats()["RX-packets"] == len(sent), lambda: f"received {r.pmd.stats()}")
        r.pmd.command("stop")
        r.forward("txonly")
        time.sleep(0.1)
        r.pmd.command("stop")
        found = r.peer().receive(500, 0.3)
        check(len(found) == 500, f"{len(found)} frames of txonly at the peer")


# net_af_xdp refuses unequal numbers; on a veth with two queues it has one: `--vdev=net_af_xdp0,iface=X,queue_count=2`
# is "Specified queue count 2 is larger than combined queue count 1".
def more_rx():
    """4 RX queues and 2 TX queues: both sides work"""
    unequal(4, 2)


def more_tx():
    """1 RX queue and 4 TX queues: both sides work"""
    unequal(1, 4)


def tx_only_port():
    """a port with no RX queue sends, and the host keeps its packets"""
    with rig(keys={}, app=["--rxq=0", "--txq=1"]) as r:
        r.lab.peer_run("ip", "addr", "flush", "dev", r.peers[0])
        r.peer()
        r.forward("txonly")
        time.sleep(0.1)
        r.pmd.command("stop")
        found = r.peer().receive(1000, 0.3)
        equal(len(found), 1000, "frames at the peer")
        for frame in found:
            equal(frames.problems_of_ipv4(frame), [], "a frame of txonly")


def rx_only_port():
    """a port with no TX queue receives"""
    with rig(app=["--rxq=1", "--txq=0"]) as r:
        r.forward("rxonly")
        sent = flows(200)
        for frame in sent:
            r.peer().send(frame)
        eventually(lambda: r.pmd.stats()["RX-packets"] == len(sent), lambda: f"received {r.pmd.stats()}")


def overload():
    """under overload received + missed is exactly what the peer sent, and nothing else fails"""
    with rig() as r:
        r.forward("rxonly")
        sent = r.lab.traffic(r.peers[0], OTHER_CORE, seconds=1.5).wait()
        time.sleep(0.2)
        stats = r.pmd.stats()
        equal(stats["RX-packets"] + stats["RX-missed"], sent, f"received and missed; {stats}")
        equal((stats["RX-errors"], stats["RX-nombuf"]), (0, 0), "RX errors and failed allocations")
        check(stats["RX-packets"] > sent / 20, f"received only {stats['RX-packets']} of {sent}")


def stalled():
    """a program that stops polling for a second: what did not fit is missed, the rest is delivered"""
    with rig(app=["--rxd=512"]) as r:
        sent = flows(3000)
        for frame in sent:
            r.peer().send(frame)
        r.forward("rxonly")
        eventually(lambda: sum(r.pmd.stats()[key] for key in ("RX-packets", "RX-missed")) == len(sent),
                   lambda: f"statistics: {r.pmd.stats()} of {len(sent)}")
        stats = r.pmd.stats()
        equal(stats["RX-packets"], 512, "packets delivered out of a ring of 512")
        before = stats["RX-packets"]
        for frame in sent[:300]:
            r.peer().send(frame)
        eventually(lambda: r.pmd.stats()["RX-packets"] == before + 300, lambda: f"after the stall: {r.pmd.stats()}")


def clear_stats():
    """clear port stats sets every count to zero, missed packets too"""
    with rig(app=["--rxd=64"]) as r:
        for frame in flows(500):
            r.peer().send(frame)
        r.forward("io")
        eventually(lambda: r.pmd.stats()["RX-packets"] >= 64, lambda: f"{r.pmd.stats()}")
        time.sleep(0.1)
        r.pmd.commands("stop", "clear port stats 0", "clear port xstats 0")
        equal({key: value for key, value in r.pmd.stats().items() if value}, {}, "statistics after clear")
        left = {key: value for key, value in r.pmd.xstats().items() if value}
        gauges = {"rx_q0_posted", "rx_q0_deficit", "tx_q0_in_flight"}  # what is, not what has been
        equal({key: value for key, value in left.items() if key not in gauges}, {}, "extended statistics after clear")


def ring_sizes():
    """rings of 64 to 32768 descriptors carry every packet"""
    for descriptors in (64, 100, 1024, 32768):
        with rig(app=[f"--rxd={descriptors}", f"--txd={descriptors}"],
                 mbufs=70000 if descriptors > 4096 else 16384) as r:
            r.forward("io")
            sent = flows(1000)
            equal(r.peer().exchange(sent, window=32), sent, f"frames with {descriptors} descriptors")
            r.pmd.command("stop")


def ring_keys():
    """fill_ring, rx_ring, tx_ring and comp_ring larger than the descriptors"""
    with rig(keys={"fill_ring": 8192, "rx_ring": 4096, "tx_ring": 4096, "comp_ring": 65536},
             app=["--rxd=512", "--txd=512"]) as r:
        r.forward("io")
        sent = flows(2000)
        equal(r.peer().exchange(sent, window=64), sent, "frames")
        r.pmd.command("stop")


def small_pool():
    """a pool smaller than the rings: a warning with the number, and no packet lost at rest"""
    with rig(queues=2, keys={"queue_count": 2}, app=["--rxq=2", "--txq=2", "--rxd=1024", "--txd=512", "--mbcache=32"],
             mbufs=1500) as r:
        short = re.search(r"(\d+) free buffers for a queue of 1024 descriptors; (\d+) short, made good as buffers come "
                          r"free; the RX rings of the port's 2 queues on this pool take 2048, its TX rings up to 1024, the "
                          r"lcores' caches up to (\d+): (\d+) in all, the pool has 1500", r.pmd.start_text)
        check(short, f"no warning about the deficit with its numbers:\n{r.pmd.start_text}")
        posted, missing, cached, wanted = map(int, short.groups())
        equal((posted + missing, wanted), (1024, 2048 + 1024 + cached), "posted and short, and the sum of all rings")
        check(64 <= posted < 1024, f"{posted} buffers posted")
        r.forward("io")
        sent = flows(2000)
        found = r.peer().exchange(sent, window=32)
        in_order_by_flow(found)
        equal(sorted(found), sorted(sent), "frames that came back")
        r.pmd.command("stop")


def exhausted_pool():
    """a pool emptied under load: the port goes on, and the refill is made good afterwards"""
    with rig(pairs=2, app=["--rxd=512", "--txd=1024", "--mbcache=64"], mbufs=1050) as r:
        r.forward("io")
        r.lab.traffic(r.peers[0], OTHER_CORE, seconds=1.0).wait()
        time.sleep(0.3)
        check(sum(r.pmd.xstats(port)["rx_q0_alloc_failed"] for port in (0, 1)) > 0, "the pool was never empty")
        receiver = r.peer(1)
        receiver.drain()
        sent = flows(500)
        for at in range(0, len(sent), 50):
            for frame in sent[at:at + 50]:
                r.peer(0).send(frame)
            equal(receiver.receive(50, 2.0), sent[at:at + 50], "frames after the load")
        r.pmd.command("stop")


if __name__ == "__main__":
    main([four_queues_default, four_queues_own_umem, four_queues_one_umem, four_queues_busy, two_cores, start_queue,
          more_rx, more_tx, tx_only_port, rx_only_port, overload, stalled, clear_stats, ring_sizes, ring_keys,
          small_pool, exhausted_pool])
