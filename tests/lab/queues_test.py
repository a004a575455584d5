#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Several queues of one NIC in zero-copy: every byte comes back, in order within each flow, and each queue has its
part."""

from lab_rig import IGB, MODE, check, equal, main, numbered_flows, on_veth, rig

veth = on_veth("queues_test")
QUEUES = 2


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
