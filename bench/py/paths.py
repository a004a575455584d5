# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Every way a program has to the packets of a veth: sockets, io_uring, AF_PACKET, AF_XDP by hand, DPDK drivers, and
libzcnbrh. One program, the same loops, the same wire."""

import dataclasses

import netlab
import programs
from programs import Unable
from report import Section, markdown_table, number
from testpmd import OTHER_CORE

TITLE = "ways to a packet"
NOTE = """One program (`bench/io`) has the packets of a veth in batches of 32 on each of the ways. receive: an XDP
source on the other core sends 64-byte UDP packets as fast as it can, the program takes and counts them. send: the
program copies a 64-byte packet for each one sent; the kernel's netdev counts. round trip: a program on the other
core sends one stamped packet at a time through AF_PACKET and waits for it to come back; the program under test
swaps the MAC addresses (sockets: answers). It spins for the first pair of columns and sleeps between packets for
the second. cycles/packet is the time core 0 was in use, by whomever, in TSC cycles; a program that spins uses all
of it. "in the call": cycles a packet inside the calls that sent, what sending costs a program that has other work
meanwhile. UDP sockets also pass the kernel's IP stack, which the others do without: that is their price, and their
service."""


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    path: str
    keys: str = ""
    gro: bool = False  # no XDP program comes with it

    @property
    def subject(self):
        return self.name


WAYS = (
    Way("UDP socket, recvmmsg/sendmmsg", "socket", gro=True),
    Way("UDP socket, io_uring", "io_uring", gro=True),
    Way("AF_PACKET, mapped rings", "af_packet", gro=True),
    Way("AF_XDP by hand, libxdp", "af_xdp"),
    Way("net_af_xdp", "net_af_xdp"),
    Way("net_af_xdp busy_budget=0", "net_af_xdp", "busy_budget=0"),
    Way("net_zcnbrh", "net_zcnbrh"),
    Way("net_zcnbrh kick=thread", "net_zcnbrh", "kick=thread"),
    Way("libzcnbrh", "libzcnbrh"),
    Way("libzcnbrh kick=thread", "libzcnbrh", "kick=thread"),
)
RECEIVE, SEND, SPIN, SLEEP = "way receive", "way send", "way round trip, spinning", "way round trip, sleeping"


ECHO = ("--seconds", 60, "--warm-up", 0)  # until the other half has had its packets


@dataclasses.dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: float
    round_trips: int
    works: tuple = (RECEIVE, SEND, SPIN, SLEEP)


PLANS = {"full": Plan(3, 0.5, 10_000), "quick": Plan(2, 0.3, 5_000, (RECEIVE, SEND, SPIN)), "smoke": Plan(1, 0.05, 100)}


def _rate(store, bench, way, found, packets):
    if not packets:
        raise Unable("no packet came through")
    store.add(bench, way.name, "rate", "Mpps", packets / found["seconds"] / 1e6)
    store.add(bench, way.name, "cycles/packet", "TSC cycles", found["cycles"] / packets)
    store.add(bench, way.name, "core 0 busy", "%", 100 * found["core_share"])


def _receive(context, lab, way, near, far, plan):
    with programs.io(context.build, way.path, "receive", near, "--seconds", plan.seconds, keys=way.keys) as program:
        with lab.traffic(far, OTHER_CORE, size=64):
            found = program.result()
    _rate(context.store, RECEIVE, way, found, found["packets"])


def _send(context, _, way, near, __, plan):
    with programs.io(context.build, way.path, "send", near, "--seconds", plan.seconds, keys=way.keys) as program:
        found = program.result()
    _rate(context.store, SEND, way, found, found["on_wire"])
    context.store.add(SEND, way.name, "call", "TSC cycles", found["sending_cycles"] / found["packets"])


def _round_trip(context, lab, way, near, far, plan, bench):
    sleep = ["--sleep"] if bench == SLEEP else []
    with programs.io(context.build, way.path, "echo", near, *ECHO, *sleep, keys=way.keys) as program:
        with programs.wire(lab, context.build, "echo", far, "--count", plan.round_trips) as other:
            times = other.result()
        program.stop()
        used = program.result()
    for metric, key in (("p50", "p50_ns"), ("p99", "p99_ns"), ("longest", "max_ns")):
        context.store.add(bench, way.name, metric, "µs", times[key] / 1e3)
    context.store.add(bench, way.name, "lost", "packets", times["lost"])
    context.store.add(bench, way.name, "cpu", "%", 100 * used["cpu_seconds"] / used["seconds"])


def _run_one(context, lab, way, bench, plan):
    with programs.pair(lab, gro=way.gro) as (near, far):
        try:
            if bench == RECEIVE:
                _receive(context, lab, way, near, far, plan)
            elif bench == SEND:
                _send(context, lab, way, near, far, plan)
            else:
                _round_trip(context, lab, way, near, far, plan, bench)
        except Unable as error:
            context.store.refuse(bench, way.name, str(error))


def run(context):
    plan = PLANS[context.length]
    with netlab.Lab() as lab:
        for turn in range(plan.rounds):
            for bench in plan.works:
                for way in WAYS if turn % 2 == 0 else WAYS[::-1]:
                    if not context.store.refusal(bench, way.name):
                        _run_one(context, lab, way, bench, plan)
                metric = "rate" if bench in (RECEIVE, SEND) else "p50"
                shown = [f"{way.name} {number(samples[-1])}" for way in WAYS
                         for samples in [context.store.samples(bench, way.name, metric)] if samples]
                unit = context.store.unit(metric)
                context.say(f"  {bench}, run {turn + 1} of {plan.rounds}, {unit}: {'; '.join(shown)}")


def _row(store, way):
    def cell(bench, metric):
        value = store.median(bench, way.name, metric)
        return "cannot" if value is None and store.refusal(bench, way.name) else number(value)
    row = [way.name]
    for bench in (RECEIVE, SEND):
        row += [cell(bench, "rate"), cell(bench, "cycles/packet")]
    row.append(cell(SEND, "call"))
    for bench in (SPIN, SLEEP):
        row.append(f"{cell(bench, 'p50')} / {cell(bench, 'p99')}" if store.median(bench, way.name, "p50")
                   else cell(bench, "p50"))
    return row + [cell(SLEEP, "cpu")]


def section(store):
    head = ["", "receive, Mpps", "cycles/packet", "send, Mpps", "cycles/packet", "in the call",
            "round trip p50 / p99, µs", "the same, sleeping", "CPU asleep, %"]
    text = [NOTE, markdown_table(head, [_row(store, way) for way in WAYS])]
    refused = [f"- {bench.removeprefix('way ')}, {way.name}: {store.refusal(bench, way.name)}"
               for bench in (RECEIVE, SEND, SPIN, SLEEP) for way in WAYS if store.refusal(bench, way.name)]
    if refused:
        text += ["What could not be run:", "\n".join(refused)]
    names = [way.name for way in WAYS]
    charts = [("ways-rate", "Ways to a packet: rate over veth", "Mpps", [RECEIVE, SEND], names, "rate"),
              ("ways-round-trip", "Ways to a packet: round trip, median", "µs", [SPIN, SLEEP], names, "p50")]
    return Section(TITLE, text, charts)
