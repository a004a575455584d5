#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Several queues of one NIC in zero-copy: every byte comes back, in order within each flow, and each queue has its
part."""

import struct

from lab_rig import IGB, MODE, SIZES, check, equal, frames, main, on_veth, rig

veth = on_veth("queues_test")
QUEUES = 2
FLOWS = 32


def numbered_flows(count):
    """Frames of many addresses: igb's hash takes no ports of UDP packets."""
    def frame(number):
        fill = bytes([number & 0xFF]) * (SIZES[number % len(SIZES)] - 46)
        flow = number % FLOWS
        return frames.ethernet(frames.udp_packet(struct.pack("!I", number) + fill, (1000 + flow, 2000),
                                                 (f"10.9.1.{flow}", "10.9.0.1")))
    return [frame(number) for number in range(count)]


def two_queues(name, forwarding_cores=1, **keys):
    def test():
        cores = (0, 1) if forwarding_cores == 1 else (0, 1, 1)
        with rig.rig(queues=QUEUES, keys={"queue_count": QUEUES, **keys}, cores=cores,
                     app=[f"--rxq={QUEUES}", f"--txq={QUEUES}", "--rxd=512", "--txd=512"]) as r:
            equal(r.modes(), [MODE] * QUEUES, "modes by XDP_OPTIONS")
            r.forward("io")
            sent = numbered_flows(2000)
            found = r.peer().exchange(sent, window=48)
            veth.in_order_by_flow(found)
            equal(sorted(found), sorted(sent), "frames that came back")
            r.pmd.command("stop")
            counts = veth.per_queue(r, "packets")[:QUEUES]
            equal(sum(counts), len(sent), "packets of all queues")
            check(all(counts), f"packets by queue: {counts}")
    test.__doc__ = name
    return test


if __name__ == "__main__":
    main([two_queues("two queues, one UMEM"), two_queues("two queues, busy polling", busy_budget=64)] +
         ([] if IGB else [two_queues("two queues, a UMEM each", shared_umem=0),
                          two_queues("two queues on two cores", forwarding_cores=2)]))
