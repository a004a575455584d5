#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Where the shim ends: programs it cannot reach, programs that only name DPDK, netdevs that vanish before a port starts,
calls of a vendor's driver from the stock testpmd."""

import os
import re
import signal

from shim_rig import (APP_CORE, BUILD, PCI, Report, Skip, check, check_echo, check_through, drivers, environment, equal,
                      launch, main, netlab, rig, run, tap, testpmd)
from terminal import Terminal

MIGRATE = str(BUILD / "shim/zcnbrh-migrate")


def static_program():
    """DPDK's skeleton with DPDK's archives, and our driver's objects, inside."""
    program = BUILD / "tests/shim/static_skeleton"
    if not program.exists():
        raise Skip("DPDK's skeleton is not linked statically: no source package, or no archives in libdpdk-dev")
    return program


class Skeleton(Terminal):
    def __init__(self, r, devices, variables):
        command = [static_program(), *testpmd.lcore_options((APP_CORE,)), *testpmd.memory_options(256), "--no-pci",
                   "--no-telemetry", "--file-prefix", f"zs{os.getpid()}", *(f"--vdev={text}" for text in devices)]
        super().__init__("skeleton", command, variables)
        r.lab.keep(self)
        tap.note(self.shown, lambda: self.text)
        self.wait_for("forwarding packets", 30)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        equal(self.process.wait(20), -signal.SIGINT, "how it ended: it has no handler")
        return self.text


def static_is_not_reached():
    """DPDK inside the executable: under the shim it runs as without, its devices with their own drivers; audit says why"""
    with rig(pairs=1, start=False) as r:
        devices = ["net_null0", "net_null1"]
        report = r.lab.keep(Report())
        maps = environment(f"net_null0={r.apps[0]}", report=report.path, mode="strict")
        alone, moved = (Skeleton(r, devices, variables).end() for variables in ({}, maps))
        addresses = r"(?<=MAC: )[0-9a-f ]+"  # net_null's are made up anew each time
        equal(re.sub(addresses, "", moved), re.sub(addresses, "", alone), "output")
        check(not os.path.exists(report.path), "there is a report")
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, f"XDP program on {r.apps[0]}")
    if not os.path.exists(MIGRATE):
        return
    for words in (("audit",), ("run", "--map", "net_null0=eth0", "--")):
        status, output, errors = run([MIGRATE, *words, str(static_program())])
        check(status != 0 and b"DPDK is linked statically" in output + errors, f"{words}: {status} {output}{errors}")


def static_with_our_driver():
    """what to do instead: with the driver's objects linked in, the same program forwards by --vdev=net_zcnbrh"""
    with rig(pairs=2, start=False) as r:
        program = Skeleton(r, [f"net_zcnbrh{number},iface={app}" for number, app in enumerate(r.apps)], {})
        check_through(r)
        program.end()


def mere_reference():
    """a program that refers to DPDK's data and functions without having any: it finds none under the shim either"""
    program = str(BUILD / "tests/shim/mere_reference")
    alone = run([program])
    equal(alone, (5, b"none none\nno DPDK\n", b""), "without the shim")
    equal(run([program], **environment(f"{PCI}=eth0")), alone, "under the shim")


def vanishes_before_start():
    """a netdev that goes between probe and start: that port does not start, and says why; the one that stays works"""
    with rig(pairs=2, start=False) as r:
        pmd = launch(r, [f"net_af_packet{n},iface={r.apps[n]}" for n in (0, 1)], f"net_af_packet0={r.apps[0]}",
                     app=["--disable-device-start"])
        equal(drivers(pmd)[0], ("net_af_packet0", "net_zcnbrh"), "port 0")
        netlab.run("ip", "link", "del", r.apps[0])
        shown = pmd.command("port start 0")
        check("Fail to start port 0" in shown or "Fail to configure port 0" in shown, shown)
        check(re.search(rf"zcnbrh: port 0 \(net_zcnbrh_net_af_packet0\): .*{r.apps[0]}", shown), shown)
        pmd.commands("port close 0", "port start 1", "set promisc 1 on", "set portlist 1")
        r.forward("io")
        check_echo(r, peer=1, count=64)
        pmd.commands("stop", "set promisc all off")
        equal(pmd.quit(), 0, "exit status")


def hot_plug_falls_back():
    """a device that is plugged in later and cannot move: its old driver takes it, said aloud, and it carries packets"""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, ["net_null0"], f"net_null0={r.apps[1]},net_af_packet1=nosuch0", report=report)
        shown = pmd.command(f"port attach net_af_packet1,iface={r.apps[0]}")
        check("Port 1 is attached" in shown and "net_af_packet1 cannot move to nosuch0" in shown and
              "stays with its old driver" in shown, shown)
        equal(drivers(pmd), {0: ("net_null0", "net_zcnbrh"), 1: ("net_af_packet1", "net_af_packet")}, "ports")
        pmd.commands("port start 1", "set promisc 1 on", "set portlist 1")
        r.forward("io")
        check_echo(r, count=64)
        pmd.commands("stop", "set promisc all off")
        r.quit()
        equal(report.fates(), {"net_null0": "moved", "net_af_packet1": "fell back"}, "fates")


def vendor_commands():
    """testpmd is linked to vendors' drivers: what of it calls them says that it is not there, and the calls are counted"""
    with rig(start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True, report=report)
        calls = {"set vf mac antispoof 0 0 on": "rte_pmd_ixgbe_set_vf_mac_anti_spoof",
                 "set tx loopback 0 on": "rte_pmd_ixgbe_set_tx_loopback",
                 "show vf stats 0 0": "rte_pmd_i40e_get_vf_stats"}
        for command in calls:
            shown = pmd.command(command)
            check("not implemented" in shown or "not supported" in shown, f"{command}: {shown}")
        r.forward("io")
        check_echo(r, count=64)
        pmd.command("stop")
        r.quit()
        found = report.read()["calls"]
        equal([call for call in calls.values() if not found.get(call)], [], f"calls that are not counted in {found}")


if __name__ == "__main__":
    main([static_is_not_reached, static_with_our_driver, mere_reference, vanishes_before_start, hot_plug_falls_back,
          vendor_commands])
