# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Energy by RAPL: joules a second of a program that spins and of one that sleeps, at the same load."""

import pathlib
import time

import load
import netlab
import programs
from report import Section, markdown_table, number

TITLE = "energy"
POWERCAP = pathlib.Path("/sys/class/powercap")
BENCH = "energy at 100 000 packets/s"
RATE = 100_000
SECONDS = {"full": 3.0, "quick": 1.0, "smoke": 0.2}
IDLE = "nothing runs"


def zones():
    """The packages' energy counters; empty where the machine, or its hypervisor, has none."""
    return [zone for zone in sorted(POWERCAP.glob("intel-rapl:*")) if zone.name.count(":") == 1
            and (zone / "energy_uj").exists()]


def _joules():
    return sum(int((zone / "energy_uj").read_text(encoding="ascii")) for zone in zones()) / 1e6


def _turn_over():
    return sum(int((zone / "max_energy_range_uj").read_text(encoding="ascii")) for zone in zones()) / 1e6


def _watts(seconds):
    """Over that time; the counters turn over."""
    before, start = _joules(), time.monotonic()
    time.sleep(seconds)
    used, span = _joules() - before, time.monotonic() - start
    return (used if used >= 0 else used + _turn_over()) / span


def _run_one(context, lab, subject, seconds):
    with programs.pair(lab, gro=subject.gro) as (near, far):
        options = ["--seconds", 60, *(["--sleep"] if subject.sleeps else [])]
        with programs.io(context.build, subject.path, "receive", near, *options, keys=subject.keys) as program:
            with programs.wire(lab, context.build, "source", far, "--pps", RATE, "--seconds", 60):
                time.sleep(0.2)
                context.store.add(BENCH, subject.name, "power", "W", _watts(seconds))
                program.stop()
                if not program.result()["packets"]:
                    context.store.refuse(BENCH, subject.name, "no packet came through")


def run(context):
    if not zones():
        context.say(f"  no RAPL counter in {POWERCAP}: not measured")
        return
    seconds = SECONDS[context.length]
    context.store.add(BENCH, IDLE, "power", "W", _watts(seconds))
    with netlab.Lab() as lab:
        for subject in load.SUBJECTS:
            try:
                _run_one(context, lab, subject, seconds)
                context.say(f"  {subject.name}: {context.store.median(BENCH, subject.name, 'power'):.1f} W")
            except programs.Unable as error:
                context.store.refuse(BENCH, subject.name, str(error))


def section(store):
    if not store.subjects(BENCH):
        return Section(TITLE, [f"Not measured: this machine shows no RAPL counter in `{POWERCAP}` (most virtual "
                               "machines do not)."])
    rows = [[name, number(store.median(BENCH, name, "power"))] for name in store.subjects(BENCH)]
    return Section(TITLE, [f"Power of the processor packages by RAPL, {BENCH.partition(' ')[2]}; the source is in it.",
                           markdown_table(["", "W"], rows)])
