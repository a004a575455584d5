#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Ends and starts in zero-copy: killed, started again at once, stopped and started, on both ends of a wire."""

import signal
import time

from lab_rig import IGB, MODE, Traffic, check, diag_modes, equal, eventually, exchange, main, netlab, rig


def nothing_left(r, when):
    equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, f"XDP program {when}")
    equal(diag_modes(), [], f"AF_XDP sockets {when}")


def killed():
    """kill -9 under traffic leaves nothing, and the next start is in zero-copy at once"""
    with rig.rig() as r:
        r.forward("io")
        source = r.lab.keep(Traffic(r.peer()))
        eventually(lambda: r.pmd.stats()["TX-packets"] > 50, "no packets before kill -9")
        r.pmd.process.send_signal(signal.SIGKILL)
        r.pmd.process.wait()
        nothing_left(r, "after kill -9")
        r.pmd.kill()
        r.start()  # in the midst of it
        source.close()
        r.peer().drain()
        equal(r.modes(), [MODE], "mode after kill -9")
        exchange(r, 300)


def restarted():
    """quit, and the next process starts in zero-copy at once"""
    for _ in range(3):
        with rig.rig() as r:
            equal(r.modes(), [MODE], "mode")
            exchange(r, 100)
        nothing_left(r, "after quit")


def rebuilt():
    """the sockets closed and bound anew in one process (other descriptor counts), with packets in between"""
    with rig.rig() as r:
        for descriptors in (256, 1024, 512):
            r.pmd.commands("port stop 0", f"port config all rxd {descriptors}", f"port config all txd {descriptors}",
                           "port start 0")
            r.lab.settle()
            equal(r.modes(), [MODE], "mode after the start")
            exchange(r, 200)


def both_ends():
    """two zero-copy ports on the ends of one wire: packets go round between them, and none is lost"""
    with netlab.Lab() as lab:
        r = rig.Rig.on(lab, lab.both_ends())
        r.start()
        equal(r.modes(), [MODE] * 2, "modes")
        r.pmd.command("set fwd io")
        r.pmd.command("start tx_first 4")
        eventually(lambda: all(r.pmd.stats(port)["RX-packets"] > 100 for port in (0, 1)), "packets do not go round", 10)
        before = [r.pmd.stats(port) for port in (0, 1)]
        time.sleep(1)
        after = [r.pmd.stats(port) for port in (0, 1)]
        for old, new in zip(before, after):  # a lost packet would be missing for ever: they would have run dry
            check(new["RX-packets"] - old["RX-packets"] > 100, f"packets stopped going round: {before} {after}")
        r.pmd.command("stop")
        time.sleep(0.5)
        stats = [r.pmd.stats(port) for port in (0, 1)]
        for there, back in (stats, stats[::-1]):
            lost = there["TX-packets"] - back["RX-packets"]
            check(0 <= lost <= 256, f"{lost} of {there['TX-packets']} packets are neither received nor under way")
            equal((back["RX-missed"], back["RX-errors"], there["TX-errors"]), (0, 0, 0), "missed and errors")
        r.quit()


if __name__ == "__main__":
    main([killed, both_ends] if IGB else [killed, restarted, rebuilt, both_ends])
