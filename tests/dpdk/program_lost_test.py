#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Our XDP program taken off the netdev from outside, or another one put in its place: said in the log and counted,
never put back by itself, never at the cost of somebody else's program. The next port start puts it back.

net_af_xdp notices nothing, and at its end takes off whatever program is there then (22.11: remove_xdp_program()).
"""

import contextlib

from rig import bpf_tool, check, device, equal, eventually, main, netlab, rig

LOST = "the XDP program was taken off app0 from outside"


def displaced(r):
    return r.pmd.xstats()["xdp_program_displaced"]


def force_off(r):
    """What `bpftool link detach` does: it needs no more than the link's number."""
    bpf_tool.detach_xdp_links(r.lab.link(r.apps[0])["ifindex"])


def said(r, times=1):
    eventually(lambda: r.pmd.text.count(LOST) >= times, f"'{LOST}' is not said {times} times")


def detached():
    """detached by force: said once, counted, the netdev's packets go to the host; a new start puts it back"""
    with rig() as r:
        equal(displaced(r), 0, "count at start")
        force_off(r)
        said(r)
        check("(now there: nothing)" in r.pmd.text, "it does not say that no program is there")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program, which must not come back by itself")
        equal(displaced(r), 1, "count")
        r.pmd.commands("port stop 0", "port start 0")
        r.ping(50)
        equal(r.pmd.text.count(LOST), 1, "lines about it")


def replaced():
    """replaced by somebody else's: named, left alone by start and close; when it is gone a start works"""
    with rig() as r:
        force_off(r)
        alien = bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS)
        with contextlib.closing(alien):
            said(r)
            eventually(lambda: "'zl_verdict')" in r.pmd.text, "the other program is not named")
            r.pmd.command("port stop 0")
            check("not ours and stays" in r.pmd.command("port start 0"), "the port started over it")
            check(netlab.xdp_of(r.lab.link(r.apps[0])), "somebody else's program is gone")
        r.pmd.command("port start 0")
        r.ping(50)


def replaced_at_close():
    """replaced by somebody else's, and the port closes: the other program stays"""
    with rig() as r:
        force_off(r)
        with contextlib.closing(bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS)):
            said(r)
            r.pmd.commands("port stop 0", "port close 0")
            check(netlab.xdp_of(r.lab.link(r.apps[0])), "somebody else's program was taken off")


def two_ports_of_one_netdev():
    """two ports share the program: both are told, and both are back after stop and start"""
    with rig(start=False, queues=2) as r:
        r.pmd = r.launch([device(f"net_zcnbrh{n}", iface=r.apps[0], start_queue=n) for n in range(2)])
        force_off(r)
        said(r, 2)
        r.pmd.commands("port stop all", "port start all", "set portlist 0,1")
        r.ping(50)


if __name__ == "__main__":
    main([detached, replaced, replaced_at_close, two_ports_of_one_netdev])
