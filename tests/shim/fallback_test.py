#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""A mapped device that cannot move: whether it fell back is what its old driver says, and hot-plug tries again."""

from fake_pci import FakePci
from shim_rig import PCI, Report, appliance_command, check, drivers, environment, equal, launch, main, netlab, rig, run

STRANGE = ("dead", "beef")  # no driver knows it


def start(devices, maps, drop=(), extra=(), **variables):
    """(exit status, output, the report) of the appliance, which lists its ports."""
    report = Report()
    command = appliance_command(["ports"], devices)
    at = command.index("--")
    command = [word for word in command[:at] if word not in drop] + list(extra) + command[at:]
    status, output, errors = run(command, **environment(maps, report=report.path), **variables)
    found = report.read()
    report.close()
    return status, output.decode().splitlines(), errors.decode(), found


def fates(found):
    return {one["device"]: one["fate"] for one in found["devices"]}


def texts(found):
    return [one["text"] for one in found["messages"]]


def says(found, *words):
    return any(all(word in text for word in words) for text in texts(found))


def old_driver_fails():
    """neither the netdev nor the old driver's own is there: failed, and nobody says that it stays with its old driver"""
    status, output, errors, found = start(["net_null0", "net_af_packet0,iface=nosuch0"], "net_af_packet0=nosuch1")
    equal((status, output), (4, ["port 0 net_null0 net_null 0"]), f"status and output ({errors})")
    equal(fates(found), {"net_af_packet0": "failed"}, "fates")
    check(says(found, "net_af_packet0 cannot move to nosuch1", "its old driver is asked"), texts(found))
    check(says(found, "net_af_packet0 has no driver at all"), texts(found))
    check(not says(found, "stays with its old driver"), texts(found))


def old_driver_takes_it():
    """the old driver takes the device: fell back, said once it is so"""
    status, output, errors, found = start(["net_null0"], "net_null0=nosuch1")
    equal((status, output), (4, ["port 0 net_null0 net_null 0"]), f"status and output ({errors})")
    equal(fates(found), {"net_null0": "fell back"}, "fates")
    check(says(found, "net_null0 stays with its old driver"), texts(found))


def no_driver_for_it():
    """a PCI device that no driver of DPDK knows, which its bus does not call an error: failed"""
    fake = FakePci()
    try:
        fake.driver("strange")  # EAL passes over a device that no driver of the kernel has
        folder = fake.device(PCI, STRANGE, driver="strange")
        for name, text in (("subsystem_vendor", "0x1234"), ("subsystem_device", "0x5678"),
                           ("resource", "0x0 0x0 0x0\n" * 7)):
            (folder / name).write_text(text + "\n")
        status, output, errors, found = start(["net_null0"], f"{PCI}=nosuch1", drop=["--no-pci"], extra=["-a", PCI],
                                              SYSFS_PCI_DEVICES=str(fake.pci / "devices"))
    finally:
        fake.close()
    equal((status, output), (4, ["port 0 net_null0 net_null 0"]), f"status and output ({errors})")
    equal(fates(found), {PCI: "failed"}, "fates")
    # "is asked": the bus had the device; without one it says that there is none.
    check(says(found, f"{PCI} cannot move to nosuch1", "its old driver is asked"), texts(found))
    check(not says(found, "stays with its old driver"), texts(found))


def netdev(r, name):
    netlab.run("ip", "link", "add", name, "type", "veth", "peer", "name", name + "p")
    netlab.run("ip", "link", "set", name, "up")
    netlab.run("ip", "link", "set", name + "p", "up")
    r.lab.keep(Removed(name))


class Removed:
    def __init__(self, name):
        self.name = name

    def close(self):
        netlab.run("ip", "link", "del", self.name)


def plugged_again():
    """hot-plug: both fail, then the netdev is there and the device moves"""
    with rig(start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, [f"net_af_packet0,iface={r.apps[0]}"], "net_af_packet1=later0", report=report)
        shown = pmd.command("port attach net_af_packet1,iface=nosuch0")
        check("is attached" not in shown and "has no driver at all" in shown, shown)
        netdev(r, "later0")
        shown = pmd.command("port attach net_af_packet1,iface=nosuch0")
        check("Port 1 is attached" in shown, shown)
        equal(drivers(pmd)[1], ("net_af_packet1", "net_zcnbrh"), "port 1")
        pmd.commands("port close 1", "set promisc all off")
        r.quit()
        equal(report.fates(), {"net_af_packet1": "moved"}, "fates")
        check(not any("stays with its old driver" in text for text in report.texts()), report.texts())


def plugged_after_fall_back():
    """hot-plug: the old driver has it while the netdev is missing, gives it up, and the next plugging moves it"""
    with rig(start=False) as r:
        report = r.lab.keep(Report())
        pmd = launch(r, [f"net_af_packet0,iface={r.apps[0]}"], "net_null1=later0", report=report)
        shown = pmd.command("port attach net_null1")
        check("Port 1 is attached" in shown and "net_null1 stays with its old driver" in shown, shown)
        equal(drivers(pmd)[1], ("net_null1", "net_null"), "port 1")
        netdev(r, "later0")
        # It is the old driver's still: nothing moves below a program that has it.
        check("is attached" not in pmd.command("port attach net_null1"), "attached twice")
        equal(drivers(pmd)[1], ("net_null1", "net_null"), "port 1")
        check("is detached" in pmd.command("port detach 1"), "port detach")
        shown = pmd.command("port attach net_null1")
        check("Port 1 is attached" in shown, shown)
        equal(drivers(pmd)[1], ("net_null1", "net_zcnbrh"), "port 1")
        pmd.commands("port close 1", "set promisc all off")
        r.quit()
        equal(report.fates(), {"net_null1": "moved"}, "fates")


if __name__ == "__main__":
    main([old_driver_fails, old_driver_takes_it, no_driver_for_it, plugged_again, plugged_after_fall_back])
