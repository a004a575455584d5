#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The NIC goes away under traffic, as at a hot-unplug, and comes back."""

import contextlib
import os
import time

from lab_rig import MODE, PAIR, Traffic, check, diag_modes, equal, eventually, exchange, main, netdev_of, netlab, nics, rig

NAME = "lab0"  # a name that the kernel gives to nobody else


class Slot:
    """The PCI slot of a netdev's device."""

    def __init__(self, netdev):
        found = os.path.realpath(f"/sys/class/net/{netdev}/device")
        self._device = os.path.dirname(found) if os.path.basename(found).startswith("virtio") else found
        self._port = os.path.dirname(self._device)

    def remove(self):
        with open(f"{self._device}/remove", "w", encoding="ascii") as file:
            file.write("1")

    def rescan(self):
        bus = os.listdir(f"{self._port}/pci_bus")[0]
        with open(f"{self._port}/pci_bus/{bus}/rescan", "w", encoding="ascii") as file:
            file.write("1")


def named(netdev, name, queues=None):
    netlab.run("ip", "link", "set", netdev, "down")
    if queues:
        netlab.run("ethtool", "-L", netdev, "combined", queues, check=False)  # refused where nothing changes
    netlab.run("ip", "link", "set", netdev, "name", name)
    netlab.run("ip", "link", "set", name, "up")


@contextlib.contextmanager
def under_traffic(**keys):
    """A rig whose NIC is called NAME, with packets coming in and going out. Yields it, the traffic and the slot."""
    with netlab.Lab() as lab:
        r = rig.Rig(lab, 1, 1)
        old, slot = r.apps[0], Slot(r.apps[0])
        named(old, NAME)
        r.apps, lab.ends[0] = [NAME], (NAME, "/sys")
        r.start(keys)
        r.forward("io")
        source = lab.keep(Traffic(r.peer()))
        eventually(lambda: r.pmd.stats()["RX-packets"] > 200, "no packets before the removal")
        try:
            yield r, source, slot
        finally:
            slot.rescan()  # for the tests after this one
            back = netdev_of(nics.pair(PAIR)[0])
            if back != old:
                named(back, old)


def dead_port():
    """removed with reattach=0: the removal event, a port that is dead and closes cleanly, no mbuf lost"""
    with under_traffic(reattach=0) as (r, source, slot):
        slot.remove()
        eventually(lambda: "device removal event" in r.pmd.text, "no removal event")
        source.close()
        r.closed_by_testpmd()
        equal(r.pmd.ports(), [], "ports of testpmd")
        r.check_pool()
        equal(diag_modes(), [], "AF_XDP sockets after the removal")
        equal(r.pmd.quit(), 0, "exit status")


def brought_back():
    """removed and back with reattach=1: no event, link down, then up again in the same mode, no mbuf lost"""
    with under_traffic(reattach=1) as (r, source, slot):
        for times in (1, 2):
            slot.remove()
            # What the driver logs would mix with the echo of a command that is typed meanwhile.
            eventually(lambda times=times: r.pmd.text.count("is gone") == times, "the driver does not say it is gone")
            eventually(lambda: r.pmd.info()["Link status"] == "down", "the link is not down")
            check("device removal event" not in r.pmd.text, "a removal event with reattach=1")
            time.sleep(0.5)
            slot.rescan()
            # igb is back with a queue a CPU, of which the port serves one.
            named(netdev_of(nics.pair(PAIR)[0]), NAME, queues=None if times == 1 else 1)
            netlab.run("ip", "link", "set", NAME, "address", "02:00:5a:43:00:01")
            eventually(lambda times=times: r.pmd.text.count("is back") == times, "the driver does not say it is back", 10)
            eventually(lambda: r.pmd.info()["Link status"] == "up", "the link did not come back", 10)
            r.lab.settle()
            equal(r.modes(), [MODE], "mode after the return")
            equal(r.pmd.text.count(f"packets that {NAME} puts into its receive queues"), int(PAIR == "igb"),
                  f"told of queues that nobody serves, return {times}")
        source.close()
        r.peer().drain()
        r.pmd.command("stop")
        exchange(r, 300)
        r.pmd.commands("port stop 0", "port close 0")
        r.check_pool()
        equal(r.pmd.quit(), 0, "exit status")


if __name__ == "__main__":
    main([dead_port, brought_back])
