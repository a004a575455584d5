#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's forward modes on one or two ports, against the kernel at the other end of a veth pair: every
byte that the mode defines is checked."""

import struct
import time

from rig import OTHER_CORE, check, equal, eventually, frames, main, rig

SIZES = (60, 61, 64, 127, 128, 300, 777, 1024, 1513, 1514)
TESTPMD_PEER = bytes.fromhex("020000000000")  # testpmd's default of `set eth-peer 0`


def numbered(count, **options):
    return [frames.numbered_frame(number, SIZES[number % len(SIZES)], **options) for number in range(count)]


def turn_around(mode, sent, expect):
    """Sends through one port that answers on itself, and compares each frame with expect(frame)."""
    with rig() as r:
        r.forward(mode)
        found = r.peer().exchange(sent)
        equal(len(found), len(sent), f"frames that came back in {mode} mode")
        for number, (back, there) in enumerate(zip(found, sent)):
            equal(back.hex(), expect(there).hex(), f"frame {number} after {mode}")
        r.pmd.command("stop")
        stats = r.pmd.stats()
        octets = sum(map(len, sent))
        equal([stats[key] for key in ("RX-packets", "RX-bytes", "TX-packets", "TX-bytes", "RX-missed", "TX-errors")],
              [len(sent), octets, len(sent), octets, 0, 0], "statistics")


def rxonly():
    """rxonly counts every packet and byte the peer sent"""
    with rig() as r:
        r.forward("rxonly")
        sent = numbered(5000)
        for at in range(0, len(sent), 256):
            for frame in sent[at:at + 256]:
                r.peer().send(frame)
            eventually(lambda at=at: r.pmd.stats()["RX-packets"] >= min(len(sent), at + 256),
                       lambda: f"statistics after {at + 256} frames: {r.pmd.stats()}")
        stats = r.pmd.stats()
        equal((stats["RX-packets"], stats["RX-bytes"], stats["RX-missed"], stats["RX-errors"]),
              (len(sent), sum(map(len, sent)), 0, 0), "statistics")
        equal(r.lab.link(r.peers[0], peer=True)["stats64"]["tx"]["packets"], len(sent), "packets the kernel sent")


def txonly():
    """txonly sends well-formed frames, and as many as it counts"""
    with rig() as r:
        r.peer()
        r.forward("txonly")
        time.sleep(0.3)
        r.pmd.command("stop")
        check_txonly(r, 64)
        stats = r.pmd.stats()
        equal(r.pmd.xstats()["tx_q0_bounce_copies"], 0, "bounce copies of whole mbufs of the port's pool")

        def sent():
            return r.lab.link(r.peers[0], peer=True)["stats64"]["rx"]["packets"]
        # What was in the TX ring when testpmd stopped may still be on its way.
        eventually(lambda: sent() == stats["TX-packets"], lambda: f"testpmd sent {stats}, {sent()} arrived")
        check(stats["TX-packets"] > 10000, f"txonly sent {stats['TX-packets']} packets in 0.3 s")


def check_txonly(r, size):
    found = r.peer().receive(5000, 0.3)
    check(len(found) > 100, f"only {len(found)} frames at the peer")
    for frame in found:
        equal(len(frame), size, "length of a frame of txonly")
        equal(frame[:12], TESTPMD_PEER + frames.APP_MAC, "Ethernet addresses of a frame of txonly")
        equal(frames.problems_of_ipv4(frame), [], "a frame of txonly")


def txonly_chained():
    """txonly with chained mbufs (set txpkts 64,100,200) arrives as whole frames"""
    with rig() as r:
        r.pmd.command("set txpkts 64,100,200")
        r.peer()
        r.forward("txonly")
        time.sleep(0.2)
        r.pmd.command("stop")
        check_txonly(r, 364)
        equal(r.pmd.xstats()["tx_q0_bounce_copies"], r.pmd.stats()["TX-packets"], "bounce copies of chained mbufs")
        check("bounce" in r.pmd.text.split("show port xstats")[0], "the driver does not log that it copies")


def txonly_random_chains():
    """txonly with chains of random length (set txsplit rand) arrives as whole frames"""
    with rig() as r:
        r.pmd.commands("set txpkts 64,100,200,300", "set txsplit rand")
        r.peer()
        r.forward("txonly")
        time.sleep(0.2)
        r.pmd.command("stop")
        found = r.peer().receive(3000, 0.3)
        check(len({len(frame) for frame in found}) > 1, f"{len(found)} frames, all of one length")
        for frame in found:
            equal(frames.problems_of_ipv4(frame), [], "a frame of txonly")
            equal(struct.unpack_from("!H", frame, 16)[0] + 14, len(frame), "IPv4 length against the frame's")


def io():
    """io gives every frame back unchanged and in order"""
    turn_around("io", numbered(10000), lambda frame: frame)


def bursts():
    """io in bursts of 1, 7 and 512 packets"""
    with rig() as r:
        sent = numbered(1500)
        for burst in (1, 7, 512):
            r.pmd.command(f"set burst {burst}")
            r.forward("io")
            equal(r.peer().exchange(sent, window=256), sent, f"frames in bursts of {burst}")
            r.pmd.command("stop")


def mac():
    """mac sets the port's own and the peer's address, and nothing else"""
    turn_around("mac", numbered(1000), lambda frame: TESTPMD_PEER + frames.APP_MAC + frame[12:])


def macswap():
    """macswap exchanges the two addresses, and nothing else"""
    turn_around("macswap", numbered(1000), lambda frame: frame[6:12] + frame[:6] + frame[12:])


def five_tuple_swap():
    """5tswap exchanges MAC and IP addresses and ports of UDP and TCP, and nothing else"""
    sent = numbered(500)
    sent += [frames.ethernet(frames.tcp_packet(struct.pack("!I", number) + b"data" * (number % 300)))
             for number in range(500)]

    def expect(frame):
        return (frame[6:12] + frame[:6] + frame[12:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] +
                frame[38:])
    turn_around("5tswap", sent, expect)


def csum():
    """csum replaces wrong IPv4, UDP and TCP checksums by right ones"""
    with rig() as r:
        r.forward("csum")
        good = [frames.ethernet(make(bytes([number & 0xFF]) * (20 + number)))
                for number in range(200) for make in (frames.udp_packet, frames.tcp_packet)]
        spoilt = []
        for frame in good:
            at = 34 + (6 if frame[23] == frames.UDP else 16)
            spoilt.append(frame[:24] + b"\x12\x34" + frame[26:at] + b"\x56\x78" + frame[at + 2:])
        found = r.peer().exchange(spoilt)
        equal(len(found), len(good), "frames that came back")
        for number, (back, there) in enumerate(zip(found, good)):
            equal(back[12:].hex(), there[12:].hex(), f"frame {number} after csum")


def gso():
    """csum with GSO: chains of indirect mbufs arrive as the right TCP segments"""
    with rig() as r:
        r.pmd.commands("set port 0 gso on", "set gso segsz 400")
        r.forward("csum")
        payload = bytes(range(256)) * 5
        for round_number in range(50):
            r.peer().send(frames.ethernet(frames.tcp_packet(payload)))
            segments = r.peer().receive(4, 1.0)
            equal([len(segment) for segment in segments], [400, 400, 400, 14 + 20 + 20 + len(payload) - 3 * 346],
                  f"lengths of the segments in round {round_number}")
            equal(b"".join(segment[54:] for segment in segments), payload, "payload put together again")


def icmpecho():
    """icmpecho answers the kernel's ARP and all of 3000 pings, small and large"""
    with rig() as r:
        r.ping(2000)
        r.ping(1000, size=1472)
        r.ping(3, size=0, flood=False)


def two_ports():
    """io between two ports: 10,000 numbered frames each way, in order and byte-exact"""
    with rig(pairs=2) as r:
        peers = r.peer(0), r.peer(1)
        r.forward("io")
        for source, target in (peers, peers[::-1]):
            for at in range(0, 10000, 200):
                sent = [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(at, at + 200)]
                for frame in sent:
                    source.send(frame)
                equal(target.receive(len(sent)), sent, f"frames {at}.. sent on {'01'[source is peers[1]]}")
        equal(peers[0].receive(1, 0.1) + peers[1].receive(1, 0.1), [], "frames too many")


def two_ports_loaded():
    """io between two ports under overload: nothing is lost that is not counted"""
    with rig(pairs=2) as r:
        r.forward("io")
        r.peer(1)
        sent = r.lab.traffic(r.peers[0], OTHER_CORE, seconds=1.0).wait()
        time.sleep(0.2)
        r.pmd.command("stop")
        stats = [r.pmd.stats(port) for port in (0, 1)]
        dropped = int(r.pmd.text.rsplit("Accumulated forward statistics", 1)[1].split("TX-dropped:")[1].split()[0])
        equal(stats[0]["RX-packets"] + stats[0]["RX-missed"], sent, f"received and missed of {sent} packets")
        equal(stats[1]["TX-packets"] + dropped, stats[0]["RX-packets"], "sent and dropped by testpmd")


if __name__ == "__main__":
    main([rxonly, txonly, txonly_chained, txonly_random_chains, io, bursts, mac, macswap, five_tuple_swap, csum, gso,
          icmpecho, two_ports, two_ports_loaded])
