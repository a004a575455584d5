# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Stock testpmd over veth: each forwarding mode and frame size, every subject in turn."""

import disturbance
import netlab
import subjects as drivers
from bay import CORES, WORKS, Bay, Unable
from report import Section, markdown_table, number, ratio_text
from subjects import JUMBO, OURS, SHORT, SUBJECTS, in_order, settings

TITLE = "veth, stock testpmd"
NOTE = """A veth pair, the kernel's own driver: native XDP in copy mode, no zero-copy for anybody. Port 0 faces an
XDP packet source on the other core (rxonly, macswap) or the peer namespace's stack (txonly); in io two ports are
the two ends of one pair and `start tx_first` sends 32 packets each way round and round, with no source ("2 lcores":
each of the two ports has one). rxonly counts what the driver hands out, the others what the kernel's netdev was
given. All subjects are up at once and take turns run by run; the order is turned round each time. "1 core": the
program and all its threads are confined to core 0 (the source keeps core 1). Frames of 9000 bytes come from a
packet socket, since the XDP source's must fit in a page. A ratio is the median of the runs' own ratios."""


def bench_name(mode, size, cores):
    return f"veth {mode} {size} B, {cores}"


class Plan:
    """What is to be run: sizes and modes, with the cores named."""

    def __init__(self, cores, sizes, modes=tuple(WORKS), rounds=5, minor_rounds=2, seconds=0.35, subjects=SUBJECTS):
        self.cores, self.sizes, self.modes = cores, sizes, modes
        self.rounds, self.minor_rounds, self.seconds, self.subjects = rounds, minor_rounds, seconds, subjects

    def cells(self):
        return [(mode, size) for mode in self.modes for size in self.sizes]

    def rounds_of(self, subject):
        return self.rounds if subject.main else min(self.rounds, self.minor_rounds)


FULL = (Plan("2 cores", (64, 512, 1500)),
        Plan("1 core", (64, 1500), rounds=3, minor_rounds=1),
        Plan("2 lcores", (64,), ("io",), minor_rounds=1),
        Plan("2 cores", (9000,), rounds=3, subjects=JUMBO),
        Plan("1 core", (9000,), rounds=2, minor_rounds=1, subjects=JUMBO))
PATIENCE_S = {"full": 120, "quick": 20, "smoke": 0}  # for repeats of disturbed runs
QUICK = (Plan("2 cores", (64,), ("rxonly", "txonly", "io"), rounds=3, subjects=SHORT),)
SMOKE = (Plan("1 core", (64,), rounds=1, seconds=0.05, subjects=SHORT),
         Plan("2 cores", (9000,), rounds=1, seconds=0.05, subjects=JUMBO[:2]))


def _open_bays(context, lab, plan):
    store, say = context.store, context.say
    bays = []
    for subject in plan.subjects:
        try:
            bays.append(Bay(context, lab, subject, CORES[plan.cores], max(plan.sizes)))
        except (Unable, RuntimeError, TimeoutError) as error:
            say(f"  {subject.name}: {str(error).splitlines()[0]}")
            for mode, size in plan.cells():
                store.refuse(bench_name(mode, size, plan.cores), subject.name, str(error).splitlines()[0])
    return bays


def _run_cell(bay, plan, mode, size, store, patience):
    """One run; returns a word on it for the progress line."""
    bench, subject = bench_name(mode, size, plan.cores), bay.subject.name
    try:
        sample = patience.run(lambda: bay.run(mode, size, plan.seconds))
        if not sample.packets:
            raise Unable("no packet came through")
    except Unable as error:
        store.refuse(bench, subject, str(error))
        return "nothing"
    store.add(bench, subject, "rate", "Mpps", sample.mpps)
    store.add(bench, subject, "cycles/packet", "TSC cycles", sample.cycles)
    store.add(bench, subject, "core 0 busy", "%", 100 * sample.busy)
    store.add(bench, subject, "core 0 softirq", "%", 100 * sample.softirq)
    store.add(bench, subject, "disturbed", "%", 100 * sample.disturbed)
    return f"{sample.mpps:.3f}" + ("!" if sample.disturbed > disturbance.MOST else "")


def _run_plan(context, plan, patience):
    store, say = context.store, context.say
    with netlab.Lab() as lab:
        bays = _open_bays(context, lab, plan)
        for turn in range(plan.rounds):
            for mode, size in plan.cells():
                bench = bench_name(mode, size, plan.cores)
                taking_part = [bay for bay in bays if turn < plan.rounds_of(bay.subject)
                               and mode in (bay.subject.modes or (mode,))
                               and not store.refusal(bench, bay.subject.name)]
                words = [f"{bay.subject.name} {_run_cell(bay, plan, mode, size, store, patience)}"
                         for bay in (taking_part if turn % 2 == 0 else taking_part[::-1])]
                say(f"  {bench}, run {turn + 1} of {plan.rounds}, Mpps: "
                    + ", ".join(words))


def run(context):
    plans = {"full": FULL, "quick": QUICK, "smoke": SMOKE}[context.length]
    patience = disturbance.Patience(PATIENCE_S[context.length])
    if any(subject.driver == drivers.REBUILT for plan in plans for subject in plan.subjects):
        drivers.prepare(context.build, context.say)
    for plan in plans:
        _run_plan(context, plan, patience)


# --- the report ---

def _best(store, bench, rivals):
    """The rival's name with the highest rate, or None."""
    known = [(store.median(bench, rival, "rate"), rival) for rival in rivals if store.median(bench, rival, "rate")]
    return max(known)[1] if known else None


def _cell(store, bench, subject):
    rate = store.median(bench, subject, "rate")
    if rate is None:
        return "cannot" if store.refusal(bench, subject) else ""
    return f"{number(rate)} ± {100 * store.spread(bench, subject, 'rate'):.0f} %"


def losses(store, benches):
    """[(ratio, text)] of the cells in which our best is behind the best rival."""
    found = []
    for bench in benches:
        subjects = store.subjects(bench)
        ours = _best(store, bench, [name for name in subjects if name.startswith(OURS)])
        rival = _best(store, bench, [name for name in subjects if not name.startswith(OURS)])
        ratio = store.ratio(bench, ours, rival, "rate") if ours and rival else None
        if ratio is not None and ratio < 1:
            found.append((ratio, f"{bench}: {ratio_text(ratio)} of {rival}"))
    return sorted(found)


def section(store):
    benches = [bench for bench in store.benches() if bench.startswith("veth ")]
    subjects = in_order({subject for bench in benches for subject in store.subjects(bench)})
    rates, ratios, costs = [], [], []
    for bench in benches:
        row = bench.removeprefix("veth ")
        ours = _best(store, bench, [name for name in subjects if name.startswith(OURS)])
        best = _best(store, bench, [name for name in subjects if not name.startswith(OURS)])
        rates.append([row, *(_cell(store, bench, subject) for subject in subjects)])
        ratios.append([row, ratio_text(store.ratio(bench, OURS, "net_af_xdp", "rate")),
                       ratio_text(store.ratio(bench, ours, best, "rate")) if ours and best else "",
                       ours or "", best or ""])
        costs.append([row, *(_cost(store, bench, subject) for subject in subjects)])
    refused = [f"- {bench}, {subject}: {store.refusal(bench, subject)}" for bench in benches for subject in subjects
               if store.refusal(bench, subject)]
    behind = [f"- {text}" for _, text in losses(store, benches)]
    text = [NOTE, settings(), "Million packets a second, median ± half the range:",
            markdown_table(["", *subjects], rates),
            "Ratios of the rate; best against best takes the best of each side's settings and names them:",
            markdown_table(["", "defaults, to net_af_xdp", "best to best", "our best", "best rival"], ratios),
            "testpmd's cycles/packet (bursts that moved packets only) and the use of core 0, the kernel's softirq "
            "part behind the stroke:", markdown_table(["", *subjects], costs)]
    if refused:
        text += ["What could not be run:", "\n".join(refused)]
    text += ["Cells in which our best is behind the best rival:", "\n".join(behind) if behind else "none."]
    charts = [("veth-rate", "Rate over veth, stock testpmd", "Mpps", benches, subjects, "rate")]
    return Section(TITLE, text, charts)


def _cost(store, bench, subject):
    cycles = store.median(bench, subject, "cycles/packet")
    if cycles is None:
        return ""
    return (f"{cycles:.0f}, {store.median(bench, subject, 'core 0 busy'):.0f}/"
            f"{store.median(bench, subject, 'core 0 softirq'):.0f} %")
