#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's forward modes against the kernel at the other NIC: payload and order of every packet, both ways.

The sub-tests are those of tests/dpdk/forward_test.py, on NICs in place of the veth pairs.
"""

from lab_rig import IGB, main, on_veth

veth = on_veth("forward_test")

if __name__ == "__main__":
    # The last one forwards between the pair's NIC and an igb.
    main([veth.io, veth.csum, veth.txonly_chained, veth.gso, veth.icmpecho] + ([] if IGB else [veth.two_ports]))
