# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""A made-up /sys with PCI devices, a made-up /lib/modules, and (Kernel) somebody who does what the kernel would when
driver files are written to."""

import os
import pathlib
import select
import shutil
import tempfile
import threading

I40E, ICE, VIRTIO, STRANGE = ("8086", "1572"), ("8086", "1592"), ("1af4", "1041"), ("dead", "beef")


def modalias(ids, kind="02"):
    return f"pci:v0000{ids[0].upper()}d0000{ids[1].upper()}sv00001234sd00005678bc{kind}sc00i00"


class FakePci:
    """`sysfs` and `modules` are the folders to name to the command."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="zp_"))
        self.sysfs, self.modules = self.folder / "sys", self.folder / "modules"
        self.pci = self.sysfs / "bus/pci"
        for path in (self.pci / "devices", self.pci / "drivers", self.modules, self.sysfs / "kernel/iommu_groups"):
            path.mkdir(parents=True)
        (self.pci / "drivers_probe").write_text("")
        (self.modules / "modules.alias").write_text(
            "# Aliases extracted from modules themselves.\n"
            "alias pci:v00008086d00001572sv*sd*bc*sc*i* i40e\n"
            "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
            "alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n"
            "alias fs-ext4 ext4\n")
        (self.modules / "modules.builtin.modinfo").write_bytes(
            b"ice.license=GPL v2\0ice.alias=pci:v00008086d00001592sv*sd*bc*sc*i*\0")

    def driver(self, name, module=None):
        folder = self.pci / "drivers" / name
        folder.mkdir()
        for file in ("bind", "unbind"):
            (folder / file).write_text("")
        if module:
            (self.sysfs / "module" / module).mkdir(parents=True)
            (folder / "module").symlink_to(self.sysfs / "module" / module)
        return folder

    def device(self, address, ids, driver=None, kind="02", group=None, numa="0", override="(null)"):
        folder = self.pci / "devices" / address
        folder.mkdir()
        values = {"vendor": f"0x{ids[0]}", "device": f"0x{ids[1]}", "class": f"0x{kind}0000", "numa_node": numa,
                  "modalias": modalias(ids, kind), "driver_override": override}
        for name, value in values.items():
            (folder / name).write_text(value + "\n")
        if driver:
            (folder / "driver").symlink_to(self.pci / "drivers" / driver)
        if group:
            members = self.sysfs / "kernel/iommu_groups" / group / "devices"
            members.mkdir(parents=True, exist_ok=True)
            (members / address).symlink_to(folder)
            (folder / "iommu_group").symlink_to(members.parent)
        return folder

    def netdev(self, address, name, ifindex, below=""):
        folder = self.pci / "devices" / address / below / "net" / name
        folder.mkdir(parents=True)
        (folder / "ifindex").write_text(f"{ifindex}\n")

    def bound(self, address):
        link = self.pci / "devices" / address / "driver"
        return link.readlink().name if link.is_symlink() else None

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def tree_text(folder):
    """Every file, link and content of a tree, to see whether it has changed."""
    out = []
    for path in sorted(folder.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        out.append(f"{path.relative_to(folder)}: {content}")
    return "\n".join(out)


class Kernel:
    """with Kernel(fake, {...}) as kernel: drivers' unbind and drivers_probe do what they do. `netdevs` tells what a
    kernel driver makes of a device: {address: (name, ifindex)}; `refuses`: drivers whose probe fails."""

    def __init__(self, fake, netdevs=None, refuses=()):
        self.fake, self.netdevs, self.refuses = fake, netdevs or {}, set(refuses)
        self.done = []  # (file, text)
        self._pipes = {}
        self._end = os.pipe()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        for path in [self.fake.pci / "drivers_probe", *self.fake.pci.glob("drivers/*/unbind")]:
            path.unlink()
            os.mkfifo(path)
            self._pipes[os.open(path, os.O_RDWR | os.O_NONBLOCK)] = path
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._end[1], b"x")
        self._thread.join()
        for descriptor in [*self._pipes, *self._end]:
            os.close(descriptor)

    def _serve(self):
        while True:
            ready = select.select([self._end[0], *self._pipes], [], [])[0]
            if self._end[0] in ready:
                return
            for descriptor in ready:
                address, path = os.read(descriptor, 100).decode().strip(), self._pipes[descriptor]
                self.done.append((str(path.relative_to(self.fake.pci)), address))
                if path.name == "unbind":
                    self._unbind(address, path.parent.name)
                else:
                    self._probe(address)

    def _unbind(self, address, driver):
        device = self.fake.pci / "devices" / address
        if self.fake.bound(address) == driver:
            shutil.rmtree(device / "net", ignore_errors=True)
            (device / "driver").unlink()

    def _probe(self, address):
        wanted = (self.fake.pci / "devices" / address / "driver_override").read_text().strip()
        if self.fake.bound(address) or wanted in self.refuses or not (self.fake.pci / "drivers" / wanted).is_dir():
            return
        (self.fake.pci / "devices" / address / "driver").symlink_to(self.fake.pci / "drivers" / wanted)
        if wanted != "vfio-pci" and address in self.netdevs:
            self.fake.netdev(address, *self.netdevs[address])
