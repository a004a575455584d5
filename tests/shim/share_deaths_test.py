#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The example's native stage, killed at any moment of its work, again and again: the next one goes on, and every packet
is where it belongs or was in the dead one's hands."""

import collections
import contextlib
import os
import random
import signal
import subprocess
import time

from shim_rig import BUILD, check, equal, eventually, main, netlab, testpmd
from rings_test import ask, stage
from share_memory_test import both, sharer

MBUFS = 32767
FEW_MBUFS = 4095
STRIDE = 5
ROUNDS = 150        # at least,
MOST_ROUNDS = 1000  # and until one has died inside an operation
KINDS = {"enqueue finished", "dequeue undone"}
RINGS = "to_stage from_stage"


def report_of(pid, native):
    return next(one for one in ask(pid)["native"] if one["pid"] == native)


def end_of(pid, native):
    """Kills a stage: its report, after its end was seen."""
    native.process.send_signal(signal.SIGKILL)
    equal(native.process.wait(20), -signal.SIGKILL, "how the stage ended")
    eventually(lambda: report_of(pid, native.process.pid)["gone"], "its end is not seen")
    return report_of(pid, native.process.pid)


def kill_one(pid, delay):
    """A stage that works, then is killed: its report."""
    with contextlib.closing(stage(pid)) as native:
        equal(native.first, "attached\n", "the stage's first word")

        def moved():
            return next(one["given"] for one in report_of(pid, native.process.pid)["attached"] if one["name"] == "from_stage")
        eventually(moved, "the stage moves nothing: the ring does not go on")
        time.sleep(delay)
        return end_of(pid, native)


def deaths(beside=0):
    """Kills stages, one after another, while `beside` others work on the same rings."""
    seed = random.randrange(2**32)
    print(f"# seed {seed}")
    dice = random.Random(seed)
    with contextlib.ExitStack() as stack:
        dpdk = stack.enter_context(contextlib.closing(sharer(*testpmd.memory_options(128))))
        pid = int(dpdk.first.split()[1])
        check(dpdk(f"pool packets {MBUFS}").startswith("pool "), "no pool")
        for name in RINGS.split():
            equal(dpdk(f"ring {name}"), "ring", name)
        dpdk.process.stdin.write(f"circulate packets {RINGS}\n")
        dpdk.process.stdin.flush()
        others = [stack.enter_context(contextlib.closing(stage(pid))) for _ in range(beside)]
        found = []
        repairs = collections.Counter()
        while len(found) < ROUNDS or not repairs:
            check(len(found) < MOST_ROUNDS, f"none of {len(found)} died inside an operation: this shows nothing")
            found.append(kill_one(pid, dice.uniform(0, 0.01)))
            repairs.update(one["repair"] for one in found[-1]["attached"] if one["repair"] != "nothing")
        found += [end_of(pid, other) for other in others]
        check(int(dpdk("").split()[0]) > 0, "nothing came through")
        held = sum(one["held"] for one in found)
        print(f"# {len(found)} deaths, {held} packets in hand, {dict(repairs)}")
        equal(dpdk(f"settle packets {RINGS}"), f"{MBUFS - held} and 0",
              f"packets that are left after {len(found)} deaths with {held} in hand, and those that are there twice")
        check(set(repairs) <= KINDS, f"repairs: {repairs}")
        check(all(one["held"] <= 32 for one in found), f"more than a burst in hand: {found}")


def anywhere():
    """stages killed at random moments under full load: the next one works, no packet is lost but what they held, none twice"""
    deaths()


def beside_another():
    """the same while another stage lives and works on the same rings"""
    deaths(beside=1)


def stepped(pid, steps):
    """What tests/shim/step_peer.cc says: "killed" or "done", and a number."""
    done = subprocess.run([*netlab.DIE_WITH_US, str(BUILD / "tests/shim/step_peer"), str(pid), str(steps)],
                          env={**os.environ, "LD_BIND_NOW": "1"}, capture_output=True, text=True, timeout=120, check=False)
    equal(done.returncode, 0, f"exit status of the native process ({done.stderr})")
    what, number = done.stdout.split()
    return what, int(number)


def at_each_step():
    """killed after any number of instructions of the library's own code: each packet is in the pool or was in its hands"""
    with contextlib.closing(sharer(*testpmd.memory_options(64))) as dpdk:
        pid = int(dpdk.first.split()[1])
        check(dpdk(f"pool packets {FEW_MBUFS}").startswith("pool "), "no pool")
        for name in RINGS.split():
            equal(dpdk(f"ring {name}"), "ring", name)

        def fill():
            equal([dpdk("chain to_stage packets") for _ in range(8)], ["sent"] * 8, "packets in the ring")
        fill()
        what, steps = stepped(pid, 10**6)
        equal(what, "done", "a process that is not killed")
        held, repairs = 0, collections.Counter()
        for step in range(random.randrange(STRIDE), steps, STRIDE):
            equal(dpdk(f"settle packets {RINGS}"), f"{FEW_MBUFS - held} and 0", f"packets, before step {step}")
            fill()
            what, native = stepped(pid, step)
            if what == "done":  # a little less to do this time
                continue
            eventually(lambda: report_of(pid, native)["gone"], "its end is not seen")
            found = report_of(pid, native)
            held += found["held"]
            repairs.update(f"{one['name']}: {one['repair']}" for one in found["attached"] if one["repair"] != "nothing")
            equal(dpdk(f"settle packets {RINGS}"), f"{FEW_MBUFS - held} and 0", f"packets, after step {step}: {found}")
        print(f"# {steps} steps, {held} packets in hand, {dict(repairs)}")
        for kind in ("packets: dequeue undone", "packets: enqueue finished", "to_stage: dequeue undone",
                     "from_stage: enqueue finished"):
            check(repairs[kind], f"none died so: {kind}")


def in_hand():
    """what a native process has in hand is counted over all that it has ever attached"""
    with both() as (dpdk, native):
        dpdk("pool packets 500")
        dpdk("ring back")
        equal((native("pool packets"), native("ring back")), ("0", "0"), "attaching")
        for letter in "abc":
            equal(native(f"give packets back {letter}"), "1", "a packet into the ring")
        equal((native("leave packets"), native("pool packets")), ("0", "0"), "attaching the pool again")
        equal([native("hold packets") for _ in range(2)], ["1", "1"], "packets out of the pool")
        equal(report_of(int(dpdk.first.split()[1]), native.process.pid)["held"], 2, "packets in hand")


if __name__ == "__main__":
    main([at_each_step, anywhere, beside_another, in_hand])
