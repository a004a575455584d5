#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Secondary processes with packets in zero-copy: sub-tests of tests/dpdk/secondary_test.py, a queue for each process."""

import lab_rig
from lab_rig import MODE, equal, main, numbered_flows, on_veth

veth = on_veth("secondary_test")


def modes_of_both():
    """the sockets of primary and secondary are the same two, in zero-copy"""
    with veth.both() as b:
        for pmd in (b.rig.pmd, b.secondary):
            sockets = lab_rig.xsk_watch.xdp_sockets(pmd.process.pid)
            equal([sock["zero_copy"] for sock in sockets], [MODE == "zero-copy"] * veth.QUEUES, "zero-copy sockets")


if __name__ == "__main__":
    veth.QUEUES = 2
    veth.Rig = lab_rig.NicRig
    veth.ROUNDS = 2
    veth.flows = numbered_flows
    main([modes_of_both, veth.share_of_the_queues, veth.takes_over, veth.killed])
