#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's forward modes against the kernel at the other NIC: payload and order of every packet, both ways.

Where the mode changes packets the sub-tests are those of tests/dpdk/forward_test.py, on NICs in place of veth pairs.
"""

from lab_rig import IGB, SIZES, equal, exchange, frames, main, on_veth, rig

veth = on_veth("forward_test")


def there_and_back():
    """io: 3000 frames of all sizes come back unchanged and in order"""
    with rig.rig() as r:
        exchange(r, 3000)


def between_drivers():
    """io between a virtio-net and an igb, both in zero-copy: every frame each way, unchanged and in order"""
    with rig.rig(pairs=2) as r:
        equal(r.modes(), ["zero-copy"] * 2, "modes")
        peers = r.peer(0), r.peer(1)
        r.forward("io")
        for source, target in (peers, peers[::-1]):
            for at in range(0, 2000, 100):
                sent = [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(at, at + 100)]
                for frame in sent:
                    source.send(frame)
                equal(target.receive(len(sent)), sent, f"frames {at}.. from port {peers.index(source)}")


if __name__ == "__main__":
    main([there_and_back, veth.icmpecho] if IGB else
         [there_and_back, veth.icmpecho, veth.csum, veth.txonly_chained, veth.gso, between_drivers])
