#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""mode=: where the XDP program runs is what was asked for, or the port does not start."""

import contextlib
import os

from rig import bpf_tool, check, device, equal, frames, main, netlab, rig

NATIVE, SKB = 1, 2  # mode of an XDP program as `ip -json link` tells it


def carries_packets(r, count=300):
    r.forward("io")
    sent = [frames.numbered_frame(number, (60, 300, 1514)[number % 3]) for number in range(count)]
    equal(r.peer().exchange(sent), sent, "frames that came back")
    r.pmd.command("stop")


def attached_in(r):
    return r.lab.link(r.apps[0]).get("xdp", {}).get("mode")


@contextlib.contextmanager
def without_native(r):
    """An MTU that veth does not take in native mode from a program of the time before multi-buffer packets."""
    netlab.run("ip", "link", "set", r.apps[0], "mtu", 9000)
    r.before[0]["mtu"] = 9000
    r.lab.peer_run("ip", "link", "set", r.peers[0], "mtu", 9000)
    os.environ["ZCNBRH_FORCE_FEATURES"] = "-multi_buffer"
    try:
        yield
    finally:
        del os.environ["ZCNBRH_FORCE_FEATURES"]


def runs(mode, where, words):
    def test():
        with rig(keys={"mode": mode}) as r:
            missing = [word for word in words if word not in r.pmd.start_text]
            check(not missing, f"the output does not say {missing}")
            equal(attached_in(r), where, "mode of the program on the netdev")
            carries_packets(r)
    test.__doc__ = f"mode={mode}: {words[0]}"
    return test


def skb_of_two_ports():
    """mode=skb for two ports of one netdev: one program"""
    with rig(start=False, queues=2) as r:
        r.pmd = r.launch([device(f"net_zcnbrh{queue}", iface=r.apps[0], start_queue=queue, mode="skb")
                          for queue in (0, 1)])
        check("Fail to" not in r.pmd.start_text, "a port did not start")
        equal(attached_in(r), SKB, "mode of the program on the netdev")


def modes_of_two_ports():
    """mode=drv and mode=skb for two ports of one netdev: the second is refused, the first goes on"""
    with rig(start=False, queues=2) as r:
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], mode="drv"),
                          device("net_zcnbrh1", iface=r.apps[0], start_queue=1, mode="skb")])
        check("Fail to start port 1" in r.pmd.start_text, "two modes on one netdev")
        check("has this process's program in native mode" in r.pmd.start_text, "no reason")
        equal(attached_in(r), NATIVE, "mode of the program on the netdev")


def drv_refused():
    """mode=drv where the driver refuses native XDP: no fallback; mode=auto takes SKB mode there"""
    with rig(start=False) as r, without_native(r):
        options = {"app": ["--mbuf-size=3904", "--max-pkt-len=1518"]}
        pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], mode="drv")], **options)
        check("Fail to start port 0" in pmd.start_text and "refuses native XDP" in pmd.start_text, "no refusal")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program on the netdev")
        equal(pmd.quit(), 0, "exit status of testpmd")
        r.pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], mode="auto")], **options)
        check("SKB XDP" in r.pmd.start_text, "no SKB mode")
        equal(attached_in(r), SKB, "mode of the program on the netdev")


def hw_refused():
    """mode=hw on a driver without XDP offload: refused with driver and cure, nothing attached"""
    with rig(start=False) as r:
        pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], mode="hw")])
        missing = [word for word in ("Fail to start port 0", "mode=hw", "driver veth", "give mode=drv")
                   if word not in pmd.start_text]
        check(not missing, f"the output does not say {missing}")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program on the netdev")
        equal(pmd.quit(), 0, "exit status of testpmd")
        r.pmd = None


def alien_skb():
    """mode=skb beside somebody else's program in SKB mode: he stays, and the error names him"""
    with rig(start=False) as r, bpf_tool.XdpOnLink(r.apps[0], bpf_tool.XDP_PASS, bpf_tool.XDP_FLAGS_SKB_MODE):
        program = netlab.xdp_of(r.lab.link(r.apps[0]))
        pmd = r.launch([device("net_zcnbrh0", iface=r.apps[0], mode="skb")])
        check("not ours and stays" in pmd.start_text, "no reason")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), program, "the other's program")
        equal(pmd.quit(), 0, "exit status of testpmd")


if __name__ == "__main__":
    main([runs("drv", NATIVE, ["native XDP"]),
          runs("skb", SKB, ["SKB XDP", "not zero-copy: the XDP program runs in SKB mode (mode=skb)"]),
          skb_of_two_ports, modes_of_two_ports, drv_refused, hw_refused, alien_skb])
