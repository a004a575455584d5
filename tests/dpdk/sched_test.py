#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""sched=: who runs the kernel's part of receiving, what telemetry says of it, and that the kernel is as before when
the program has ended, however it ended. The netdevs have GRO on: their NAPIs, and settings of them, stay when the XDP
program goes. Nothing here depends on what pays."""

import os
import pathlib
import signal
import time

from rig import APP_CORE, OTHER_CORE, Skip, check, device, equal, eventually, main, netlab, rig
from telemetry_test import Telemetry

RECORDS = pathlib.Path("/run/zcnbrh/napi")


def napi_threads(netdev):
    """The kernel's threads for NAPIs of a netdev."""
    found = []
    for comm in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text(encoding="utf-8").startswith(f"napi/{netdev}-"):
                found.append(int(comm.parent.name))
        except OSError:
            pass  # it has just ended
    return found


def records():
    return sorted(RECORDS.iterdir()) if RECORDS.exists() else []


def start(r, keys, **options):
    for app in r.apps:
        netlab.run("ethtool", "-K", app, "gro", "on")
    r.start(keys, telemetry=True, memory=["--no-huge", "-m", "300"], mbufs=8192, **options)
    return Telemetry(r.pmd.prefix)


def told(t, port=0):
    queue = t.ask(f"/zcnbrh/queue,{port},0")
    return queue["sched"], queue["sched_because"]


def with_thread(r, **options):
    """A port with sched=threaded that has its thread; Skip where the kernel has none for a NAPI by itself."""
    t = start(r, {"sched": "threaded"}, **options)
    r.ping(20)
    eventually(lambda: told(t) != ("wakeup", "sched=threaded"), lambda: f"no thread: {told(t)}")
    if told(t)[0] != "threaded":
        raise Skip(told(t)[1])
    return t


def threaded():
    """sched=threaded: a thread from the first packets on, and packets go on; taken back with the port"""
    with rig(start=False) as r:
        before = records()
        with with_thread(r) as t:
            equal(told(t), ("threaded", "sched=threaded"), "sched")
            threads = napi_threads(r.apps[0])
            equal(len(threads), 1, "NAPI threads")
            check(APP_CORE == OTHER_CORE or APP_CORE not in os.sched_getaffinity(threads[0]),
                  "the thread may run on the worker lcore's CPU")
            r.ping(500)
            equal(len(records()), len(before) + 1, "records")
            r.pmd.command("port stop 0")
            equal(napi_threads(r.apps[0]), [], "NAPI threads of a port that is stopped")
            equal(records(), before, "records of a port that is stopped")
            r.pmd.command("port start 0")
            r.ping(20)
            eventually(lambda: len(napi_threads(r.apps[0])) == 1, "no thread after a second start")
        app = r.apps[0]
        r.quit()
        equal(napi_threads(app), [], "NAPI threads at the end")
        equal(records(), before, "records at the end")


def killed():
    """after a kill -9 the next program puts the NAPI back"""
    with rig(start=False) as r:
        before = records()
        with with_thread(r):
            pass
        r.pmd.process.send_signal(signal.SIGKILL)
        r.pmd.process.wait()
        r.pmd.kill()
        equal(len(napi_threads(r.apps[0])), 1, "NAPI threads that the kill left")
        with start(r, {"sched": "wakeup"}) as t:
            equal(napi_threads(r.apps[0]), [], "NAPI threads after the next start")
            equal(records(), before, "records after the next start")
            check("of a process that was killed: taken back" in r.pmd.text, "it was not said")
            equal(told(t), ("wakeup", "sched=wakeup"), "sched")
            r.ping(50)


def says(keys, expected, **options):
    def test():
        with rig(start=False) as r, start(r, keys, **options) as t:
            r.ping(50)
            time.sleep(0.3)  # three looks of the autopilot
            equal(told(t), expected, "sched and why")
            equal(napi_threads(r.apps[0]), [], "NAPI threads")
            polls = r.pmd.xstats()["rx_q0_busy_polls"]
            equal(polls > 0, expected[0] == "busy", f"{polls} system calls of busy polling")
    test.__doc__ = f"{keys or 'default'}: {expected[0]}, {expected[1]}"
    return test


def by_load():
    """two ports under load and at rest: telemetry and kernel agree at all times, nothing is lost, nothing is left"""
    with rig(start=False) as r:
        near, far = r.lab.veth()
        r.lab.to_app_side(far)
        netlab.run("ip", "link", "set", far, "up")
        for app in (near, far):
            netlab.run("ethtool", "-K", app, "gro", "on")
        devices = [device(f"net_zcnbrh{number}", iface=app, sched="auto") for number, app in enumerate((near, far))]
        r.pmd = r.launch(devices, telemetry=True, memory=["--no-huge", "-m", "300"], mbufs=8192)
        with Telemetry(r.pmd.prefix) as t:
            for turn in range(2):
                r.pmd.commands("set fwd io", "start tx_first")
                seen = set()
                for _ in range(15):
                    time.sleep(0.1)
                    seen.add(told(t))
                for name, why in seen:
                    check(name in ("wakeup", "threaded") and why, f"turn {turn}: {seen}")
                r.pmd.commands("stop")
                eventually(lambda: told(t)[0] == "wakeup" and told(t, 1)[0] == "wakeup",
                           lambda: f"a port at rest keeps its thread: {told(t)}, {told(t, 1)}")
                equal(napi_threads(near) + napi_threads(far), [], "NAPI threads at rest")
        r.quit()
        equal(napi_threads(near) + napi_threads(far), [], "NAPI threads at the end")


if __name__ == "__main__":
    main([threaded, killed,
          says({}, ("wakeup", "sched=wakeup")),
          says({"sched": "auto"}, ("wakeup", "no lcore's time goes into softirqs")),
          says({"sched": "busy"}, ("busy", "sched=busy")),
          says({"busy_budget": 32}, ("busy", "busy_budget=32")),
          says({"busy_budget": 0}, ("wakeup", "busy_budget=0")),
          says({"sched": "auto", "mode": "skb"}, ("wakeup", "in SKB mode the kernel does not tell its NAPI")),
          says({"sched": "auto"}, ("wakeup", "no CPU is free of worker lcores"), become=["taskset", "--cpu-list", str(APP_CORE)],
               cores=(APP_CORE, APP_CORE)),
          by_load])
