#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Other unmodified programs of the DPDK package on net_zcnbrh: dpdk-test's autotests that use an ethdev port,
and the tools that look into a running program as secondary processes: dpdk-proc-info, dpdk-pdump,
dpdk-dumpcap."""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

from rig import DRIVER, Skip, check, equal, eventually, frames, main, netlab, rig, tap, testpmd

PMD_FOLDER = next(iter(pathlib.Path("/usr/lib").glob("*/dpdk/pmds-*")), None)


def tool(name):
    path = shutil.which(name)
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


# --- dpdk-test ---

def autotest(name, devices, seconds=60, megabytes=256):
    """One autotest of dpdk-test must say 'Test OK'."""
    environment, eal = testpmd.driver_options()
    command = [*netlab.DIE_WITH_US, tool("dpdk-test"), *testpmd.lcore_options((testpmd.APP_CORE, testpmd.OTHER_CORE)),
               "--no-pci", *testpmd.memory_options(megabytes), *eal, *(f"--vdev={text}" for text in devices)]
    done = subprocess.run(command, input=f"{name}\nquit\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", timeout=seconds, env={**os.environ, **environment})
    tap.note(f"dpdk-test {name}", lambda: done.stdout)
    check(re.search(r"^Test OK$", done.stdout, re.MULTILINE), f"{name} does not end with 'Test OK'")
    equal(done.returncode, 0, f"exit status of dpdk-test after {name}")
    return done.stdout


QUEUES = 4  # some autotests want several


def on_veth(*names, ports=2, **options):
    with netlab.Lab() as lab:
        apps = [lab.veth(QUEUES)[0] for _ in range(ports)]
        for name in names:
            devices = [testpmd.device(f"{DRIVER}{number}", iface=app, queue_count=QUEUES)
                       for number, app in enumerate(apps)]
            autotest(name, devices, **options)
        for app in apps:
            equal(netlab.xdp_of(lab.link(app)), None, f"XDP program left on {app}")


def autotests_statistics():
    """dpdk-test: bitratestats, latencystats, metrics and ethdev_link_status autotests"""
    on_veth("bitratestats_autotest", "latencystats_autotest", "metrics_autotest", "ethdev_link_status")


def autotests_events():
    """dpdk-test: the event RX and TX adapters' autotests"""
    # The first makes a pool of 524,288 mbufs a port.
    on_veth("event_eth_rx_adapter_autotest", "event_eth_tx_adapter_autotest", ports=1, megabytes=2400)


def autotest_pdump():
    """dpdk-test: pdump autotest"""
    on_veth("pdump_autotest", ports=1)


def autotest_performance():
    """dpdk-test: pmd_perf autotest on a loop port, no packet lost"""
    shown = autotest("pmd_perf_autotest", [f"{DRIVER}0,iface=loop"], 120)
    lost = re.search(r"(\d+) packet, (\d+) drop", shown)
    check(lost and int(lost[1]) > 0, "no count of packets")
    equal(int(lost[2]), 0, "packets dropped")


# --- secondary processes beside testpmd ---

def linked_pool_ops(program):
    """Libraries with mempool ops that a program is linked to.

    A pool names its ops by their number in a table that each process fills as its libraries come in. The
    distribution's testpmd is linked to a driver that brings ops of its own, the tools are not: DPDK's rings have
    another number in each, and a pool of dpdk-pdump makes testpmd call dpaa2's allocator. That is so with any
    driver: `dpdk-testpmd --vdev=net_null0 -- --forward-mode=rxonly` beside dpdk-pdump shows it. With the same
    libraries loaded first the numbers are the same."""
    return re.findall(r"=> (\S*/librte_mempool_\w+\.so\S*)", netlab.run("ldd", tool(program)))


class Primary:
    """testpmd in io mode on one veth pair, with memory and run-time files that others can join."""

    def __init__(self, r):
        if not testpmd.HugePages.available(300):
            raise Skip("no huge pages to be had: secondary processes need them")
        self.r = r
        self.folder = pathlib.Path(f"/run/zcnbrh-test-{os.getpid()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "huge").mkdir(parents=True)
        # In the lab's own mount namespace; gone with it.
        netlab.run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", self.folder / "huge")
        r.start(memory=[f"--huge-dir={self.folder / 'huge'}", "-m", "256"], mbufs=4096)
        r.forward("io")

    @property
    def joining(self):
        """EAL arguments of a secondary process."""
        return [f"--file-prefix={self.r.pmd.prefix}", f"--huge-dir={self.folder / 'huge'}", "--no-pci",
                *testpmd.driver_options()[1]]

    def secondary(self, name, *words, eal=None):
        environment, _ = testpmd.driver_options()
        preloaded = ":".join(linked_pool_ops("dpdk-testpmd"))
        command = [*netlab.DIE_WITH_US, "env", f"LD_PRELOAD={preloaded}", tool(name),
                   *(self.joining if eal is None else eal), *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                errors="replace", env={**os.environ, **environment})

    def close(self):
        netlab.run("umount", "-l", self.folder / "huge", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def primary():
    with rig(start=False) as r:
        made = Primary(r)
        try:
            yield made
            r.quit()
        finally:
            made.close()


def proc_info():
    """dpdk-proc-info shows the port, its statistics and xstats as the primary has them"""
    with primary() as p:
        sent = [frames.numbered_frame(number, 60 + number) for number in range(500)]
        equal(p.r.peer().exchange(sent), sent, "frames that came back")

        def shown(option):
            child = p.secondary("dpdk-proc-info", "--", option)
            text = child.communicate(timeout=60)[0]
            equal(child.returncode, 0, f"dpdk-proc-info {option}: {text[-1500:]}")
            return text

        found = re.search(r"RX-packets: (\d+) .*RX-bytes:\s+(\d+)", shown("--stats"))
        equal((int(found[1]), int(found[2])), (500, sum(map(len, sent))), "packets and bytes by --stats")
        mine = p.r.pmd.xstats()
        theirs = {key: int(value) for key, value in re.findall(r"^(\w+): (\d+)$", shown("--xstats"), re.MULTILINE)}
        # While testpmd forwards, its own polls are counted between the two looks.
        for key in (key for key in mine if not re.search("poll|cycle|kick|wake|system_calls", key)):
            equal(theirs.get(key), mine[key], f"xstat {key}")
        port = shown("--show-port")
        check("Error" not in port, f"--show-port: {port}")
        check(DRIVER in port, f"no driver name in --show-port: {port}")
        check(p.r.pmd.alive, "testpmd did not survive the secondary processes")


def capture(path):
    """Frames of a pcap or pcapng file."""
    data, at, found = path.read_bytes(), 0, []
    if data[:4] == b"\x0a\x0d\x0d\x0a":  # pcapng: blocks with a type, a length, and the length again
        while at + 12 <= len(data):
            kind, length = struct.unpack_from("<II", data, at)
            if kind == 6:  # enhanced packet block
                captured = struct.unpack_from("<I", data, at + 20)[0]
                found.append(data[at + 28:at + 28 + captured])
            at += length
        return found
    at = 24
    while at + 16 <= len(data):
        captured = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16:at + 16 + captured])
        at += 16 + captured
    return found


def send_until_captured(p, child, path, wanted):
    """Sends numbered frames until the capture has `wanted` of them; then ends the tool. Returns the capture."""
    count = 0

    def captured():
        nonlocal count
        if child.poll() is not None:
            raise tap.Failed(f"the tool has ended with status {child.returncode}: {child.stdout.read()[-1500:]}")
        for _ in range(20):
            p.r.peer().send(frames.numbered_frame(count, 100 + count % 50))
            count += 1
        time.sleep(0.1)
        return path.exists() and len(capture(path)) >= wanted

    eventually(captured, "nothing was captured", 30)
    child.send_signal(signal.SIGINT)
    text = child.communicate(timeout=30)[0]
    tap.note("capture tool", lambda: text)
    found = capture(path)
    for frame in found:
        number = frames.number_of(frame)
        equal(frame, frames.numbered_frame(number, 100 + number % 50), f"captured frame {number}")
    # Received and, with a tool that takes both directions, sent again: each way in order.
    seen, ways = collections.Counter(), ([], [])
    for number in map(frames.number_of, found):
        check(seen[number] < 2, f"frame {number} was captured three times")
        ways[seen[number]].append(number)
        seen[number] += 1
    for numbers in ways:
        equal(numbers, sorted(numbers), "order of the captured frames")
    return found


def pdump():
    """dpdk-pdump captures what the port receives, byte for byte"""
    with primary() as p:
        path = p.folder / "rx.pcap"
        child = p.secondary("dpdk-pdump", "--", "--pdump", f"port=0,queue=*,rx-dev={path},total-num-mbufs=2048")
        send_until_captured(p, child, path, 50)
        check(p.r.pmd.alive, "testpmd did not survive dpdk-pdump")


def dumpcap():
    """dpdk-dumpcap captures what the port receives and sends, byte for byte"""
    if PMD_FOLDER is None:
        raise Skip("no folder of DPDK drivers found")
    with primary() as p:
        # It takes no -d: the driver has to lie among DPDK's own, in this mount namespace only.
        drivers = p.folder / "pmds"
        shutil.copytree(PMD_FOLDER, drivers, symlinks=True)
        if os.environ.get("ZCNBRH_PMD"):
            shutil.copy(os.environ["ZCNBRH_PMD"], drivers)
        netlab.run("mount", "--bind", drivers, PMD_FOLDER)
        try:
            path = p.folder / "dump.pcapng"
            child = p.secondary("dpdk-dumpcap", "-i", "0", "-w", path, eal=[f"--file-prefix={p.r.pmd.prefix}"])
            send_until_captured(p, child, path, 50)
        finally:
            netlab.run("umount", PMD_FOLDER)
        check(p.r.pmd.alive, "testpmd did not survive dpdk-dumpcap")


main([autotests_statistics, autotests_events, autotest_pdump, autotest_performance, proc_info, pdump, dumpcap])
