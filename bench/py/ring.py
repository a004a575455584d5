# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The ring peer benches: programs of their own (bench/ring), run in turn, their tables taken as they are."""

import json
import subprocess
import tempfile
import time

from report import Section

TITLE = "ring peer"
PROGRAMS = ("ring_native", "ring_pmd", "ring_latency", "ring_growth", "ring_insns")
NOTE = """A thread on the other core plays the kernel on the same ring memory: what the driver and the library cost by
themselves, without a kernel. Every subject of a table runs against the same peer."""

_tables = {}  # program -> what it printed


def _run_one(context, name):
    program = context.build / "bench/ring" / name
    if not program.exists():
        context.say(f"  {name} is not built")
        return
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [str(program), "--json", out.name, *(["--quick"] if context.length != "full" else [])]
        started = time.monotonic()
        context.say(f"  {name} ...")
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=600)
        if done.returncode:
            context.say(f"  {name}: exit status {done.returncode}")
            _tables[name] = f"{done.stdout}\nexit status {done.returncode}"
            return
        context.store.merge(json.load(out))
    _tables[name] = done.stdout.strip()
    context.say(f"  {name}: {time.monotonic() - started:.0f} s")


def run(context):
    for name in PROGRAMS:
        _run_one(context, name)


def section(_):
    if not _tables:
        return None
    text = [NOTE]
    for name, table in _tables.items():
        text += [f"`build/bench/ring/{name}`", table if table.startswith(("|", "#")) else f"```\n{table}\n```"]
    return Section(TITLE, text)
