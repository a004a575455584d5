#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Where our XDP program is attached by netlink, as on kernels without XDP links, somebody else may put his in its place
in one step (`ip -force link set ... xdp`): the netdev is never without a program, and nobody is asked. Said in the log
with its name, counted once, and left alone by the port's start and close."""

import os
import socket
import struct

from rig import bpf_tool, check, equal, eventually, main, netlab, rig

LOST = "the XDP program was taken off app0 from outside"
RTM_SETLINK = 19
NLM_F_REQUEST_ACK = 5
IFLA_XDP, IFLA_XDP_FD, IFLA_XDP_FLAGS = 43, 1, 3
NLA_F_NESTED = 0x8000


def attribute(kind, payload):
    return struct.pack("=HH", 4 + len(payload), kind) + payload


def set_xdp(netdev, program):
    """The rtnetlink request of `ip -force link set DEV xdp`; -1 takes the program off."""
    xdp = attribute(IFLA_XDP_FD, struct.pack("=i", program))
    xdp += attribute(IFLA_XDP_FLAGS, struct.pack("=I", bpf_tool.XDP_FLAGS_DRV_MODE))
    body = struct.pack("=BBHiII", socket.AF_UNSPEC, 0, 0, socket.if_nametoindex(netdev), 0, 0)
    body += attribute(IFLA_XDP | NLA_F_NESTED, xdp)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(body), RTM_SETLINK, NLM_F_REQUEST_ACK, 1, 0) + body)
        error = struct.unpack_from("=i", netlink.recv(4096), 16)[0]
    if error:
        raise OSError(-error, f"XDP program of {netdev}: {os.strerror(-error)}")


def exchange(r):
    """By `ip -force`'s request: IFLA_XDP_FD without XDP_FLAGS_UPDATE_IF_NOEXIST. Returns the id of the new one."""
    before = netlab.xdp_of(r.lab.link(r.apps[0]))
    program = bpf_tool.load_verdict(bpf_tool.XDP_PASS)
    try:
        set_xdp(r.apps[0], program)
    finally:
        os.close(program)
    after = netlab.xdp_of(r.lab.link(r.apps[0]))
    check(after and after != before, f"the program was not exchanged: {before}, {after}")
    return after


def by_netlink():
    return rig(environment={"ZCNBRH_FORCE_FEATURES": "-bpf_link"})


def displaced(r):
    return r.pmd.xstats()["xdp_program_displaced"]


def said_and_counted(r):
    eventually(lambda: LOST in r.pmd.text, "nothing is said of it")
    eventually(lambda: "'zl_verdict')" in r.pmd.text, "the other program is not named")
    equal(displaced(r), 1, "count")


def on_a_running_port():
    """exchanged while packets flow: said once with the other's name, counted, never taken back by itself"""
    with by_netlink() as r:
        check("native XDP by netlink" in r.pmd.start_text, "the program is not attached by netlink")
        r.ping(50)
        equal(displaced(r), 0, "count at start")
        alien = exchange(r)
        said_and_counted(r)
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), alien, "program on the netdev")
        said = r.pmd.command("port stop 0") + r.pmd.command("port start 0")
        check("not ours and stays" in said, f"the port started over it: {said}")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), alien, "program on the netdev after a start")
        equal(r.pmd.text.count(LOST), 1, "lines about it")
        set_xdp(r.apps[0], -1)
        r.pmd.command("port start 0")
        r.ping(50)
        equal(displaced(r), 1, "count at the end")


def at_close():
    """exchanged, and the port closes: the other program stays"""
    with by_netlink() as r:
        alien = exchange(r)
        said_and_counted(r)
        r.pmd.commands("port stop 0", "port close 0")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), alien, "program on the netdev after close")
        set_xdp(r.apps[0], -1)


if __name__ == "__main__":
    main([on_a_running_port, at_close])
