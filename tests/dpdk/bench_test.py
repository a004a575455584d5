#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The benches do their work: each runs for a moment (`bench/run.py --smoke`) and must have counted packets. What time
that took is of no interest here."""

import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import rig
from tap import check, equal

sys.path.insert(0, str(rig.SOURCE / "bench/py"))

# pylint: disable=wrong-import-position
import disturbance
import report
from disturbance import Watch
from store import Store

FIELDS = {"bench", "subject", "metric", "unit", "median", "min", "max", "runs"}


def smoke(*benches):
    """{(bench, subject): {metric: record}} of a moment's run, and the text of the report."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["/usr/bin/python3", rig.SOURCE / "bench/run.py", "--smoke", "--build", rig.BUILD, "--out", folder,
                   "--only", *benches]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
        rig.tap.note("bench/run.py", lambda: done.stdout + done.stderr)
        equal(done.returncode, 0, "exit status of bench/run.py")
        records = json.loads(pathlib.Path(folder, "results.json").read_text(encoding="utf-8"))
        text = pathlib.Path(folder, "report.md").read_text(encoding="utf-8")
    found = {}
    for record in records:
        check(FIELDS <= record.keys(), f"a record lacks fields: {record}")
        found.setdefault((record["bench"], record["subject"]), {})[record["metric"]] = record
    return found, text


def counted(found, bench, subject, metric="rate"):
    record = found.get((bench, subject), {}).get(metric)
    check(record and record["runs"] > 0 and 0 < record["min"] <= record["median"] <= record["max"],
          f"{bench}, {subject}: no {metric} but {found.get((bench, subject))}")


def test_veth():
    """stock testpmd over veth: every driver moves packets in every mode"""
    found, text = smoke("veth")
    for mode in ("rxonly", "txonly", "io", "macswap"):
        for subject in ("net_zcnbrh", "net_af_xdp", "net_af_xdp busy_budget=0", "net_af_packet"):
            counted(found, f"veth {mode} 64 B, 1 core", subject)
        counted(found, f"veth {mode} 9000 B, 2 cores", "net_zcnbrh")
        check("MTU" in found[f"veth {mode} 9000 B, 2 cores", "net_af_xdp"][None]["note"],
              "net_af_xdp does not say why it cannot send 9000 bytes")
    check("| rxonly 64 B, 1 core |" in text, "the report has no table of it")


def test_ping():
    """round trip: every ping is answered, by each driver in each mode and by the kernel"""
    found, _ = smoke("ping")
    for subject in (*(f"net_zcnbrh{keys}" for keys in ("", " busy_budget=0", " busy_budget=64")), "net_af_xdp",
                    "net_af_packet", "the kernel itself"):
        counted(found, "ping", subject, "average")
        equal(found["ping", subject]["lost"]["max"], 0, f"pings that {subject} lost")


def test_paths():
    """ways to a packet: each receives, sends and answers; what sleeps says so by RX interrupts or a descriptor"""
    found, _ = smoke("paths")
    ways = {"net_zcnbrh", "net_af_xdp", "libzcnbrh", "AF_XDP by hand, libxdp", "AF_PACKET, mapped rings",
            "UDP socket, io_uring", "UDP socket, recvmmsg/sendmmsg"}
    for way in sorted(ways):
        counted(found, "way receive", way)
        counted(found, "way send", way)
        counted(found, "way round trip, spinning", way, "p50")
        if way != "net_af_xdp":
            counted(found, "way round trip, sleeping", way, "p50")
    check("RX interrupts" in found["way round trip, sleeping", "net_af_xdp"][None]["note"],
          "net_af_xdp does not say why it cannot sleep")


def test_load():
    """CPU at a load: packets come at a rate and none when none is sent; energy is measured or said to be missing"""
    found, text = smoke("load", "energy")
    for subject in ("libzcnbrh, sleeps", "net_zcnbrh, sleeps", "UDP socket, sleeps", "net_zcnbrh, spins",
                    "net_af_xdp, spins"):
        counted(found, "load 10 000 packets/s", subject, "received")
        counted(found, "load 10 000 packets/s", subject, "p50")
        check("received" not in found["load 0 packets/s", subject], "packets came from nowhere")
        counted(found, "load 0 packets/s", subject, "system calls")
    check("RAPL" in text, "the report does not speak of energy")


def test_shim():
    """the migration shim: a moved testpmd and one with --vdev=net_zcnbrh, both count packets in every mode"""
    if not (rig.BUILD / "shim/libzcnbrh_shim.so").exists():
        raise rig.Skip("the shim is not built")
    found, text = smoke("shim")
    for mode in ("rxonly", "txonly", "io", "macswap"):
        for subject in ("net_zcnbrh", "moved by the shim"):
            counted(found, f"shim {mode} 64 B", subject)
        check(f"| {mode} |" in text, f"the report has no row of {mode}")


def test_store():
    """the result store: median, least, greatest; ratios of neighbours; refusals with their reason"""
    store = Store()
    for ours, theirs in ((10, 5), (30, 10), (20, 20)):
        store.add("b", "we", "rate", "Mpps", ours)
        store.add("b", "they", "rate", "Mpps", theirs)
    store.refuse("b", "others", "cannot:\n why")
    equal(store.ratio("b", "we", "they", "rate"), 2.0, "median of 2, 3 and 1")
    equal(store.ratio("b", "we", "others", "rate"), None, "ratio to one without figures")
    equal(store.records()[0], {"bench": "b", "subject": "we", "metric": "rate", "unit": "Mpps", "median": 20.0,
                               "min": 10.0, "max": 30.0, "runs": 3}, "the record")
    equal(store.records()[-1]["note"], "cannot: why", "the reason")
    for wrong, act in (("a metric with two units", lambda: store.add("b", "we", "rate", "kpps", 1)),
                       ("a record without its fields", lambda: store.merge([{"bench": "b"}]))):
        try:
            act()
        except ValueError:
            continue
        check(False, f"{wrong} was taken")


def test_disturbance():
    """a stranger on the core of a run is seen, the run's own threads on one core are not"""
    core = str(rig.APP_CORE)
    spin = ["taskset", "-c", core, "sh", "-c", "while :; do :; done"]
    with contextlib.ExitStack() as stack:
        def start():
            process = subprocess.Popen([*rig.netlab.DIE_WITH_US, *spin])
            stack.callback(process.wait)
            stack.callback(process.kill)
            time.sleep(0.1)
            return process.pid
        run, stranger = start(), start()
        alone, together = Watch(run), Watch(run, stranger)
        time.sleep(0.5)
        alone, together = alone.share(0.5), together.share(0.5)
    check(alone > disturbance.MOST, f"{alone}: a stranger had half of the core")
    # Others of this machine may have had some of it as well.
    check(together < alone, f"{together} and {alone}: the run's own threads count as strangers")


def test_readme():
    """the report goes between its marks of a Markdown file, and a file without them is left alone"""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "a.md")
        path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
        report.into_readme(path, "new\n")
        equal(path.read_text(encoding="utf-8"), f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n", "the file")
        path.write_text("no marks\n", encoding="utf-8")
        try:
            report.into_readme(path, "new\n")
            check(False, "a file without marks was taken")
        except ValueError:
            equal(path.read_text(encoding="utf-8"), "no marks\n", "the file without marks")
    readme = (rig.SOURCE / "bench/README.md").read_text(encoding="utf-8")
    equal((readme.count(report.BEGIN), readme.count(report.END)), (1, 1), "marks in bench/README.md")


if __name__ == "__main__":
    rig.main([test_store, test_readme, test_disturbance, test_veth, test_ping, test_paths, test_load, test_shim])
