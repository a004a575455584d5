#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's own checksum engine and VLAN commands on the driver's offloads: what comes back is judged byte by
byte, and the same commands without the offload show that the judge can say no."""

import contextlib
import socket
import struct

from rig import check, equal, frames, main, rig

SOL_PACKET, PACKET_AUXDATA = 263, 8
TP_STATUS_VLAN_VALID = 1 << 4
SIZES = (64, 65, 100, 333, 1000, 1514)


def spoiled(frame, at):
    """The frame with another byte at `at`."""
    return frame[:at] + bytes([frame[at] ^ 0x55]) + frame[at + 1:]


def udp(size):
    return frames.udp_frame(size)


def tcp(size):
    return frames.ethernet(frames.tcp_packet(b"\x5a" * (size - 54)))


def with_wrong_checksums():
    """UDP and TCP frames whose IPv4 and layer 4 checksums are both wrong."""
    for size in SIZES:
        yield spoiled(spoiled(udp(size), 24), 40)
        yield spoiled(spoiled(tcp(size), 24), 50)


def configure(r, *commands):
    r.pmd.commands("port stop all", *commands, "port start all")


def checksums_in(how):
    return [f"csum set {what} {how} 0" for what in ("ip", "udp", "tcp")]


def through_csum(r, sent):
    r.forward("csum")
    found = r.peer().exchange(sent)
    r.pmd.command("stop")
    equal(len(found), len(sent), "frames that came back")
    return found


def csum_hw():
    """csum set ip|udp|tcp hw: the driver writes the checksums"""
    with rig() as r:
        configure(r, *checksums_in("hw"))
        sent = list(with_wrong_checksums()) * 20
        for back, there in zip(through_csum(r, sent), sent):
            check(frames.problems_of_ipv4(there), "the frame that was sent is not wrong")
            equal(frames.problems_of_ipv4(back), [], f"a frame of {len(there)} bytes")
        equal(r.pmd.xstats()["tx_q0_bounce_copies"], 0, "bounce copies: the mbufs are the driver's alone")


def csum_hw_is_sw():
    """csum in hardware and in software give the same bytes"""
    came = {}
    for how in ("sw", "hw"):
        with rig() as r:
            configure(r, *checksums_in(how))
            came[how] = through_csum(r, list(with_wrong_checksums()))
    equal([frame.hex() for frame in came["hw"]], [frame.hex() for frame in came["sw"]], "frames")


def csum_of_chains():
    """csum hw on chained mbufs (set txsplit), where a segment ends within the headers"""
    with rig() as r:
        configure(r, *checksums_in("hw"))
        r.pmd.commands("set txpkts 40,17,300", "set txsplit on")
        for back in through_csum(r, [spoiled(udp(600), 40), spoiled(tcp(601), 50)]):
            equal(frames.problems_of_ipv4(back), [], "a frame of three segments")


@contextlib.contextmanager
def tagged_receiver(r):
    """A raw socket on the far end that tells the tag beside the data, as the kernel hands it up."""
    with r.lab.peer_side():
        raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        raw.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        with r.lab.peer_side():
            raw.bind((r.peers[0], 3))
        raw.settimeout(5)
        yield raw
    finally:
        raw.close()


def tag_of(raw):
    """(tag or None, data) of the next frame that testpmd sent."""
    while True:
        data, ancillary, _, _ = raw.recvmsg(65536, 256)
        for level, kind, value in ancillary:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) and data[6:12] == frames.APP_MAC:
                status, _, _, _, _, tci, _ = struct.unpack("=IIIHHHH", value[:20])
                return (tci if status & TP_STATUS_VLAN_VALID else None), data


def tx_vlan():
    """tx_vlan set: the driver inserts the tag"""
    with rig() as r:
        for command, wanted in (("tx_vlan set 0 1234", 1234), ("tx_vlan reset 0", None)):
            configure(r, command)
            with tagged_receiver(r) as raw:
                r.forward("mac")
                r.peer().send(udp(200))
                tag, data = tag_of(raw)
                equal(tag, wanted, command)
                equal(data[12:14], b"\x08\x00", "EtherType behind the tag")
                r.pmd.command("stop")


def vlan_strip():
    """vlan set strip on|off while the port runs"""
    with rig() as r:
        tagged = udp(100)[:12] + b"\x81\x00\x04\xd2" + udp(100)[12:]
        for how in ("off", "on", "off"):
            r.pmd.command(f"vlan set strip {how} 0")
            r.pmd.commands("set verbose 1", "set fwd rxonly", "start")
            r.peer().send(tagged)
            r.pmd.wait_for("VLAN tci=0x4d2" if how == "on" else "length=104")
            r.pmd.commands("stop", "set verbose 0")


def rx_checksums():
    """csum counts the packets that the driver says are bad"""
    with rig() as r:
        configure(r, "port config 0 rx_offload ipv4_cksum on", "port config 0 rx_offload udp_cksum on",
                  "port config 0 rx_offload tcp_cksum on")
        r.forward("csum")
        sent = [spoiled(udp(100), 24)] * 3 + [spoiled(udp(100), 60)] * 5 + [spoiled(tcp(100), 60)] * 7 + [udp(100)] * 9
        r.peer().exchange(sent)
        text = r.pmd.command("stop")
        check("Bad-ipcsum: 3 " in text.replace("     ", " ").replace("  ", " "), f"bad IPv4 checksums in: {text}")
        check("Bad-l4csum: 12 " in text.replace("     ", " ").replace("  ", " "), f"bad layer 4 checksums in: {text}")


if __name__ == "__main__":
    main([csum_hw, csum_hw_is_sw, csum_of_chains, tx_vlan, vlan_strip, rx_checksums])
