#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""zcnbrh-migrate plan: on this machine, and on made-up ones with NICs that no test machine has."""

import contextlib
import json
import os
import pathlib
import re
import socket

from fake_pci import I40E, ICE, STRANGE, VIRTIO, FakePci, tree_text
from shim_rig import BUILD, check, equal, main, netlab, run

MIGRATE = str(BUILD / "shim/zcnbrh-migrate")
A, B, C, D, E = "0000:3b:00.0", "0000:3b:00.1", "0000:5e:00.0", "0000:af:00.0", "0000:d8:00.0"


def plan(*words, fake=None, **variables):
    """(exit status, output, errors)"""
    where = ["--sysfs", str(fake.sysfs), "--modules", str(fake.modules)] if fake else []
    status, output, errors = run([MIGRATE, "plan", *where, *words], **variables)
    return status, output.decode(), errors.decode()


def devices(*words, **options):
    status, output, errors = plan("--json", *words, **options)
    check(output, errors)
    return status, {one["device"]: one for one in json.loads(output)["devices"]}


@contextlib.contextmanager
def machine():
    """Two i40e at vfio-pci in one group, an ice with a netdev, one that nobody knows, a mlx5 of another namespace."""
    fake = FakePci()
    try:
        for name in ("vfio-pci", "i40e", "mlx5_core", "nvme"):
            fake.driver(name)
        fake.driver("ice", module="ice")
        fake.device("0000:01:00.0", ("8086", "0a54"), "nvme", kind="01")
        fake.device(A, I40E, "vfio-pci", group="7", numa="1", override="vfio-pci")
        fake.device(B, I40E, "vfio-pci", group="7", numa="1")
        fake.device(C, ICE, "ice", group="9")
        fake.device(D, STRANGE)
        fake.device(E, ("15b3", "1017"), "mlx5_core")
        fake.netdev(E, "no-such-netdev", 4242)
        yield fake
    finally:
        fake.close()


def every_device():
    """made up: who owns each device, who should, and that plan changes nothing"""
    with machine() as fake:
        before = tree_text(fake.sysfs)
        status, found = devices(fake=fake)
        equal(tree_text(fake.sysfs), before, "the tree")
        equal(status, 1, "one has no kernel driver")
        equal(sorted(found), [A, B, C, D, E], "network devices alone")
        owners = {name: (one["driver"], one["kernel_driver"], one["state"]) for name, one in found.items()}
        equal(owners, {A: ("vfio-pci", "i40e", "to be bound to its kernel driver"),
                       B: ("vfio-pci", "i40e", "to be bound to its kernel driver"),
                       C: ("ice", "ice", "the kernel has it, but no netdev of it is in this network namespace"),
                       D: ("", "", "no kernel driver for it, it stays with its old one"),
                       E: ("mlx5_core", "mlx5_core",
                           "the kernel has it, but no netdev of it is in this network namespace")}, "owners")
        equal((found[A]["ids"], found[A]["numa_node"], found[A]["iommu_group"], found[A]["driver_override"]),
              ("8086:1572", 1, "7", "vfio-pci"), "A")
        equal((found[A]["zero_copy"], found[D]["zero_copy"]), ("since Linux 4.20", "unknown"), "zero-copy")
        check(f"group 7 holds {B}" in " ".join(found[A]["notes"]), found[A]["notes"])
        check("nothing to bind" in " ".join(found[E]["notes"]), found[E]["notes"])
        check("another network namespace" in " ".join(found[E]["notes"]), found[E]["notes"])
        check("no module of" in " ".join(found[D]["notes"]), found[D]["notes"])
        equal([found[name]["map"] for name in (A, D, E)], [f"{A}=NETDEV", "", f"{E}=no-such-netdev"], "maps")


def commands():
    """made up: the commands to rebind, in an order that works, with the module where the driver is not there yet"""
    with machine() as fake:
        found = devices(A, fake=fake)[1][A]["commands"]
        device, pci = f"{fake.pci}/devices/{A}", str(fake.pci)
        equal(found, [f"echo i40e > {device}/driver_override", f"echo {A} > {pci}/drivers/vfio-pci/unbind",
                      f"echo {A} > {pci}/drivers_probe", f"ls {device}/net  # NETDEV, its name",
                      "ip link set NETDEV up"], "bound to vfio-pci")
        (fake.pci / "devices" / A / "driver").unlink()
        equal([line for line in devices(A, fake=fake)[1][A]["commands"] if "unbind" in line], [], "bound to nothing")
        fake.device("0000:e0:00.0", VIRTIO, "vfio-pci")
        found = devices("e0:00.0", fake=fake)[1]["0000:e0:00.0"]
        equal((found["kernel_driver"], found["commands"][0]), ("virtio-pci", "modprobe virtio_pci"), "virtio")
        check(any("/virtio*/net" in line for line in found["commands"]), found["commands"])
        equal(plan(A, fake=fake)[0], 0, "those asked for can move")


def netdev_facts():
    """a veth in a made-up device's place: queues, XDP, addresses and the map are what the kernel tells of it"""
    with netlab.Lab() as lab, machine() as fake:
        app, _ = lab.veth(2, "02:00:5a:43:00:01", "02:00:5a:43:00:02")
        fake.netdev(C, app, socket.if_nametoindex(app))
        status, found = devices(C, fake=fake)
        netdev = found[C]["netdevs"][0]
        equal((status, found[C]["state"], found[C]["map"]), (0, "ready, the kernel has it", f"{C}={app}"), "state")
        equal((netdev["driver"], netdev["rx_queues"], netdev["tx_queues"], netdev["up"]), ("veth", 2, 2, True), "netdev")
        if netdev["zero_copy"] is not None:  # Linux 6.3
            equal((found[C]["zero_copy"], netdev["zero_copy"]), ("no", False), "veth has no zero-copy")
            check("redirect" in netdev["xdp"], netdev)
        netlab.run("ip", "address", "add", "10.9.8.7/24", "dev", app)
        check("10.9.8.7" in " ".join(devices(C, fake=fake)[1][C]["notes"]), "the kernel's address is told")
        netlab.run("ip", "link", "set", app, "down")
        equal(devices(C, fake=fake)[1][C]["commands"], [f"ip link set {app} up"], "one that is down")
        fake.netdev(A, app, 999999)
        equal(devices(A, fake=fake)[1][A]["netdevs"], [{"name": app, "here": False}], "another netdev of that name")


def virtio_zero_copy():
    """made up: a virtio NIC without VIRTIO_F_ACCESS_PLATFORM has no zero-copy, and the cure is told"""
    with machine() as fake:
        fake.driver("virtio-pci")
        for bit, wanted in (("0", "no"), ("1", "since Linux 6.11")):
            address = f"0000:e0:00.{bit}"
            fake.device(address, VIRTIO, "virtio-pci")
            child = fake.pci / "devices" / address / "virtio3"
            child.mkdir()
            (child / "features").write_text("1" * 33 + bit + "0" * 30 + "\n")
            found = devices(address, fake=fake)[1][address]
            equal(found["zero_copy"], wanted, f"bit {bit}")
            equal("iommu_platform=on" in " ".join(found["notes"]), bit == "0", "the cure")


def no_modules():
    """without modules.alias: said, and a device at vfio-pci is not claimed to have no driver"""
    with machine() as fake:
        for file in ("modules.alias", "modules.builtin.modinfo"):
            (fake.modules / file).unlink()
        found = devices(A, fake=fake)[1][A]
        check("no modules.alias" in " ".join(found["notes"]) and "--modules" in " ".join(found["notes"]), found)


def words():
    """for a person: one row a device, its commands below; no colours where there is no terminal; wrong devices: 125"""
    with machine() as fake:
        status, text, _ = plan(fake=fake)
        check(re.search(rf"  {A} +8086:1572 +vfio-pci +i40e +- +- +1 +since Linux 4.20 +-\n", text), text)
        check(f"\n{A}: to be bound to its kernel driver\n" in text and "\x1b" not in text, text)
        check(f"    zcnbrh-migrate run --map {A}=NETDEV -- PROGRAM ARGUMENTS\n" in text, text)
        status, output, errors = plan("0000:ff:00.0", fake=fake)
        equal((status, output), (125, ""), "no such device")
        check("is no PCI network device" in errors, errors)
        equal(plan("0000:01:00.0", fake=fake)[0], 125, "a disk")
        shown = run(["script", "-qec", f"{MIGRATE} plan --sysfs {fake.sysfs} --modules {fake.modules} {A}", "/dev/null"])
        check(b"\x1b[33m" in shown[1], f"on a terminal: {shown}")
    fake = FakePci()
    status, text, _ = plan(fake=fake)
    equal((status, "no PCI network device" in text), (1, True), "an empty machine")
    fake.close()


def this_machine():
    """the machine that runs this: the devices that sysfs has, with their drivers and netdevs"""
    wanted = {}
    for path in pathlib.Path("/sys/bus/pci/devices").glob("*"):
        if (path / "class").read_text().startswith("0x02"):
            driver = os.path.basename(os.path.realpath(path / "driver")) if (path / "driver").exists() else ""
            netdevs = [one.name for one in [*path.glob("net/*"), *path.glob("virtio*/net/*")]]
            wanted[path.name] = (driver, sorted(netdevs))
    status, found = devices()
    equal({name: (one["driver"], sorted(netdev["name"] for netdev in one["netdevs"])) for name, one in found.items()},
          wanted, "devices")
    equal(status, int(not wanted or any("no kernel driver" in one["state"] for one in found.values())), "exit status")


if __name__ == "__main__":
    main([every_device, commands, netdev_facts, virtio_zero_copy, no_modules, words, this_machine])
