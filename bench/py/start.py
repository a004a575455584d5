# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What starting costs as queues and ports grow: until stock testpmd's ports run, and the memory the kernel pins."""

import dataclasses
import pathlib
import time

import netlab
from report import Section, markdown_table, number
from subjects import OURS, Subject
from testpmd import Testpmd

TITLE = "start"
NOTE = """Stock testpmd on so many veths with so many queues each, one pool of 65,536 mbufs for all, until its prompt
is there; less the same on net_null, which is what EAL, the pool and testpmd take themselves. Pinned: what the
kernel's pin_user_pages() holds once the ports run (nr_foll_pin_* of /proc/vmstat, of the whole machine, so others'
UMEMs that come or go meanwhile are in it). net_af_xdp has one queue on a veth, whatever the veth has."""
SUBJECTS = (Subject(OURS), Subject("net_af_xdp"))
NOTHING = Subject("net_null")
MBUFS = 65536
PAGE_MIB = 4096 / 2**20


@dataclasses.dataclass(frozen=True)
class Shape:
    ports: int
    queues: int

    @property
    def bench(self):
        return f"start ports={self.ports} queues={self.queues}"


@dataclasses.dataclass(frozen=True)
class Plan:
    rounds: int
    shapes: tuple


PLANS = {"full": Plan(3, (Shape(1, 1), Shape(1, 4), Shape(1, 16), Shape(4, 1), Shape(8, 1))),
         "quick": Plan(1, (Shape(1, 1), Shape(4, 1))), "smoke": Plan(1, (Shape(1, 2),))}


def pinned_mib():
    counts = dict(line.split() for line in pathlib.Path("/proc/vmstat").read_text(encoding="ascii").splitlines())
    return (int(counts["nr_foll_pin_acquired"]) - int(counts["nr_foll_pin_released"])) * PAGE_MIB


def _start(subject, shape):
    """(seconds, MiB pinned) of a testpmd whose ports run with all their queues."""
    with netlab.Lab() as lab:
        devices = []
        for port in range(shape.ports):
            near, _ = lab.veth(queues=shape.queues)
            devices.append(f"net_null{port}" if subject is NOTHING else
                           subject.device(port, near, f"queue_count={shape.queues}"))
        before, begin = pinned_mib(), time.monotonic()
        with Testpmd(devices, app=(f"--rxq={shape.queues}", f"--txq={shape.queues}"), mbufs=MBUFS) as pmd:
            seconds, pinned = time.monotonic() - begin, pinned_mib() - before
            if len(pmd.ports()) != shape.ports or "Start ports failed" in pmd.start_text:
                raise RuntimeError(f"{subject.name}: a port does not start:\n{pmd.text}")
            pmd.quit()
    return seconds, pinned


def _round(context, shape, subjects):
    nothing, _ = _start(NOTHING, shape)
    for subject in subjects:
        if shape.queues > 1 and subject.driver != OURS:
            context.store.refuse(shape.bench, subject.name, "one queue on a veth")
            continue
        seconds, pinned = _start(subject, shape)
        context.store.add(shape.bench, subject.name, "start", "ms", 1e3 * (seconds - nothing))
        context.store.add(shape.bench, subject.name, "pinned", "MiB", pinned)
        context.say(f"  {shape.bench}, {subject.name}: {1e3 * (seconds - nothing):.0f} ms, {pinned:.0f} MiB")


def run(context):
    plan = PLANS[context.length]
    for turn in range(plan.rounds):
        for shape in plan.shapes:
            _round(context, shape, SUBJECTS if turn % 2 == 0 else SUBJECTS[::-1])


def section(store):
    benches = [name for name in store.benches() if name.startswith("start ")]
    if not benches:
        return None
    rows = [[name.removeprefix("start "), *(number(store.median(name, subject.name, metric)) for subject in SUBJECTS
                                            for metric in ("start", "pinned"))] for name in benches]
    head = ["", *(f"{subject.name}, {what}" for subject in SUBJECTS for what in ("start, ms", "pinned, MiB"))]
    return Section(TITLE, [NOTE, markdown_table(head, rows)])
