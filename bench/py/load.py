# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What a program costs at a load: nothing, ten thousand, a hundred thousand, a million packets a second."""

import dataclasses
import pathlib

import netlab
import programs
from programs import Unable
from report import Section, markdown_table, number

TITLE = "CPU at a load"
NOTE = """A program on the other core sends stamped 64-byte packets evenly, through AF_PACKET; the program under
test takes them and looks at the stamps. CPU: of its process, all threads, in % of a core. Latency: from the stamp
to the packet in the program's hands, so a part of it is the sender's system call and the veth. "sleeps": poll() on
the socket, recvmmsg() that blocks, RX interrupts as l3fwd-power uses them. System calls are of the working thread,
counted in a run of its own (the counting slows them). softirq: the kernel's network work on the program's core, as
a part of the time; with a source on the other core it is done there, unless the program calls for it (busy
polling)."""
RATES = (0, 10_000, 100_000, 1_000_000)


@dataclasses.dataclass(frozen=True)
class Loaded:
    name: str
    path: str
    sleeps: bool
    keys: str = ""
    gro: bool = False


SUBJECTS = (
    Loaded("libzcnbrh, sleeps", "libzcnbrh", True),
    Loaded("net_zcnbrh, sleeps", "net_zcnbrh", True),
    Loaded("net_af_xdp, sleeps", "net_af_xdp", True),
    Loaded("AF_XDP by hand, sleeps", "af_xdp", True),
    Loaded("UDP socket, sleeps", "socket", True, gro=True),
    Loaded("libzcnbrh, spins", "libzcnbrh", False),
    Loaded("net_zcnbrh, spins", "net_zcnbrh", False),
    Loaded("net_af_xdp, spins", "net_af_xdp", False),
    Loaded("net_af_xdp busy_budget=0, spins", "net_af_xdp", False, "busy_budget=0"),
)


@dataclasses.dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: float
    rates: tuple = RATES


PLANS = {"full": Plan(2, 0.5), "quick": Plan(1, 0.5, (0, 100_000)), "smoke": Plan(1, 0.1, (0, 10_000))}


def bench_name(rate):
    return f"load {rate:,} packets/s".replace(",", " ")


def _measure(context, lab, subject, rate, seconds, *more):
    with programs.pair(lab, gro=subject.gro) as (near, far):
        options = ["--seconds", seconds, *(["--sleep"] if subject.sleeps else []), *([] if rate else ["--idle"]), *more]
        with programs.io(context.build, subject.path, "receive", near, *options, keys=subject.keys) as program:
            if not rate:
                return program.result(), None
            # It starts before and ends after the measurement, whatever the machine does meanwhile.
            with programs.wire(lab, context.build, "source", far, "--pps", rate, "--seconds", 30) as source:
                found = program.result()
                source.stop()
                return found, source.result()


def _store(store, bench, name, found, sent):
    store.add(bench, name, "cpu", "%", 100 * found["cpu_seconds"] / found["seconds"])
    store.add(bench, name, "core 0 softirq", "%", 100 * found["softirq_share"])
    if sent:
        store.add(bench, name, "offered", "packets/s", sent["packets"] / sent["seconds"])
        store.add(bench, name, "received", "packets/s", found["packets"] / found["seconds"])
        for metric, key in (("p50", "p50_ns"), ("p99", "p99_ns"), ("longest", "max_ns")):
            store.add(bench, name, metric, "µs", found[key] / 1e3)


def _mount_tracefs():
    """In our own mount namespace; the system calls are counted by a tracepoint."""
    if not pathlib.Path("/sys/kernel/tracing/events").exists():
        netlab.run("mount", "-t", "tracefs", "none", "/sys/kernel/tracing", check=False)


def _run_one(context, lab, subject, rate, plan):
    bench = bench_name(rate)
    try:
        _store(context.store, bench, subject.name, *_measure(context, lab, subject, rate, plan.seconds))
    except Unable as error:
        context.store.refuse(bench, subject.name, str(error))
        return
    try:
        counted, _ = _measure(context, lab, subject, rate, plan.seconds / 2, "--count-calls")
        context.store.add(bench, subject.name, "system calls", "1/s", counted["calls"] / counted["seconds"])
    except Unable as error:
        context.say(f"  system calls are not counted: {error}")


def run(context):
    plan = PLANS[context.length]
    with netlab.Lab() as lab:
        _mount_tracefs()
        for turn in range(plan.rounds):
            for rate in plan.rates:
                for subject in SUBJECTS if turn % 2 == 0 else SUBJECTS[::-1]:
                    if not context.store.refusal(bench_name(rate), subject.name):
                        _run_one(context, lab, subject, rate, plan)
                shown = [f"{subject.name} {number(samples[-1])}" for subject in SUBJECTS
                         for samples in [context.store.samples(bench_name(rate), subject.name, "cpu")] if samples]
                context.say(f"  {bench_name(rate)}, run {turn + 1} of {plan.rounds}, CPU %: {'; '.join(shown)}")


def _rows(store, bench):
    rows = []
    for subject in SUBJECTS:
        def cell(metric, name=subject.name):
            return number(store.median(bench, name, metric))
        if store.median(bench, subject.name, "cpu") is None:
            rows.append([subject.name, "cannot" if store.refusal(bench, subject.name) else "", *[""] * 5])
            continue
        latency = f"{cell('p50')} / {cell('p99')}" if cell("p50") else ""
        rows.append([subject.name, cell("cpu"), latency, cell("longest"), cell("received"), cell("system calls"),
                     cell("core 0 softirq")])
    return rows


def section(store):
    text = [NOTE]
    rates = [rate for rate in RATES if bench_name(rate) in store.benches()]
    for rate in rates:
        bench = bench_name(rate)
        offered = [value for subject in SUBJECTS for value in store.samples(bench, subject.name, "offered")]
        text += [f"{rate:,} packets a second asked for".replace(",", " ")
                 + (f", {min(offered):.0f} to {max(offered):.0f} sent:" if offered else ":"),
                 markdown_table(["", "CPU, %", "latency p50 / p99, µs", "longest, µs", "received/s", "system calls/s",
                                 "softirq, %"], _rows(store, bench))]
    refused = {(subject.name, store.refusal(bench_name(rate), subject.name)) for subject in SUBJECTS for rate in rates}
    refused = [f"- {name}: {why}" for name, why in sorted(refused, key=str) if why]
    if refused:
        text += ["What could not be run:", "\n".join(refused)]
    names = [subject.name for subject in SUBJECTS]
    benches = [bench_name(rate) for rate in rates]
    return Section(TITLE, text, [("load-cpu", "CPU at a load", "% of a core", benches, names, "cpu"),
                                 ("load-latency", "Latency at a load, median", "µs", benches, names, "p50")])
