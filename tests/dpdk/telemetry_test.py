#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The driver's telemetry commands, asked of a running stock testpmd over telemetry's own socket."""

import json
import os
import re
import socket
import subprocess
import threading
import time

from rig import check, device, equal, eventually, main, rig


class Telemetry:
    """One connection; ask("/zcnbrh/list") -> the answer's value."""

    def __init__(self, prefix):
        path = next(path for path in (os.path.join(folder, "dpdk", prefix, "dpdk_telemetry.v2")
                                      for folder in (os.environ.get("XDG_RUNTIME_DIR", "/tmp"), "/var/run", "/tmp"))
                    if os.path.exists(path))
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.most = json.loads(self.socket.recv(1024))["max_output_len"]

    def ask(self, command):
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(self.most))[command.split(",")[0]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def asked(queues=1, **options):
    """A rig whose testpmd has telemetry; not with --in-memory, which has no folder for its socket."""
    return rig(queues=queues, telemetry=True, memory=["--no-huge", "-m", "300"], mbufs=8192, **options)


def lists_ports():
    """/zcnbrh/list and /zcnbrh/port"""
    with asked(queues=2, keys={"queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r, Telemetry(r.pmd.prefix) as t:
        equal(t.ask("/zcnbrh/list"), [0], "ports")
        port = t.ask("/zcnbrh/port,0")
        equal((port["name"], port["iface"], port["driver"]), ("net_zcnbrh0", r.apps[0], "veth"), "port")
        equal((port["rx_queues"], port["tx_queues"], port["started"]), (2, 2, 1), "queues")
        equal((port["program"], port["program_attached_by"]), ("native XDP", "bpf_link"), "program")
        check("queue_count=2" in port["config"], f"config: {port['config']}")
        equal(port["zero_copy_queues"], 0, "zero-copy queues")
        equal(len(port["queues"]), 2, "queues described")
        for line in port["queues"]:
            check("copy mode, wakeup" in line and "driver veth" in line, f"a queue's mode and why: {line}")


def queue_says_why():
    """/zcnbrh/queue tells mode, reason, rings and gauges"""
    with asked() as r, Telemetry(r.pmd.prefix) as t:
        queue = t.ask("/zcnbrh/queue,0,0")
        equal((queue["mode"], queue["zero_copy"], queue["wakeup"]), ("copy", 0, "wakeup"), "mode")
        check("veth has no AF_XDP zero-copy" in queue["not_zero_copy_because"], queue["not_zero_copy_because"])
        equal((queue["rx_state"], queue["tx_state"]), ("started", "started"), "states")
        equal(queue["posted"], queue["nb_rx_desc"], "frames posted")
        check(queue["fill_ring"] >= queue["nb_rx_desc"], "fill ring")
        r.pmd.command("port 0 rxq 0 stop")
        equal(t.ask("/zcnbrh/queue,0,0")["rx_state"], "stopped", "state of a stopped queue")
        r.pmd.command("port 0 rxq 0 start")


def bad_questions():
    """bad parameters get an answer without a value, and testpmd lives"""
    with asked() as r, Telemetry(r.pmd.prefix) as t:
        for command in ("/zcnbrh/port", "/zcnbrh/port,7", "/zcnbrh/port,0,0", "/zcnbrh/port,x", "/zcnbrh/port,99999",
                        "/zcnbrh/queue,0", "/zcnbrh/queue,0,5", "/zcnbrh/queue,0,", "/zcnbrh/queue,,0",
                        "/zcnbrh/ledger,1", "/zcnbrh/queue,0,-1", "/zcnbrh/port,0 "):
            equal(t.ask(command), None, command)
        equal(t.ask("/zcnbrh/list"), [0], "afterwards")


def features():
    """/zcnbrh/features is the probe table"""
    with asked() as r, Telemetry(r.pmd.prefix) as t:
        table = t.ask("/zcnbrh/features")
        equal(table["kernel"], os.uname().release, "kernel")
        check(table["af_xdp"].startswith("yes: "), table["af_xdp"])
        for name, text in table.items():
            check(name == "kernel" or text.startswith(("yes: ", "no: ")), f"{name}: {text}")


def pools(ledger):
    return {name: pool for name, pool in ledger.items() if isinstance(pool, dict)}


def ledger_balances():
    """/zcnbrh/ledger: every buffer has an owner, at rest exactly"""
    with asked() as r, Telemetry(r.pmd.prefix) as t:
        r.ping(200)
        at_rest = t.ask("/zcnbrh/ledger,0")
        equal(sum(pool["rx_posted"] for pool in pools(at_rest).values()), at_rest["rx_posted"], "RX-posted frames")
        for name, pool in pools(at_rest).items():
            equal(sum(value for key, value in pool.items() if key != "buffers"), pool["buffers"], f"buffers of {name}")
            equal(pool["quarantined"], 0, "quarantined")
        r.pmd.command("port stop 0")
        eventually(lambda: sum(pool["application"] for pool in pools(t.ask("/zcnbrh/ledger,0")).values()) == 0,
                   lambda: f"buffers nobody has given back: {t.ask('/zcnbrh/ledger,0')}")
        r.pmd.command("port start 0")


def ethdev_commands():
    """/ethdev/xstats and /ethdev/stats of DPDK itself"""
    with asked() as r, Telemetry(r.pmd.prefix) as t:
        r.ping(50)
        xstats = t.ask("/ethdev/xstats,0")
        equal(xstats["rx_q0_packets"], r.pmd.xstats()["rx_q0_packets"], "rx_q0_packets")
        equal(xstats["packets_processed"], xstats["rx_q0_packets"] + xstats["tx_q0_packets"], "packets_processed")
        equal(t.ask("/ethdev/stats,0")["ipackets"], xstats["rx_q0_packets"], "ipackets")


def script():
    """dpdk-telemetry.py"""
    with asked() as r:
        done = subprocess.run(["dpdk-telemetry.py", "-f", r.pmd.prefix], input="/zcnbrh/port,0\n/zcnbrh/list\nquit\n",
                              capture_output=True, text=True, timeout=30, check=False)
        check('"net_zcnbrh0"' in done.stdout and '"/zcnbrh/list"' in done.stdout, done.stdout + done.stderr)


def under_changes():
    """asked all the time while ports stop, start, close and come back"""
    with asked() as r:
        stop, wrong, answers = threading.Event(), [], []

        def keep_asking():
            with Telemetry(r.pmd.prefix) as t:
                while not stop.is_set():
                    for command in ("/zcnbrh/port,0", "/zcnbrh/queue,0,0", "/zcnbrh/ledger,0", "/ethdev/xstats,0"):
                        try:
                            answers.append(t.ask(command) is not None)
                        except Exception as error:  # pylint: disable=broad-except
                            wrong.append(f"{command}: {error}")
                            return

        thread = threading.Thread(target=keep_asking)
        thread.start()
        try:
            r.pmd.commands("port stop 0", "port close 0")
            for round_number in range(1, 11):
                said = r.pmd.command("port attach " + device(f"net_zcnbrh{round_number}", iface=r.apps[0]))
                attached = re.search(r"Port (\d+) is attached", said)
                check(attached, f"port attach said: {said}")
                number = attached.group(1)
                r.pmd.commands(f"port start {number}", f"port stop {number}", f"port start {number}")
                time.sleep(0.02)
                check("detached" in r.pmd.commands(f"port stop {number}", f"port detach {number}"), "port detach")
        finally:
            stop.set()
            thread.join(15)
        equal(wrong, [], "answers that did not come")
        check(sum(answers) >= 10, f"{sum(answers)} of {len(answers)} answers had a value")


if __name__ == "__main__":
    main([lists_ports, queue_says_why, bad_questions, features, ledger_balances, ethdev_commands, script, under_changes])
