#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Counters in a secondary process: the primary's, all of them, or an error."""

import re

from rig import check, equal, eventually, frames, main, testpmd
from secondary_test import QUEUES, both, comes_back, flows

# Read at two moments, these differ: time goes on, and so does the housekeeping of both.
VOLATILE = re.compile(r"cycles|empty_polls|rx_q\d+_waiting|system_calls|wakes|kicks|busy_poll")


def firm(xstats):
    return {name: value for name, value in xstats.items() if not VOLATILE.search(name)}


def the_same(b, why):
    equal(firm(b.secondary.xstats()), firm(b.rig.pmd.xstats()), f"xstats of the secondary and of the primary, {why}")
    equal(b.secondary.stats(), b.rig.pmd.stats(), f"statistics of the secondary and of the primary, {why}")


def flood(b, count):
    """More than the RX rings hold, while nobody polls: the kernel drops and counts."""
    frame = frames.numbered_frame(1, 200, (1, 7))
    for _ in range(count):
        b.rig.peer().send(frame)


def same_numbers():
    """at rest both processes have the same numbers under the same names, losses in the kernel among them"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(1000))
        b.stop()
        flood(b, 3000)
        mine = b.rig.pmd.stats()
        eventually(lambda: b.rig.pmd.stats()["RX-missed"] > 0, lambda: f"no packet missed: {b.rig.pmd.stats()}")
        check(sum(b.rig.pmd.xstats()[f"rx_q{q}_xsk_ring_full"] + b.rig.pmd.xstats()[f"rx_q{q}_xsk_dropped"] +
                  b.rig.pmd.xstats()[f"rx_q{q}_xsk_fill_ring_empty"] for q in range(QUEUES)) > 0,
              f"the kernel counted nothing: {mine}")
        the_same(b, "with packets lost")


def never_falls():
    """queues that are made anew go on counting where they were, seen from the secondary, too"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(1000))
        b.stop()
        flood(b, 3000)
        before = b.secondary.xstats()
        basic = b.secondary.stats()
        b.rig.pmd.commands("port stop 0", "port config 0 rxq 2", "port config 0 rxq 4", "port start 0")
        after = b.secondary.xstats()
        fallen = {name: (value, after.get(name)) for name, value in firm(before).items()
                  if re.search(r"packets|bytes|xsk_|good", name) and after.get(name, 0) < value}
        equal(fallen, {}, "counters that fell")
        check(b.secondary.stats()["RX-packets"] >= basic["RX-packets"] >= 1000, "packets received fell")
        the_same(b, "after a restart")


def reset_shows():
    """a reset in the primary is one in the secondary"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(500))
        b.stop()
        b.rig.pmd.commands("clear port stats all", "clear port xstats all")
        equal(b.secondary.stats()["RX-packets"], 0, "packets received since the reset")
        equal(b.secondary.xstats()["rx_good_packets"], 0, "the same as an xstat")
        the_same(b, "after a reset")


def nobody_to_ask():
    """the primary has died: no numbers rather than wrong ones"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(200))
        b.secondary.command("stop")
        b.rig.pmd.kill()
        said = b.secondary.command("show port xstats 0")
        check(not re.search(r"^\w+: \d+", said, re.MULTILINE), f"numbers without a primary: {said[-500:]}")


if __name__ == "__main__":
    testpmd.end_on_signals()
    main([same_numbers, never_falls, reset_shows, nobody_to_ask])
