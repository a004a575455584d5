# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The same stock testpmd with ports moved by the migration shim and with ports named by --vdev=net_zcnbrh."""

import dataclasses
import statistics

import disturbance
import netlab
from bay import CORES, Bay, Unable
from report import Section, markdown_table, number
from subjects import OURS, Subject

TITLE = "The migration shim, over veth"
NOTE = """One stock testpmd twice, each on its own veth pairs: by `--vdev=net_zcnbrhN,iface=...`, and with the command line
`--vdev=net_nullN` under `libzcnbrh_shim.so`, which moves these ports to the same driver on the same kind of netdev. The
two take turns run by run, in an order that is turned round each time; a ratio is that of two neighbouring runs. The
shim has no part in a burst (`tests/shim/instructions_test.py` counts the instructions), so what is to be seen is 1 and the
machine's own unrest."""
SIZE = 64
MODES = ("rxonly", "txonly", "io", "macswap")
PATIENCE_S = {"full": 20, "quick": 20, "smoke": 0}


@dataclasses.dataclass(frozen=True)
class Moved(Subject):
    """net_null's ports, moved to the netdevs by the shim."""
    shim: str = ""

    @property
    def name(self):
        return "moved by the shim"

    @property
    def takes_xdp(self):
        return True

    @property
    def loads(self):
        return False  # the shim finds it

    def device(self, number, iface, extra=""):
        return f"{self.driver}{number}"

    def environment(self, ifaces):
        return {"LD_PRELOAD": self.shim,
                "ZCNBRH_MAP": ",".join(f"{self.driver}{number}={iface}" for number, iface in enumerate(ifaces))}


DIRECT = Subject(OURS)


def bench_name(mode):
    return f"shim {mode} {SIZE} B"


def _run_cell(bay, mode, seconds, store, patience):
    sample = patience.run(lambda: bay.run(mode, SIZE, seconds))
    if not sample.packets:
        raise Unable(f"{bay.subject.name}, {mode}: no packet came through")
    store.add(bench_name(mode), bay.subject.name, "rate", "Mpps", sample.mpps)
    store.add(bench_name(mode), bay.subject.name, "disturbed", "%", 100 * sample.disturbed)
    return sample.mpps


def run(context):
    library = context.build / "shim/libzcnbrh_shim.so"
    moved = Moved("net_null", shim=str(library))
    if not library.exists():
        for mode in MODES:
            context.store.refuse(bench_name(mode), moved.name, f"{library} is not built")
        return
    rounds, seconds = (1, 0.05) if context.length == "smoke" else (7, 0.3)
    patience = disturbance.Patience(PATIENCE_S[context.length])
    with netlab.Lab() as lab:
        bays = [Bay(context, lab, subject, CORES["2 cores"]) for subject in (DIRECT, moved)]
        for turn in range(rounds):
            for mode in MODES:
                rates = {bay.subject.name: _run_cell(bay, mode, seconds, context.store, patience)
                         for bay in (bays if turn % 2 == 0 else bays[::-1])}
                context.say(f"  {bench_name(mode)}, run {turn + 1} of {rounds}, Mpps: "
                            + ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items()))


def ratios(store, mode, subject):
    """Of neighbouring runs, to the program that names the driver itself."""
    pairs = zip(store.samples(bench_name(mode), subject, "rate"), store.samples(bench_name(mode), DIRECT.name, "rate"))
    return [ours / theirs for ours, theirs in pairs if theirs]


def section(store):
    subject = Moved("net_null").name
    rows, refused = [], []
    for mode in MODES:
        if why := store.refusal(bench_name(mode), subject):
            refused.append(f"- {mode}: {why}")
        found = sorted(ratios(store, mode, subject))
        if not found:
            continue
        rates = (number(store.median(bench_name(mode), name, "rate")) for name in (DIRECT.name, subject))
        rows.append([mode, *rates, f"{statistics.median(found):.3f}", f"{found[0]:.3f} to {found[-1]:.3f}", len(found)])
    if not rows and not refused:
        return None
    head = [f"{SIZE} B, 2 cores", f"{DIRECT.name}, Mpps", f"{subject}, Mpps", "ratio, median", "least to greatest", "runs"]
    text = [NOTE, markdown_table(head, rows)]
    return Section(TITLE, text + (["What could not be run:", "\n".join(refused)] if refused else []))
