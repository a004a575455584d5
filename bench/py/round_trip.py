# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The kernel pings through testpmd's icmpecho, in every mode of both drivers."""

import frames
import netlab
from report import Section, markdown_table, number
from subjects import Subject
from testpmd import Testpmd

TITLE = "round trip, ping through icmpecho"
NOTE = """The kernel's stack at the far end of a veth pair sends a ping as soon as the last one is answered (`ping
-f`), stock testpmd answers in icmpecho. Average and longest of all pings of a run. "the kernel itself": its own
stack answers in place of testpmd."""
BENCH = "ping"
KERNEL = "the kernel itself"
MODES = (
    Subject("net_zcnbrh"),
    Subject("net_zcnbrh", "busy_budget=0"),
    Subject("net_zcnbrh", "busy_budget=64"),
    Subject("net_zcnbrh", "kick=thread"),
    Subject("net_af_xdp"),
    Subject("net_af_xdp", "busy_budget=0"),
    Subject("net_af_packet"),
)
APP_ADDRESS, PEER_ADDRESS = "10.1.0.1", "10.1.0.2"
LENGTHS = {"full": (3, 10_000), "quick": (1, 3_000), "smoke": (1, 50)}  # runs, pings


def _ping(context, lab, name, count):
    netlab.ping(lab, APP_ADDRESS, max(10, count // 50))  # the first one has to resolve the address
    pings = netlab.ping(lab, APP_ADDRESS, count)
    if not pings.received:
        context.store.refuse(BENCH, name, "no answer")
        return
    for metric, value in (("average", pings.avg_us), ("longest", pings.max_us)):
        context.store.add(BENCH, name, metric, "µs", value)
    context.store.add(BENCH, name, "lost", "packets", pings.sent - pings.received)
    context.say(f"  {name}: average {pings.avg_us:.0f}, longest {pings.max_us:.0f} µs, "
                f"{pings.received} of {pings.sent} answered")


def _run_one(context, subject, count):
    with netlab.Lab() as lab:
        near, far = lab.veth(app_mac=frames.mac_text(frames.APP_MAC), peer_mac=frames.mac_text(frames.PEER_MAC))
        lab.peer_address(far, f"{PEER_ADDRESS}/24")
        if subject is None:
            netlab.run("ip", "addr", "add", f"{APP_ADDRESS}/24", "dev", near)
            _ping(context, lab, KERNEL, count)
            return
        if not subject.takes_xdp:
            netlab.run("ethtool", "-K", near, "gro", "on")
        with Testpmd([subject.device(0, near)]) as pmd:
            if not pmd.ports():
                context.store.refuse(BENCH, subject.name, "the port does not start")
                return
            pmd.commands("set fwd icmpecho", "start")
            _ping(context, lab, subject.name, count)


def run(context):
    rounds, count = LENGTHS[context.length]
    for turn in range(rounds):
        subjects = [*MODES, None]
        for subject in subjects if turn % 2 == 0 else subjects[::-1]:
            _run_one(context, subject, count)


def section(store):
    names = [subject.name for subject in MODES] + [KERNEL]
    rows = [[name, *(number(store.median(BENCH, name, metric)) for metric in ("average", "longest")),
             f"{max(store.samples(BENCH, name, 'lost'), default=0):.0f}"] for name in names]
    table = markdown_table(["", "average, µs", "longest, µs", "lost"], rows)
    charts = [(f"ping-{metric}", f"Ping through icmpecho: {metric}", "µs", [BENCH], names, metric)
              for metric in ("average", "longest")]
    return Section(TITLE, [NOTE, table], charts)
