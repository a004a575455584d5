#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Packets of several segments, made by DPDK's own examples under the shim: fragments that point into the packet they
were cut from, packets put together from fragments, clones behind headers of their own. What a NIC would gather on the
wire has to be the same bytes at the kernel's side."""

import contextlib
import struct

from shim_rig import PCI, check, equal, frames, main, netlab, rig, testpmd
from examples_test import PCI2, Example, carries, mac

MTU = 4000
FRAGMENT = 1500
LENGTHS = (1473, 1600, 2000, 2960, 2961, 3333, 3972)  # of UDP's data; the first is one byte more than fits


@contextlib.contextmanager
def long_pairs(pairs=2):
    """A rig whose netdevs take packets that have to be cut."""
    with rig(pairs=pairs, start=False) as r:
        for number, (app, peer) in enumerate(zip(r.apps, r.peers)):
            netlab.run("ip", "link", "set", app, "mtu", MTU)
            r.lab.peer_run("ip", "link", "set", peer, "mtu", MTU)
            r.before[number] = netlab.interface_flags(r.lab.link(app))
        yield r


def data_of(number, length):
    return struct.pack("!I", number) + frames.COUNTING[number & 0xFF:][:length - 4]


def packet(number, length, address):
    """A UDP packet that may be cut, with an identification of its own."""
    whole = frames.udp_packet(data_of(number, length), addresses=("10.9.0.2", address))
    head = whole[:4] + struct.pack("!HH", number + 1, 0) + whole[8:10] + b"\0\0" + whole[12:20]
    return head[:10] + struct.pack("!H", frames.checksum(head)) + head[12:] + whole[20:]


def put_together(pieces):
    """The IP packet whose fragments these frames are, checked as a host does; the header is that of the first."""
    parts = {}
    for piece in pieces:
        head, total = piece[14:34], struct.unpack_from("!H", piece, 16)[0]
        check(len(piece) - 14 == total <= FRAGMENT and frames.checksum(head) == 0, f"fragment {piece[:34].hex()}")
        field = struct.unpack_from("!H", head, 6)[0]
        parts[(field & 0x1FFF) * 8] = (bool(field & 0x2000), piece[34:14 + total])
    out = b""
    for at in sorted(parts):
        equal(at, len(out), "offset of a fragment")
        out += parts[at][1]
    equal([parts[at][0] for at in sorted(parts)], [True] * (len(parts) - 1) + [False], "more fragments to come")
    return out


def cut(r, here, sent):
    """ip_fragmentation's frames for packets that come in at `here`, packet by packet."""
    there, found = r.peer(1 - here), []
    there.drain()
    for whole in sent:
        r.peer(here).send(frames.ethernet(whole))
        pieces = [there.receive(1)[0]]
        while struct.unpack_from("!H", pieces[-1], 20)[0] & 0x2000:
            pieces += there.receive(1)
        found.append(pieces)
    return found


def end(r, program):
    """These programs have no orderly end; the MTU that they set stays set."""
    program.process.kill()
    program.process.wait()
    for app, before in zip(r.apps, r.before):
        netlab.run("ip", "link", "set", app, "mtu", before["mtu"])


def put_back(r, own, sent, pieces):
    """Fragments of packets for port 0, the first of each last, come out there as the packet that they were."""
    for whole, cuts in zip(sent, pieces):
        r.peer(0).drain(0.01)
        for piece in cuts[1:] + cuts[:1]:
            r.peer(1).send(piece)
        back = r.peer(0).receive(1)
        equal([frame[:12] for frame in back], [bytes((2, 0, 0, 0, 0, 0)) + own], "addresses")
        equal(back[0][34:], whole[20:], "data of the packet that was put together")
        equal(frames.problems_of_ipv4(back[0]), [], "the packet that was put together")


def fragments_and_back():
    """ip_fragmentation cuts packets into indirect mbufs, ip_reassembly chains them: by both what was sent, unchanged"""
    with long_pairs() as r:
        own = [mac(before["address"]) for before in r.before]
        eal, app = ["-a", PCI, "-a", PCI2], ["-p", "3", "-q", "2"]
        maps = f"{PCI}={r.apps[0]},{PCI2}={r.apps[1]}"
        program = Example(r, "ip_fragmentation", eal, app, maps, "entering main loop", 512)
        for here, there in ((0, 1), (1, 0)):
            address = f"100.{10 * there + 10}.0.1"
            sent = [packet(number, length, address) for number, length in enumerate(LENGTHS)]
            pieces = cut(r, here, sent)
            for whole, cuts in zip(sent, pieces):
                check(len(cuts) > 1, f"{len(cuts)} frames of {len(whole)} bytes")
                equal({piece[:12] for piece in cuts}, {bytes((2, 0, 0, 0, 0, there)) + own[there]}, "addresses")
                equal(put_together(cuts), whole[20:], "the packet's data")
            fits = frames.ethernet(packet(99, 1400, address))
            carries(r.peer(here), r.peer(there), [fits], [bytes((2, 0, 0, 0, 0, there)) + own[there] + fits[12:]])
        end(r, program)

        # It reads packet types and never asks for them, as NICs' drivers allow: also without the shim, by the key.
        variables, load = testpmd.driver_options()
        named = [*load, "--no-pci", *(f"--vdev=net_zcnbrh{n},iface={name},packet_types=1" for n, name in enumerate(r.apps))]
        for options, environ in ((eal, maps), (named, variables)):
            program = Example(r, "ip_reassembly", options, [*app, "--maxflows=64", "--flowttl=10s"], environ,
                              "entering main loop", 512)
            put_back(r, own[0], sent, pieces)
            end(r, program)


def clones():
    """ipv4_multicast sends one packet out of three ports, as clones and by reference: each peer has all of it"""
    with rig(pairs=3, start=False) as r:
        devices = [f"net_null{number}" for number in range(3)]
        program = Example(r, "ipv4_multicast", ["--no-pci", *(f"--vdev={name}" for name in devices)], ["-p", "7", "-q", "3"],
                          ",".join(f"{name}={app}" for name, app in zip(devices, r.apps)), "entering main loop")
        own = [mac(before["address"]) for before in r.before]
        for group, ports in ((101, [0]), (103, [0, 1]), (107, [0, 1, 2])):
            target = bytes.fromhex("01005e0000") + bytes((group,))
            for peer in (0, 1, 2):
                r.peer(peer).drain(0.01)
            for number, size in enumerate((60, 200, 1514)):
                frame = frames.ethernet(packet(number, size - 42, f"224.0.0.{group}"), target=target)
                r.peer(2).send(frame)
                for port in ports:
                    equal(r.peer(port).receive(1), [target + own[port] + frame[12:]], f"group {group} at peer {port}")
        end(r, program)


if __name__ == "__main__":
    main([fragments_and_back, clones])
