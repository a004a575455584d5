#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Stock dpdk-testpmd on net_zcnbrh beside net_af_xdp: rxonly, txonly and io, interleaved runs, a Markdown table.

Both drivers run with their defaults unless --keys says otherwise. Each run has a fresh pair of network
namespaces, veth pairs and testpmd; the drivers take turns, and which goes first changes every round, so that
a machine that slows down or speeds up harms both alike. Forwarding is pinned to core 0, the packet source and
testpmd's own prompt to core 1. Nothing is asserted: this measures.
"""

import argparse
import dataclasses
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support/py"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import netlab
from testpmd import OTHER_CORE, Testpmd, device, end_on_signals

SETTLE_S = 0.5  # caches, frequency, the first refill


@dataclasses.dataclass(frozen=True)
class Subject:
    """A driver with its device arguments."""
    driver: str
    keys: str = ""

    def device(self, number, iface):
        text = device(f"{self.driver}{number}", iface=iface)
        return f"{text},{self.keys}" if self.keys else text

    def name(self):
        return f"{self.driver} {self.keys}" if self.keys else self.driver


@dataclasses.dataclass
class Sample:
    mpps: float
    cycles: float  # a packet, as testpmd counts them: only of bursts that moved packets


def run_once(subject, work, options):
    """One run: packets a second of the work, and testpmd's cycles a packet."""
    with netlab.Lab() as lab:
        pairs = [lab.veth() for _ in range(2 if work == "io" else 1)]
        with Testpmd([subject.device(number, app) for number, (app, _) in enumerate(pairs)]) as pmd:
            if len(pmd.ports()) != len(pairs):
                raise RuntimeError(f"{subject.name()}: a port is missing:\n{pmd.text}")
            pmd.commands("set record-core-cycles on", f"set fwd {work}")
            if work == "txonly":
                pmd.command(f"set txpkts {options.size}")
            pmd.command("start")
            if work != "txonly":
                lab.traffic(pairs[0][1], OTHER_CORE, size=options.size)
            time.sleep(SETTLE_S)
            received, _ = pmd.rates(options.seconds, 0) if work == "rxonly" else (0, 0)
            _, sent = pmd.rates(options.seconds, len(pairs) - 1) if work != "rxonly" else (0, 0)
            cycles = re.search(r"CPU cycles/packet=([\d.]+)", pmd.command("stop"))
            pmd.quit()
    return Sample((received or sent) / 1e6, float(cycles.group(1)) if cycles else float("nan"))


def spread(values):
    """Half of the distance from least to greatest, as a part of the median."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / 2 / middle if middle else float("nan")


def cell(samples):
    rates = [sample.mpps for sample in samples]
    return (f"{statistics.median(rates):.2f} ± {100 * spread(rates):.0f} % | "
            f"{statistics.median(sample.cycles for sample in samples):.0f}")


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=False)
    commit = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False)
    return (f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
            f"DPDK {dpdk.stdout.strip()}, commit {commit.stdout.strip() or 'none'}, "
            f"{time.strftime('%Y-%m-%d')}, load average at the start {os.getloadavg()[0]:.2f}")


def print_table(machine_text, subjects, results, options):
    ours, rival = subjects
    print(f"\n{machine_text}; veth, {options.size}-byte frames; median of {options.runs} interleaved runs of "
          f"{options.seconds:g} s, ± half the range\n")
    print(f"`{' '.join([os.path.relpath(sys.argv[0], ROOT), *sys.argv[1:]])}`\n")
    print(f"| work | {ours.name()}, Mpps | cycles/packet | {rival.name()}, Mpps | cycles/packet | ratio |")
    print("|---|---|---|---|---|---|")
    for work in options.work:
        a, b = results[work, ours], results[work, rival]
        # Of neighbours in time, so that what disturbs a round disturbs both sides of its ratio.
        ratio = statistics.median(x.mpps / y.mpps for x, y in zip(a, b) if y.mpps)
        print(f"| {work} | {cell(a)} | {cell(b)} | {ratio:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a run (default 3)")
    parser.add_argument("--size", type=int, default=60, help="bytes a frame (default 60)")
    parser.add_argument("--work", nargs="+", choices=["rxonly", "txonly", "io"], default=["rxonly", "txonly", "io"])
    parser.add_argument("--keys", default="", help="device arguments of net_zcnbrh")
    parser.add_argument("--rival", default="net_af_xdp", help="the other driver (default net_af_xdp)")
    parser.add_argument("--rival-keys", default="", help="device arguments of the other driver")
    options = parser.parse_args()
    why = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
    if why:
        sys.exit(f"quick_compare: {why}")
    end_on_signals()
    os.environ.setdefault("ZCNBRH_PMD", str(ROOT / "build/drivers/net/zcnbrh/librte_net_zcnbrh.so"))

    machine_text = machine()
    subjects = [Subject("net_zcnbrh", options.keys), Subject(options.rival, options.rival_keys)]
    results = {(work, subject): [] for work in options.work for subject in subjects}
    for round_number in range(options.runs):
        for work in options.work:
            for subject in subjects if round_number % 2 == 0 else subjects[::-1]:
                sample = run_once(subject, work, options)
                results[work, subject].append(sample)
                print(f"round {round_number + 1} {work:<7} {subject.name():<24} {sample.mpps:6.3f} Mpps "
                      f"{sample.cycles:7.0f} cycles", file=sys.stderr, flush=True)
    print_table(machine_text, subjects, results, options)


if __name__ == "__main__":
    main()
