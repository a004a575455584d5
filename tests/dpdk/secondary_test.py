#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Secondary processes with packets: stock testpmd as primary and secondary, each with its share of the queues.

net_af_xdp has no data path there ("Secondary processes: the data path is not supported", doc/guides/nics/af_xdp.rst);
bugzilla 805 is about it.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time

from rig import Rig, check, device, equal, eventually, frames, main, netlab, tap, testpmd, xsk_watch
from testpmd import APP_CORE, OTHER_CORE, Testpmd

QUEUES = 4  # a half for each process
ROUNDS = 6  # of a process that is killed


def kernel_version():
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])


class Both:
    """A rig whose testpmd is a primary with queues 0 and 1, and a secondary with queues 2 and 3; or each with all
    of them (procs=1), which they may then not poll at the same time."""

    def __init__(self, r, folder, procs):
        self.rig, self.folder, self.secondary = r, folder, None
        self.memory = ["--huge-dir", folder]
        self.app = [*r.pool_options, f"--rxq={QUEUES}", f"--txq={QUEUES}", f"--num-procs={procs}"]
        self.last = procs - 1

    def start_primary(self, **keys):
        r = self.rig
        devices = [device(f"net_zcnbrh{number}", iface=app, queue_count=QUEUES, **keys)
                   for number, app in enumerate(r.apps)]
        r.pmd = r.launch(devices, memory=self.memory, eal=["--proc-type=primary"], app=[*self.app, "--proc-id=0"])
        check("Fail to" not in r.pmd.start_text, "the primary's port did not start")
        return r.pmd

    def start_secondary(self):
        r = self.rig
        pmd = r.lab.keep(Testpmd([], memory=self.memory, eal=["--proc-type=secondary"], prefix=r.pmd.prefix,
                                 lcores=["--lcores", f"2@{APP_CORE},3@{OTHER_CORE}", "--main-lcore", "3"],
                                 app=[*self.app, f"--proc-id={self.last}"], wait=False))
        tap.note("secondary", lambda: pmd.text)
        pmd.start_text = pmd.wait_for(testpmd.PROMPT, 30)
        check("no packets in this process" not in pmd.start_text, "the secondary has no queues")
        self.secondary = pmd
        return pmd

    def forward(self, mode="io"):
        for pmd in (self.rig.pmd, self.secondary):
            pmd.commands(f"set fwd {mode}", "start")

    def stop(self):
        for pmd in (self.rig.pmd, self.secondary):
            pmd.command("stop")

    def counts(self, pmd=None):
        """Packets received by queue."""
        xstats = (pmd or self.rig.pmd).xstats()
        return [xstats[f"rx_q{queue}_packets"] for queue in range(QUEUES)]


@contextlib.contextmanager
def both(secondary=True, pairs=1, procs=2, **keys):
    if kernel_version() < (6, 4):
        raise tap.Skip("the rings of a bound socket can be mapped by another process since Linux 6.4")
    if not testpmd.HugePages.available(512):
        raise tap.Skip("no huge pages to be had; EAL shares no others")
    with netlab.Lab() as lab, tempfile.TemporaryDirectory() as folder:
        r = Rig(lab, pairs, QUEUES)
        netlab.run("mount", "-t", "hugetlbfs", "none", folder)
        try:
            b = Both(r, folder, procs)
            b.start_primary(**keys)
            if secondary:
                b.start_secondary()
            yield b
            if b.secondary is not None and b.secondary.alive:
                b.secondary.command("stop")
                equal(b.secondary.quit(), 0, "exit status of the secondary")
            if r.pmd.alive:
                r.quit()
            r.check_clean()
        finally:
            if b.secondary is not None:
                b.secondary.kill()
            if r.pmd is not None:
                r.pmd.kill()
            netlab.run("umount", "-l", folder)


def flows(count, size=200):
    """Frames that veth spreads over all queues."""
    return [frames.numbered_frame(number, size + number % 7, (number % 64, 7)) for number in range(count)]


def comes_back(r, sent, window=64):
    """Every frame comes back once; between queues, so between processes, the order is free."""
    found = r.peer().exchange(sent, window)
    equal(sorted(found), sorted(sent), f"{len(sent)} frames that came back, {len(found)} found")


def no_violations(r):
    bad = {key: value for key, value in r.pmd.xstats().items() if key.endswith("violations") and value}
    equal(bad, {}, "ownership violations")


def share_of_the_queues():
    """primary and secondary forward at the same time, each its queues: every frame comes back, unchanged"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(4000))
        eventually(lambda: all(b.counts()), lambda: f"packets by queue: {b.counts()}")
        equal(sum(b.counts()), 4000, "packets of all queues")
        equal(len(xsk_watch.xdp_sockets(b.secondary.process.pid)), QUEUES, "AF_XDP sockets of the secondary")
        no_violations(b.rig)
        b.stop()


def takes_over():
    """all queues go from the primary to the secondary and back, between two bursts: nothing is lost"""
    with both(procs=1) as b:
        sent = flows(600)
        for _ in range(4):
            for pmd in (b.rig.pmd, b.secondary):
                pmd.commands("set fwd io", "start")
                comes_back(b.rig, sent)
                pmd.command("stop")
        equal(sum(b.counts()), 8 * 600, "packets of all queues")
        no_violations(b.rig)


def sends_and_receives():
    """the secondary alone: txonly, and rxonly, with the counts that both processes see"""
    with both() as b:
        b.secondary.commands("set fwd txonly", "start")
        eventually(lambda: b.secondary.stats()["TX-packets"] > 1000, lambda: f"{b.secondary.stats()}")
        b.secondary.command("stop")
        equal(b.rig.pmd.stats()["TX-packets"], b.secondary.stats()["TX-packets"], "packets sent, seen from both")
        b.rig.peer().drain()
        b.forward("rxonly")
        for frame in flows(1000):
            b.rig.peer().send(frame)
        eventually(lambda: b.rig.pmd.stats()["RX-packets"] == 1000, lambda: f"{b.rig.pmd.stats()}")
        equal(b.secondary.stats()["RX-packets"], 1000, "packets received, seen from the secondary")
        b.stop()


def bounce_copies():
    """packets that are copied into frames of ours, in the secondary: its view of them is the right one"""
    with both() as b:
        b.rig.peer()
        b.secondary.commands("set txpkts 70,80,90", "set fwd txonly", "start")
        eventually(lambda: b.secondary.xstats()["tx_q2_bounce_copies"] > 500, lambda: f"{b.secondary.xstats()}")
        b.secondary.command("stop")
        found = [frame for frame in b.rig.peer().receive(500) if frame[12:14] == b"\x08\x00"]
        check(len(found) > 100, f"{len(found)} frames came")
        equal({len(frame) for frame in found}, {240}, "lengths of the frames")
        equal({frame[14:16] for frame in found}, {b"\x45\x00"}, "IPv4 headers of the frames")
        no_violations(b.rig)


def gate():
    """on_empty=drop: the secondary moves its queues' windows on"""
    with both(on_empty="drop", window=128) as b:
        b.forward()
        comes_back(b.rig, flows(3000), window=32)
        b.stop()


def started_anew():
    """the primary stops and starts the port under the secondary's running bursts, and sets queues up anew"""
    with both() as b:
        b.forward()
        for command in (None, "port config all rxd 256", "port config all txd 1024"):
            b.rig.pmd.command("stop")
            b.rig.pmd.command("port stop 0", timeout=30)
            equal(b.secondary.stats()["RX-errors"], 0, "errors of the secondary")
            if command:
                b.rig.pmd.command(command)
            b.rig.pmd.command("port start 0", timeout=30)
            b.rig.pmd.command("start")
            b.rig.peer().drain()
            comes_back(b.rig, flows(2000))
        equal(len(xsk_watch.xdp_sockets(b.secondary.process.pid)), QUEUES, "AF_XDP sockets of the secondary")
        no_violations(b.rig)
        b.stop()


def comes_late():
    """a secondary that starts while packets flow, ends, and starts again"""
    with both(secondary=False) as b:
        for _ in range(3):
            b.start_secondary()
            b.forward()
            comes_back(b.rig, flows(1000))
            b.stop()
            equal(b.secondary.quit(), 0, "exit status of the secondary")
        no_violations(b.rig)


def ends_with_losses(b, most):
    """The port closes cleanly; of the pool at most `most` buffers went with the dead."""
    r = b.rig
    r.check_descriptors()
    no_violations(r)
    r.pmd.commands("stop", "port stop all", "port close all")
    shown = r.pmd.command("dump_mempool mb_pool_0")
    counts = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)$", shown, re.MULTILINE)}
    lost = counts["populated_size"] - counts["common_pool_count"] - counts.get("total_cache_count", 0)
    check(0 <= lost <= most, f"{lost} buffers are lost, at most {most} may be")
    equal(r.pmd.quit(), 0, "exit status of the primary")


def killed():
    """kill -9 of the secondary under traffic, again and again: the next one takes its queues and packets flow"""
    rounds, burst = ROUNDS, 32
    with both() as b:
        for number in range(rounds):
            b.forward()
            for frame in flows(300):
                b.rig.peer().send(frame)
            time.sleep(0.02 * number)
            b.secondary.process.send_signal(signal.SIGKILL)
            b.secondary.kill()
            b.rig.pmd.command("stop")
            b.start_secondary()
            b.forward()
            b.rig.peer().drain(0.3)
            comes_back(b.rig, flows(1000))
            b.stop()
        b.secondary.process.send_signal(signal.SIGKILL)
        b.secondary.kill()
        ends_with_losses(b, 2 * burst * (rounds + 1))


def primary_goes_on():
    """kill -9 of the secondary under traffic: the primary polls its queues and loses nothing more"""
    with both(procs=1) as b:
        for _ in range(3):
            b.secondary.commands("set fwd io", "start")
            for frame in flows(500):
                b.rig.peer().send(frame)
            b.secondary.process.send_signal(signal.SIGKILL)
            b.secondary.kill()
            b.rig.pmd.commands("set fwd io", "start")
            b.rig.peer().drain(0.3)
            comes_back(b.rig, flows(1000))
            b.rig.pmd.command("stop")
            b.start_secondary()
        b.secondary.kill()
        ends_with_losses(b, 3 * 64)


def stopped_process():
    """a secondary that is stopped (SIGSTOP) cannot answer: said, and the primary still ends"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(200))
        b.rig.pmd.command("stop")
        b.secondary.process.send_signal(signal.SIGSTOP)
        shown = b.rig.pmd.command("port stop 0", timeout=60)
        check("has not answered" in shown, "nothing is said of the process that does not answer")
        b.secondary.process.send_signal(signal.SIGCONT)
        b.rig.pmd.command("port start 0", timeout=60)
        b.rig.pmd.command("start")
        b.rig.peer().drain()
        comes_back(b.rig, flows(500))
        b.stop()


def primary_dies():
    """kill -9 of the primary: the secondary gives the queues up, says so, and stays alive; nothing is left behind"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(200))
        b.rig.pmd.process.send_signal(signal.SIGKILL)
        b.rig.pmd.process.wait(5)
        eventually(lambda: "the primary process is gone" in b.secondary.text, "the secondary does not say so")
        eventually(lambda: not xsk_watch.xdp_sockets(b.secondary.process.pid), "sockets left in the secondary")
        check(b.secondary.alive, "the secondary died, too")
        eventually(lambda: netlab.xdp_of(b.rig.lab.link(b.rig.apps[0])) is None, "the program is left behind")
        b.secondary.kill()


def control_calls():
    """control calls in the secondary are refused, and leave the port alone"""
    with both() as b:
        for command in ("port stop 0", "port start 0", "set promisc 0 off", "port config mtu 0 1400",
                        "mac_addr set 0 02:00:00:00:00:09"):
            b.secondary.command(command)
        equal(b.rig.pmd.info()["MTU"], "1500", "MTU")
        b.forward()
        comes_back(b.rig, flows(500))
        b.stop()


def two_at_once():
    """two processes poll the same queues: bursts are refused and counted, never two at once, no packet is spoiled"""
    with both(procs=1) as b:
        b.forward()
        sent = flows(4000)
        for first in range(0, len(sent), 64):
            for frame in sent[first:first + 64]:
                b.rig.peer().send(frame)
            time.sleep(0.002)
        eventually(lambda: b.rig.pmd.xstats()["rx_q0_contended"] > 0, lambda: f"{b.rig.pmd.xstats()}", 20)
        b.stop()
        found = b.rig.peer().receive(len(sent), 1)
        check(len(found) > 100, f"{len(found)} of {len(sent)} frames came back")
        equal(len(set(found)), len(found), "frames that came back, each once")
        check(set(found) <= set(sent), "a frame came back that was never sent")
        equal(sum(b.counts()), len(sent), "packets of all queues")
        no_violations(b.rig)
        b.rig.pmd.commands("set fwd io", "start")
        comes_back(b.rig, flows(1000))
        b.rig.pmd.command("stop")


def proc_info():
    """dpdk-proc-info beside both: port, statistics and extended statistics"""
    with both() as b:
        b.forward()
        comes_back(b.rig, flows(500))
        environment, load = testpmd.driver_options()
        shown = ""
        for option in ("--show-port", "--stats", "--xstats"):
            done = subprocess.run(["dpdk-proc-info", "--file-prefix", b.rig.pmd.prefix, "--huge-dir", b.folder,
                                   "--no-pci", *load, "--", option], env={**os.environ, **environment}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
            equal(done.returncode, 0, f"exit status of dpdk-proc-info {option}: {done.stdout[-500:]}")
            shown += done.stdout
        for words in (r"RX-packets:\s+500\b", r"rx_q\d_packets: \d+", r"net_zcnbrh", r"-- mtu \(1500\)"):
            check(re.search(words, shown), f"dpdk-proc-info does not say {words}:\n{shown[-1500:]}")
        comes_back(b.rig, flows(500))
        b.stop()


def loop_port():
    """iface=loop: the secondary says that the port lives in the primary, and gets nothing"""
    if not testpmd.HugePages.available(512):
        raise tap.Skip("no huge pages to be had; EAL shares no others")
    with netlab.Lab() as lab, tempfile.TemporaryDirectory() as folder:
        r = Rig(lab, 1, 1)
        netlab.run("mount", "-t", "hugetlbfs", "none", folder)
        try:
            r.pmd = r.launch([device("net_zcnbrh0", iface="loop")], memory=["--huge-dir", folder])
            other = lab.keep(Testpmd([], memory=["--huge-dir", folder], eal=["--proc-type=secondary"],
                                     prefix=r.pmd.prefix, wait=False,
                                     lcores=["--lcores", f"2@{APP_CORE},3@{OTHER_CORE}", "--main-lcore", "3"]))
            text = other.wait_for(testpmd.PROMPT, 30)
            check("lives in the primary process" in text, "nothing is said of it")
            equal(other.quit(), 0, "exit status of the secondary")
            equal(r.pmd.quit(), 0, "exit status of the primary")
        finally:
            netlab.run("umount", "-l", folder)


if __name__ == "__main__":
    testpmd.end_on_signals()
    main([share_of_the_queues, takes_over, sends_and_receives, bounce_copies, gate, started_anew, comes_late, killed,
          primary_goes_on, stopped_process, primary_dies, control_calls, two_at_once, proc_info, loop_port])
