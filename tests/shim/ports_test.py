#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Ports of an unmodified testpmd move to net_zcnbrh: command lines written for a PCI device and for other drivers,
port numbers, names, hot-plug, and what happens when a map cannot be followed."""

import re

from shim_rig import (PCI, Report, check, check_echo, check_through, drivers, environment, equal, launch, main, netlab, rig,
                      testpmd)


def end(r):
    """An orderly end, with rig's checks. net_af_packet would leave its netdev promiscuous."""
    r.pmd.commands("stop", "set promisc all off")
    r.quit()


def pci_argument():
    """-a 0000:3b:00.0 runs on a veth, on a machine without that device; name, statistics and payload are right"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", f"{PCI},txq_inline_max=128"], pci=True)
        equal(drivers(pmd), {0: (PCI, "net_zcnbrh")}, "ports")
        equal(pmd.info()["Device name"].strip(), PCI, "device name")
        r.forward("io")
        check_echo(r, count=1000)
        stats = pmd.stats()
        equal((stats["RX-packets"], stats["TX-packets"]), (1000, 1000), "statistics")
        end(r)


def short_pci_name():
    """a map of 3b:00.0 is one of 0000:3b:00.0; without -a every PCI device is asked for"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"3b:00.0={r.apps[0]}", pci=True)
        equal(drivers(pmd), {0: (PCI, "net_zcnbrh")}, "ports")
        end(r)


def pci_order():
    """PCI ports are numbered by address, before virtual ones, whatever the order in the command line"""
    with rig(pairs=3, start=False) as r:
        pmd = launch(r, [f"net_af_packet0,iface={r.apps[2]}"], f"0000:3b:00.1={r.apps[1]},0000:3b:00.0={r.apps[0]}",
                     eal=["-a", "0000:3b:00.1", "-a", "0000:3b:00.0"], pci=True)
        equal(drivers(pmd), {0: ("0000:3b:00.0", "net_zcnbrh"), 1: ("0000:3b:00.1", "net_zcnbrh"),
                             2: ("net_af_packet0", "net_af_packet")}, "ports")
        end(r)


def blocked_pci():
    """a PCI device that is blocked by -b is not moved, and the report says so"""
    with rig(start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, [f"net_af_packet0,iface={r.apps[0]}"], f"{PCI}={r.apps[0]}", eal=["-b", PCI], pci=True,
                     report=report)
        equal(drivers(pmd), {0: ("net_af_packet0", "net_af_packet")}, "ports")
        end(r)
        equal(report.fates(), {PCI: "not probed"}, "fates")
        check(any("does not ask EAL" in text for text in report.texts()), "the report does not say why")


def one_of_two(moved):
    def test():
        stays = 1 - moved
        with rig(pairs=2, start=False) as r:
            report = r.lab.keep(Report())
            pmd = launch(r, [f"net_af_packet{n},iface={r.apps[n]}" for n in (0, 1)],
                         f"net_af_packet{moved}={r.apps[moved]}", report=report)
            equal(drivers(pmd), {moved: (f"net_af_packet{moved}", "net_zcnbrh"),
                                 stays: (f"net_af_packet{stays}", "net_af_packet")}, "ports")
            r.forward("io")
            check_through(r)
            end(r)
            equal(report.fates(), {f"net_af_packet{moved}": "moved"}, "fates")
            equal(report.read()["devices"][0]["port"], moved, "port number in the report")
    test.__doc__ = f"of two ports number {moved} moves and the other stays: numbers kept, traffic both ways"
    return test


def from_af_xdp():
    """net_af_xdp and net_tap vdevs move, and their own arguments do not matter"""
    with rig(pairs=2, start=False) as r:
        pmd = launch(r, [f"net_af_xdp0,iface={r.apps[0]},start_queue=0,busy_budget=0", "net_tap0,iface=tapx"],
                     f"net_af_xdp0={r.apps[0]},net_tap0={r.apps[1]}")
        equal(drivers(pmd), {0: ("net_af_xdp0", "net_zcnbrh"), 1: ("net_tap0", "net_zcnbrh")}, "ports")
        r.forward("io")
        check_through(r)
        end(r)


def keys_and_queues():
    """a port gets all queues of its netdev; a key after the map goes to the driver"""
    with rig(pairs=2, queues=2, start=False) as r:
        pmd = launch(r, ["net_null0", "net_null1"], f"net_null0={r.apps[0]},net_null1={r.apps[1]},queue_count=1,zc=off",
                     app=["--rxq=1", "--txq=1"])
        equal([pmd.info(port)["Max possible RX queues"] for port in (0, 1)], ["2", "1"], "most RX queues")
        check("zc=off" in pmd.info(1)["Devargs"], f"Devargs: {pmd.info(1)['Devargs']}")
        end(r)


def hot_plug():
    """port attach and detach by the old name, of a device mapped before it was there"""
    with rig(pairs=2, start=False) as r:
        pmd = launch(r, [f"net_af_packet0,iface={r.apps[0]}"], f"{PCI}={r.apps[1]}", pci=True, eal=["-b", PCI])
        shown = pmd.command(f"port attach {PCI}")
        check("Port 1 is attached" in shown, shown)
        equal(drivers(pmd)[1], (PCI, "net_zcnbrh"), "port 1")
        shown = pmd.command("show device info all")
        check(re.search(rf"Infos for device {PCI} \*+\nBus name: vdev\n.*Driver name: net_zcnbrh", shown, re.DOTALL), shown)
        pmd.commands("port start 1", "port stop 1", "port close 1")
        shown = pmd.command(f"device detach {PCI}")
        check(f"Device {PCI} is detached" in shown, shown)
        equal(sorted(drivers(pmd)), [0], "ports after detach")
        shown = pmd.command(f"port attach {PCI}")
        check("Port 1 is attached" in shown, shown)
        pmd.commands("port start 1", "port stop 1")
        check("is detached" in pmd.command("port detach 1"), "port detach by its number")
        end(r)


def no_netdev():
    """lenient: no such netdev, the old driver keeps its device, said aloud; the other one moves"""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, [f"net_af_packet{n},iface={r.apps[n]}" for n in (0, 1)],
                     f"net_af_packet0=nosuch0,net_af_packet1={r.apps[1]}", report=report)
        equal(drivers(pmd), {0: ("net_af_packet0", "net_af_packet"), 1: ("net_af_packet1", "net_zcnbrh")}, "ports")
        check("net_af_packet0 cannot move to nosuch0" in pmd.text and "stays with its old driver" in pmd.text,
              "it is not said aloud")
        r.forward("io")
        check_through(r, count=64)
        end(r)
        equal(report.fates(), {"net_af_packet0": "fell back", "net_af_packet1": "moved"}, "fates")


def ends_with(devices_of, maps_of, words, **options):
    """testpmd does not get through rte_eal_init(), ends by itself with a failure, and the output has the words."""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = r.lab.keep(start_only(r, devices_of(r), maps_of(r), report, **options))
        status = pmd.process.wait(20)
        pmd.kill()
        missing = [word for word in words if word not in pmd.text]
        check(not missing, f"the output does not say {missing}:\n{pmd.text}")
        check(status > 0, f"exit status {status}")
        check("create a new mbuf pool" not in pmd.text, "testpmd went on")
        found = report.read()  # of a start that was refused, too
        texts = " ".join(one["text"] for one in found["messages"] if one["level"] == "error")
        check(all(word in texts for word in words), f"the report does not say {words}: {texts}")
        check(found["stage"] in ("read_settings", "load_driver", "settle_ports"), f"stage {found['stage']}")


def start_only(r, devices, maps, report, **options):
    return testpmd.Testpmd(devices, load=False, wait=False, environment=environment(maps, report=report.path, **options))


def af_packet(r):
    return [f"net_af_packet{n},iface={r.apps[n]}" for n in (0, 1)]


def strict_no_netdev():
    """strict: no such netdev is an error of rte_eal_init()"""
    ends_with(af_packet, lambda r: f"net_af_packet0=nosuch0,net_af_packet1={r.apps[1]}",
              ["net_af_packet0 cannot move to nosuch0", "ZCNBRH_MODE=strict"], mode="strict")


def strict_not_asked_for():
    """strict: a mapped device that the program does not ask for is an error"""
    ends_with(af_packet, lambda r: f"net_null7={r.apps[0]}", ["net_null7 is mapped, but"], mode="strict")


def wrong_maps():
    """a mapping line that cannot be read is an error in either mode, with the item and the cure"""
    for maps, words in [("eth0", ["'eth0' has no '='"]),
                        ("net_null0=app0,queue_cuont=2", ["net_null0", "queue_cuont", "did you mean 'queue_count'"]),
                        ("net_null0=app0,queue_count=none", ["net_null0", "queue_count=none"]),
                        ("queue_count=2", ["queue_count= stands before"]),
                        ("net_null0=averyveryverylongname", ["averyveryverylongname"]),
                        ("net_null0=app0,net_null0=app1", ["net_null0 is mapped twice"]),
                        ("net_null0=app0,net_null1=app0", ["net_null0 and net_null1 are both mapped to app0"]),
                        ("net_null0=app0,queue_count=2,net_null1=app0,start_queue=1,queue_count=1",
                         ["with a queue in common"])]:
        ends_with(lambda r: ["net_null0", "net_null1"], lambda r, maps=maps: maps, words)


def wrong_settings():
    """ZCNBRH_MODE and ZCNBRH_OBSERVE take what they take; a map file that is not there is an error"""
    ends_with(af_packet, lambda r: f"net_af_packet0={r.apps[0]}", ["'loose' is neither lenient nor strict"], mode="loose")
    ends_with(af_packet, lambda r: "", ["'yes' is neither 0 nor 1"], observe="yes")
    ends_with(af_packet, lambda r: "", ["/nowhere/map cannot be read"], map_file="/nowhere/map")


def map_file():
    """ZCNBRH_MAP_FILE: one item a line, comments, beside ZCNBRH_MAP"""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        with open(report.path + ".map", "w", encoding="ascii") as file:
            file.write(f"# moved on Monday\nnet_null1={r.apps[1]}  # the second\n  zc=off\n")
        pmd = launch(r, ["net_null0", "net_null1"], f"net_null0={r.apps[0]}", map_file=report.path + ".map")
        equal({port: driver for port, (_, driver) in drivers(pmd).items()}, {0: "net_zcnbrh", 1: "net_zcnbrh"}, "drivers")
        check("zc=off" in pmd.info(1)["Devargs"], f"Devargs: {pmd.info(1)['Devargs']}")
        end(r)


def missing_driver():
    """lenient: the driver's file is missing, nothing moves, said aloud; strict: an error"""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, af_packet(r), f"net_af_packet0={r.apps[0]}", driver="/nowhere/librte_net_zcnbrh.so",
                     report=report)
        equal(drivers(pmd), {n: (f"net_af_packet{n}", "net_af_packet") for n in (0, 1)}, "ports")
        check("/nowhere/librte_net_zcnbrh.so" in pmd.text and "nothing is moved" in pmd.text, "it is not said aloud")
        end(r)
        equal(report.fates(), {"net_af_packet0": "fell back"}, "fates")
    ends_with(af_packet, lambda r: f"net_af_packet0={r.apps[0]}", ["/nowhere/x.so", "ZCNBRH_DRIVER"], mode="strict",
              driver="/nowhere/x.so")


def netdev_vanishes():
    """the netdev of a moved port is deleted: testpmd closes that port, the other one goes on"""
    with rig(pairs=2, start=False) as r:
        pmd = launch(r, af_packet(r), f"net_af_packet0={r.apps[0]}", app=["--hot-plug"])
        netlab.run("ip", "link", "del", r.apps[0])
        r.closed_by_testpmd()
        equal(drivers(pmd), {1: ("net_af_packet1", "net_af_packet")}, "ports")
        pmd.command("set portlist 1")
        r.forward("io")
        check_echo(r, peer=1, count=64)
        pmd.commands("stop", "set promisc all off")
        equal(pmd.quit(), 0, "exit status")


def observe():
    """ZCNBRH_OBSERVE=1 changes nothing: drivers, ports and traffic are the old ones, and there is a report"""
    with rig(pairs=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, af_packet(r), f"net_af_packet0={r.apps[0]}", observe="1", report=report)
        equal(drivers(pmd), {n: (f"net_af_packet{n}", "net_af_packet") for n in (0, 1)}, "ports")
        check("zcnbrh" not in pmd.text.split("testpmd>")[0], "the output of testpmd is not its own")
        r.forward("io")
        check_through(r, count=64)
        end(r)
        found = report.read()
        equal(found["mode"], "observe", "mode")
        equal(report.fates(), {"net_af_packet0": "not probed"}, "fates")
        check(found["calls"].get("rte_eth_dev_get_name_by_port", 0) > 0, f"calls: {found['calls']}")


if __name__ == "__main__":
    main([pci_argument, short_pci_name, pci_order, blocked_pci, one_of_two(0), one_of_two(1), from_af_xdp,
          keys_and_queues, hot_plug, no_netdev, strict_no_netdev, strict_not_asked_for, wrong_maps, wrong_settings,
          map_file, missing_driver, netdev_vanishes, observe])
