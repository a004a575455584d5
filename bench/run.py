#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Runs the benches and writes results.json, report.md and plots (SVG) to a folder that it names.

`make bench` runs all of it in less than 20 minutes, `make bench-quick` the most telling part in 2. Nothing is checked
by time. It needs root, AF_XDP and a build with the driver; all traffic stays in network namespaces of its own.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/support/py"), str(ROOT / "bench/py")]
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import energy
import load
import machine
import netlab
import paths
import report
import ring
import round_trip
import shim
import start
import veth
from store import Store
from testpmd import end_on_signals

# In the order of the report. Name -> (module, whether --quick has it)
BENCHES = {"ring": (ring, True), "veth": (veth, True), "ping": (round_trip, True), "paths": (paths, True),
           "load": (load, False), "start": (start, False), "shim": (shim, False), "energy": (energy, False)}
RESULTS = "bench/results"  # of --write-readme, beside bench/README.md


@dataclasses.dataclass
class Context:
    length: str  # full, quick, smoke
    build: pathlib.Path
    store: Store = dataclasses.field(default_factory=Store)
    chosen: list = dataclasses.field(default_factory=list)
    started: float = dataclasses.field(default_factory=time.monotonic)

    def say(self, text):
        print(f"{time.monotonic() - self.started:6.1f} s {text}", file=sys.stderr, flush=True)


def draw_all(found, sections, folder):
    import plots  # pylint: disable=import-outside-toplevel  # not needed, and perhaps not installed, for a smoke test
    for section in sections:
        section.charts = [chart for chart in section.charts if plots.draw(found, chart, folder)]


def write(context, header, folder, readme):
    """The result in `folder`, and in bench/README.md when asked for."""
    sections = [section for name, (module, _) in BENCHES.items() if name in context.chosen
                for section in [module.section(context.store)] if section]
    folder.mkdir(parents=True, exist_ok=True)
    context.store.write(folder / "results.json")
    if context.length != "smoke":
        draw_all(context.store, sections, folder)
    (folder / "report.md").write_text(report.markdown(header, sections), encoding="utf-8")
    if readme:
        results = ROOT / RESULTS
        results.mkdir(exist_ok=True)
        for old in [*results.glob("*.svg"), *results.glob("*.json")]:
            old.unlink()
        context.store.write(results / "results.json")
        draw_all(context.store, sections, results)
        report.into_readme(ROOT / "bench/README.md", report.markdown(header, sections, 2, "results/"))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", dest="length", action="store_const", const="quick", help="the 2-minute choice")
    length.add_argument("--smoke", dest="length", action="store_const", const="smoke",
                        help="each for a moment: shows that they work, measures nothing")
    parser.add_argument("--only", nargs="+", choices=list(BENCHES), metavar="BENCH",
                        help=f"some of them: {' '.join(BENCHES)}")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the result (default: BUILD/bench-results/TIME)")
    parser.add_argument("--write-readme", action="store_true", help="put the result into bench/README.md as well")
    parser.set_defaults(length="full")
    return parser.parse_args()


def main():
    options = arguments()
    why = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
    if why:
        sys.exit(f"bench: {why}")
    end_on_signals()
    os.environ.setdefault("ZCNBRH_PMD", str(options.build.resolve() / "drivers/net/zcnbrh/librte_net_zcnbrh.so"))
    context = Context(options.length, options.build.resolve())
    context.chosen = options.only or [name for name, (_, quick) in BENCHES.items()
                                      if quick or options.length != "quick"]
    header = machine.header()
    folder = options.out or options.build / "bench-results" / time.strftime("%Y%m%d-%H%M%S")
    try:
        for name in context.chosen:
            context.say(f"{name}: {BENCHES[name][0].TITLE}")
            BENCHES[name][0].run(context)
    finally:  # a run that was broken off shows what it has
        header["load average at the end"] = machine.load()
        header["took"] = f"{time.monotonic() - context.started:.0f} s"
        write(context, header, folder, options.write_readme and sys.exc_info()[0] is None)
        print(f"bench: the result is in {os.path.relpath(folder)}: report.md, results.json, *.svg")


if __name__ == "__main__":
    main()
