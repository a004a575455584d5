#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Other unmodified programs under the shim: DPDK's own autotests, Open vSwitch, a primary and a secondary process."""

import contextlib
import os
import shutil
import subprocess
import tempfile

from shim_rig import (BUILD, PCI, Report, check, environment, equal, main, netlab, numbered, run, tap, testpmd)

import openvswitch  # shim_rig has made its folder known


def autotest(name):
    def test():
        if not shutil.which("dpdk-test"):
            raise tap.Skip("no dpdk-test")
        memory = testpmd.memory_options(256)
        command = ["dpdk-test", "-l", "0,1", *memory, "--no-pci", "--no-telemetry", "--file-prefix", f"zs{os.getpid()}",
                   "--vdev=net_null0"]
        if b"Test OK" not in run(command, DPDK_TEST=name)[1]:
            raise tap.Skip(f"{name} fails here without the shim, too")
        report = Report()
        status, output, errors = run(command, DPDK_TEST=name, **environment("net_null0=loop", report=report.path))
        check(b"Test OK" in output, f"{name}: {output.decode()[-2000:]}{errors.decode()[-2000:]}")
        equal(status, 0, "exit status")
        equal(report.fates(), {"net_null0": "moved"}, "fates")
        report.close()
    test.__doc__ = f"dpdk-test's {name} passes under the shim, with the driver's pools the default"
    return test


def vswitch():
    """Open vSwitch with ports for another driver and for a PCI device, hot-plugged by their old names: bytes and order"""
    why = openvswitch.why_not()
    if why:
        raise tap.Skip(why)
    with netlab.Lab() as lab:
        pairs = [lab.veth() for _ in range(2)]
        report = lab.keep(Report())
        maps = f"net_af_packet0={pairs[0][0]},{PCI}={pairs[1][0]}"
        switch = lab.keep(openvswitch.Vswitch(load=False, environment=environment(maps, report=report.path)))
        tap.note("ovs-vswitchd's log", switch.log)
        peers = [lab.peer_socket(peer) for _, peer in pairs]
        switch.add_port("p0", f"net_af_packet0,iface={pairs[0][0]}", ofport_request=1)
        switch.add_port("p1", PCI, ofport_request=2)
        sent = numbered(256)
        for source in (0, 1):
            peers[1 - source].drain()
            for at in range(0, len(sent), 32):
                for frame in sent[at:at + 32]:
                    peers[source].send(frame)
                equal(peers[1 - source].receive(32), sent[at:at + 32], f"frames from peer{source}")
        switch.del_port("p1")
        switch.add_port("p1", PCI, ofport_request=2)
        equal(switch.quit(), 0, "exit status of ovs-vswitchd")
        equal(report.fates(), {"net_af_packet0": "moved", PCI: "moved"}, "fates")


@contextlib.contextmanager
def huge_folder():
    """A hugetlbfs, for memory that another process can find."""
    if not testpmd.HugePages.available(128):
        raise tap.Skip("no huge pages")
    folder = tempfile.mkdtemp(prefix="zs_huge_")
    netlab.run("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", folder)
    try:
        yield folder
    finally:
        netlab.run("umount", folder)
        os.rmdir(folder)


def secondary():
    """a secondary process under the shim with the same map: same ports, same old names"""
    with huge_folder() as folder, contextlib.ExitStack() as stack:
        variables = environment("net_null0=loop")
        prefix = f"zs{os.getpid()}p"
        stack.callback(shutil.rmtree, f"/var/run/dpdk/{prefix}", ignore_errors=True)
        command = [str(BUILD / "tests/shim/shim_appliance"), "-l", "0", "--huge-dir", folder, "--no-pci", "--no-telemetry",
                   "--file-prefix", prefix]
        devices = ["--vdev=net_null0", "--vdev=net_null1"]
        primary = subprocess.Popen([*command, "--proc-type=primary", *devices, "--", "ports", "wait"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                   env={**os.environ, **variables})
        stack.callback(primary.wait)
        stack.callback(primary.kill)
        expected = ["port 0 net_null0 net_zcnbrh 0", "port 1 net_null1 net_null 1"]
        equal([primary.stdout.readline().strip() for _ in range(3)], [*expected, "waiting"], "the primary's output")
        status, output, errors = run([*command, "--proc-type=secondary", "--", "ports"], **variables)
        equal((status, output.decode().splitlines()), (4, expected), f"the secondary's ({errors.decode()[-1500:]})")
        primary.communicate("\n", timeout=20)
        equal(primary.returncode, 4, "exit status of the primary")


if __name__ == "__main__":
    main([autotest("ring_autotest"), autotest("mbuf_autotest"), autotest("mempool_autotest"), vswitch, secondary])
