#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Packets longer than a buffer on real NICs, and what they cost in zero-copy: the kernel's MTU rule, and drivers that
have several buffers a packet in copy mode only."""

from lab_rig import MODE, PAIR, check, equal, main, netlab, rig

import jumbo_wire as veth  # pylint: disable=wrong-import-order

LARGEST_IN_ONE = 2022  # MTU + 26 bytes in one buffer of 2048: testpmd's own mbufs


def reason(r):
    lines = [line for line in r.pmd.start_text.splitlines() if f"({r.apps[0]} queue 0)" in line]
    equal(len(lines), 1, f"lines of the queue in {r.pmd.start_text}")
    return lines[0]


def mtu_of_one_buffer():
    """the largest MTU that one buffer takes is zero-copy, with packets of that length"""
    with veth.jumbo(mtu=LARGEST_IN_ONE, app=["--tx-offloads=0"]) as r:
        equal(r.modes(), [MODE], reason(r))
        veth.back_and_forth(r, [veth.raw_frame(60 + at * 31 % (LARGEST_IN_ONE - 45), at) for at in range(400)], MODE)


def mtu_beyond_the_rule():
    """one byte more: copy mode, and the start line names the largest MTU"""
    with veth.jumbo(mtu=LARGEST_IN_ONE + 1, app=["--tx-offloads=0"]) as r:
        line = reason(r)
        if r.modes() == ["zero-copy"]:  # a kernel before the rule
            return
        check(f"at most {LARGEST_IN_ONE}" in line and f"has {LARGEST_IN_ONE + 1}" in line, line)


def nine_thousand():
    """MTU 9000: copy mode since the driver has no segments in zero-copy mode, which the start line says; every byte
    arrives"""
    with veth.jumbo() as r:
        equal(r.modes(), ["copy"], reason(r))
        check("multi-buffer" in reason(r), reason(r))
        check(MODE == "copy" or PAIR == "igb" or "zc_max_segs 1" in reason(r), reason(r))
        veth.back_and_forth(r, [veth.raw_frame(60 + at * 31 % (veth.LONGEST - 59), at) for at in range(600)], "MTU 9000")
        equal(r.pmd.xstats()["rx_q0_dropped_segments"], 0, "buffers of dropped packets")
    equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program left")


def require_is_refused():
    """MTU 9000 with zc=require: the port does not start and says why"""
    with rig.rig(start=False) as r:
        veth.set_mtu(r, veth.MTU)
        r.pmd = r.launch([f"net_zcnbrh0,iface={r.apps[0]},zc=require"], app=["--max-pkt-len=9018"])
        check("Fail to start" in r.pmd.start_text and "zc=require" in r.pmd.start_text, r.pmd.start_text)


if __name__ == "__main__":
    main([mtu_of_one_buffer, mtu_beyond_the_rule, nine_thousand, require_is_refused])
