#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""zcnbrh-migrate on real PCI devices: plan, binding to a driver and back, a NIC's own settings put back."""

import json
import os
import pathlib
import re
import tempfile

from lab_rig import BUILD, NicLab, check, equal, eventually, main, netdev_of, netlab, nics, rig, tap

MIGRATE = str(BUILD / "shim/zcnbrh-migrate")
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="zm_"))
NOBODYS = "0000:3b:00.0"  # no device of the guest
STATE = str(FOLDER / "state.json")


def migrate(*words):
    """Its JSON."""
    return json.loads(netlab.run(MIGRATE, words[0], "--json", *words[1:], check=False))


def address_of(netdev):
    return os.path.basename(os.path.realpath(f"/sys/class/net/{netdev}/device"))


def modules():
    """The guest has no modules.alias of its kernel: one for igb."""
    (FOLDER / "modules.alias").write_text("alias pci:v00008086d000010C9sv*sd*bc*sc*i* igb\n", encoding="ascii")
    return str(FOLDER)


def rollback(*words):
    found = migrate("rollback", "--state", STATE, *words)
    return found["complete"], {(row["what"], row["setting"]): row["outcome"] for row in found["rows"]}


def planned():
    """plan: the kernel's driver, its netdev, queues, and zero-copy as the kernel tells it"""
    with NicLab():
        netdev = netdev_of(nics.pair("igb")[0])
        found = {one["device"]: one for one in migrate("plan")["devices"]}[address_of(netdev)]
        equal((found["driver"], found["state"], found["zero_copy"], found["map"]),
              ("igb", "ready, the kernel has it", "yes", f"{address_of(netdev)}={netdev}"), "igb")
        check(found["netdevs"][0]["rx_queues"] > 0, found["netdevs"])


def settings():
    """channels, rings, RSS table, pause frames and MTU changed by ethtool and ip: put back, by ethtool's own word"""
    def shown(netdev):
        texts = [netlab.run("ethtool", option, netdev) for option in ("-l", "-g", "-x", "-a")]
        return texts, json.loads(netlab.run("ip", "-json", "link", "show", netdev))[0]["mtu"]

    with NicLab():
        netdev = netdev_of(nics.pair("igb")[0])
        netlab.run("ip", "link", "set", netdev, "up", "mtu", "1500")
        before = shown(netdev)
        netlab.run(MIGRATE, "run", "--map", f"{address_of(netdev)}={netdev}", "--state", STATE, "--", "true")
        combined = int(re.findall(r"Combined:\s+(\d+)", before[0][0])[1])
        for words in (("-L", netdev, "combined", "1" if combined > 1 else "2"), ("-G", netdev, "rx", "512", "tx", "512"),
                      ("-A", netdev, "autoneg", "off", "rx", "off", "tx", "off")):
            netlab.run("ethtool", *words, check=False)
        netlab.run("ip", "link", "set", netdev, "mtu", "1400")
        check(shown(netdev) != before, "nothing was changed")
        complete, found = rollback()
        check(complete, found)
        check({(netdev, "rings"), (netdev, "mtu")} <= set(found), found)
        equal(shown(netdev), before, "as it was")


def driver():
    """a device that no driver has: plan says which should, --apply binds it, rollback takes it off again"""
    with NicLab():
        nic = nics.pair("igb")[0]
        netdev = netdev_of(nic)
        address = address_of(netdev)
        device = pathlib.Path("/sys/bus/pci/devices") / address
        (device / "driver/unbind").write_text(address, encoding="ascii")
        try:
            found = migrate("plan", "--modules", modules(), address)["devices"][0]
            equal((found["driver"], found["kernel_driver"], found["state"]), ("", "igb", "to be bound to its kernel driver"),
                  "bound to nothing")
            found = migrate("plan", "--apply", "--modules", modules(), "--state", STATE, address)["devices"][0]
            equal((found["driver"], found["map"]), ("igb", f"{address}={netdev_of(nic)}"), "applied")
            check(found["netdevs"][0]["up"], "its netdev is up")
            equal(rollback(), (True, {(address, "driver"): "put back"}), "rollback")
            check(not (device / "driver").exists(), "still bound")
            equal((device / "driver_override").read_text(encoding="ascii").strip(), "(null)", "driver_override")
        finally:
            if not (device / "driver").exists():
                pathlib.Path("/sys/bus/pci/drivers/igb/bind").write_text(address, encoding="ascii")
            eventually(lambda: (device / "net").exists(), "igb does not come back")


def dispatcher():
    """a moved port in libxdp's dispatcher, killed by SIGKILL: the dispatcher stays, rollback takes it off"""
    with rig.rig(start=False) as r:
        app, state = r.apps[0], STATE + ".killed"
        r.pmd = r.launch([], eal=["-a", NOBODYS], pci=True, load=False, mbufs=4096, become=[
            MIGRATE, "run", "--map", f"{NOBODYS}={app},attach=dispatcher", "--state", state, "--"])
        equal(r.pmd.ports(), [0], "ports")
        r.pmd.process.kill()
        r.pmd.process.wait()
        r.pmd = None
        check(netlab.xdp_of(r.lab.link(app)), "the dispatcher is gone with its process: nothing to show")
        found = migrate("rollback", "--state", state)
        outcomes = {row["setting"]: row["outcome"] for row in found["rows"]}
        equal((found["complete"], outcomes.get("xdp")), (True, "put back"), found["rows"])
        equal(netlab.xdp_of(r.lab.link(app)), None, "XDP program")


if __name__ == "__main__":
    if not os.path.exists(MIGRATE):
        tap.skip_all("zcnbrh-migrate is not built")
    main([planned, settings, driver, dispatcher])
