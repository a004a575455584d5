#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""testpmd's forward modes against the kernel at the other NIC: payload and order of every packet, both ways.

The sub-tests are those of tests/dpdk/forward_test.py, on NICs in place of the veth pairs.
"""

from lab_rig import main  # first: it knows where the tests of tests/dpdk are

import forward_test as veth  # pylint: disable=wrong-import-order

if __name__ == "__main__":
    main([veth.io, veth.csum, veth.txonly_chained, veth.gso, veth.icmpecho])
