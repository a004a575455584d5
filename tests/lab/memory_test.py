#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Every kind of memory under the NIC's own DMA: nothing is lost, and where zero-copy would lose packets the port goes
to copy mode and says why.

The kernel maps a UMEM for the device page by page. A chunk that crosses into a page which is not the next one for the
device is dropped without a word (xp_desc_crosses_non_contig_pg() in net/xdp/xsk_buff_pool.c): behind an IOMMU, or in
memory of 4 KiB pages.
"""

from lab_rig import IGB, IOMMU, check, equal, exchange, main, rig

NO_HUGE = ["--no-huge", "-m", "256"]


def memory(name, mode, keys=None, reason=None, copied=False, **options):
    def test():
        with rig.rig(keys=keys, **options) as r:
            if reason:
                check(reason in r.pmd.start_text, f"the driver does not say '{reason}'")
            equal(r.modes(), [mode], "mode by XDP_OPTIONS")
            exchange(r, 1000)
            equal(r.pmd.xstats()["rx_q0_copied"], 1000 if copied else 0, "packets received by copy")
    test.__doc__ = name
    return test


CROSSING = {"pool_ops": 0}  # DPDK's own layout: about half of the elements cross a page

if __name__ == "__main__":
    main([
        memory("huge pages, chunks across pages: " + ("copy mode behind the IOMMU" if IOMMU else "zero-copy"),
               "copy" if IOMMU else "zero-copy", CROSSING, "IOMMU" if IOMMU else None),
        memory("--no-huge: zero-copy", "zero-copy", memory=NO_HUGE, mbufs=8192),
    ] + ([] if IGB else [
        # There DPDK's own layout keeps elements within pages, too.
        memory("--no-huge, pool_ops=0: zero-copy", "zero-copy", CROSSING, memory=NO_HUGE, mbufs=8192),
        memory("huge pages through files", "zero-copy", memory=["-m", "256"]),
        memory("--legacy-mem", "zero-copy", memory=["--legacy-mem", "-m", "256"]),
        memory("pinned external buffers: zero-copy into frames of ours, and copied from there", "zero-copy",
               app=["--mp-alloc=xbuf"], copied=True),
        memory("private memory without a file: zero-copy where it is", "zero-copy", app=["--mp-alloc=xmem"]),
    ]))
