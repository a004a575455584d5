#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""zcnbrh-migrate rollback: netdevs and drivers as they were before run and plan --apply, whatever became of the
program; on veth and on a made-up PCI bus."""

import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile

from fake_pci import I40E, FakePci, Kernel, tree_text
from shim_rig import BUILD, PCI, Skip, check, check_echo, equal, eventually, main, netlab, rig, run
from rig import bpf_tool

MIGRATE = str(BUILD / "shim/zcnbrh-migrate")
BPF_PROG_GET_FD_BY_ID, XDP_PASS = 13, 2
DEVICE, OTHER = "0000:3b:00.0", "0000:3b:00.1"


class StateFile:
    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="zr_")
        self.path = os.path.join(self._folder.name, "deep", "state.json")

    def exists(self):
        return os.path.exists(self.path)

    def read(self):
        return json.loads(pathlib.Path(self.path).read_text(encoding="utf-8"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()


def migrate(*words, **variables):
    status, output, errors = run([MIGRATE, *words], **variables)
    return status, output.decode(), errors.decode()


def rollback(state, *words):
    """(exit status, {(what, setting): outcome})"""
    status, output, errors = migrate("rollback", "--json", "--state", state.path, *words)
    check(output, errors)
    found = json.loads(output)
    equal(found["complete"], status == 0, "exit status and JSON agree")
    return status, {(row["what"], row["setting"]): row["outcome"] for row in found["rows"]}


def keep(state, netdev, *program):
    """What `run` does before the program begins."""
    status, _, errors = migrate("run", "--map", f"{PCI}={netdev}", "--state", state.path, "--", *(program or ("true",)))
    equal(status, 0, errors)


def mtu_and_link(netdev):
    """MTU, address and flags of a netdev."""
    shown = json.loads(netlab.run("ip", "-json", "link", "show", netdev))[0]
    return shown["mtu"], shown["address"], "UP" in shown["flags"]


def settings():
    """MTU, address, link and NAPI settings that were changed are put back and looked at; a second time there is nothing"""
    with netlab.Lab() as lab, StateFile() as state:
        app, _ = lab.veth(2, "02:00:5a:43:00:01", "02:00:5a:43:00:02")
        before = mtu_and_link(app)
        keep(state, app)
        equal(rollback(state, "--dry-run"), (0, {(app, ""): "as it was"}), "nothing has changed")
        napi = pathlib.Path(f"/sys/class/net/{app}/gro_flush_timeout")
        for words in (("mtu", "1400"), ("address", "02:00:5a:43:00:99"), ("down",)):
            netlab.run("ip", "link", "set", app, *words)
        napi.write_text("20000")
        netlab.run("ethtool", "-L", app, "rx", "1", "tx", "1")
        equal(rollback(state, "--dry-run")[0], 1, "told to differ")
        equal(mtu_and_link(app)[0], 1400, "and not touched")
        status, found = rollback(state)
        equal((status, found), (0, {(app, one): "put back" for one in ("channels", "mtu", "mac", "gro_flush_timeout", "up")}),
              "rows")
        equal((mtu_and_link(app), napi.read_text().strip()), (before, "0"), "as it was")
        check(not state.exists(), "nothing is left to do")
        equal(rollback(state), (0, {}), "again")
        check("nothing to put back" in migrate("rollback", "--state", state.path)[1], "in words")


def first_state_counts():
    """a second run does not overwrite what the first one found; a netdev that is gone or another one is left alone"""
    with netlab.Lab() as lab, StateFile() as state:
        app, _ = lab.veth()
        other, _ = lab.veth()
        keep(state, app)
        keep(state, other)
        netlab.run("ip", "link", "set", app, "mtu", "1300")
        keep(state, app)
        equal([one["settings"]["mtu"] for one in state.read()["netdevs"]], [1500, 1500], "kept")
        netlab.run("ip", "link", "delete", other)
        equal(rollback(state, app), (0, {(app, "mtu"): "put back"}), "only the one named")
        equal(rollback(state), (0, {(other, ""): "it is gone, and its settings with it"}), "the other")
        keep(state, app)
        netlab.run("ip", "link", "delete", app)
        netlab.run("ip", "link", "add", app, "mtu", "1234", "type", "veth")
        equal(rollback(state), (0, {(app, ""): "another netdev has its name now; it is left alone"}), "another netdev")
        equal(mtu_and_link(app)[0], 1234, "its MTU")


def xdp_of(netdev):
    """Number of its XDP program, 0: none."""
    shown = json.loads(netlab.run("ip", "-json", "-details", "link", "show", netdev))[0]
    return shown.get("xdp", {}).get("prog", {}).get("id", 0)


def other_programs():
    """an XDP program that was there and was taken off is put on again; one that came later is left to who put it there"""
    with netlab.Lab() as lab, StateFile() as state:
        app, _ = lab.veth()
        with bpf_tool.XdpOnLink(app, XDP_PASS):
            number = xdp_of(app)
            keep(state, app)
            program = bpf_tool.bpf(BPF_PROG_GET_FD_BY_ID, ctypes.create_string_buffer(struct.pack("<I", number) + bytes(32)))
        equal(xdp_of(app), 0, "taken off, and still loaded")
        equal((rollback(state), xdp_of(app)), ((0, {(app, "xdp"): "put back"}), number), "the one that was there")
        keep(state, app)
        netlab.run("ip", "link", "set", app, "xdp", "off")
        os.close(program)
        status, found = rollback(state)
        check(status == 1 and "is not loaded any more" in found[(app, "xdp")], found)
        os.remove(state.path)
        keep(state, app)
        with bpf_tool.XdpOnLink(app, XDP_PASS):
            number = xdp_of(app)
            status, found = rollback(state)
            check(status == 1 and "whoever put it there" in found[(app, "xdp")], found)
            equal(xdp_of(app), number, "the later one")
        equal(rollback(state)[0], 0, "when it has gone")


def kill_moved(r, state, keys="", before_the_kill=lambda app: None):
    """testpmd with a moved port that has forwarded, changed the MTU to 1400, and was killed."""
    app = r.apps[0]
    r.pmd = r.launch([], eal=["-a", PCI], pci=True, load=False, mbufs=4096, become=[
        MIGRATE, "run", "--map", f"{PCI}={app}{keys}", "--state", state.path, "--"])
    if "refuses BPF_PROG_TYPE_EXT" in r.pmd.start_text:
        raise Skip("this kernel refuses extension programs, of which libxdp's dispatcher is made")
    r.forward("io")
    check_echo(r, count=64)
    status, found = rollback(state)
    check(status == 1 and re.match(r"in use by process \d+: end it first", found[(app, "")]), f"while it runs: {found}")
    r.pmd.commands("stop", "port stop 0", "port config mtu 0 1400", "port start 0")
    equal(mtu_and_link(app)[0], 1400, "the program's own change")
    check(xdp_of(app) != 0, "its XDP program")
    before_the_kill(app)
    r.pmd.process.kill()
    r.pmd.process.wait()
    r.pmd = None


def killed():
    """testpmd under `run`, killed by SIGKILL: rollback is refused while it runs, and puts back what it changed"""
    with StateFile() as state, rig(start=False) as r:
        app = r.apps[0]
        before = mtu_and_link(app)
        kill_moved(r, state)
        status, found = rollback(state)
        equal((status, found[(app, "mtu")]), (0, "put back"), found)
        equal((mtu_and_link(app), xdp_of(app), state.exists()), (before, 0, False), "as it was")


def program_left_behind():
    """the dead program's XDP program is still on the netdev, as netlink leaves it: it is taken off"""
    with StateFile() as state, rig(start=False) as r:
        app = r.apps[0]
        before, held = mtu_and_link(app), []

        def hold(netdev):
            number = struct.pack("<I", xdp_of(netdev))
            held.append(bpf_tool.bpf(BPF_PROG_GET_FD_BY_ID, ctypes.create_string_buffer(number + bytes(32))))
            held.append(xdp_of(netdev))

        if not shutil.which("bpftool"):
            raise Skip("no bpftool, which attaches a program by netlink")
        kill_moved(r, state, before_the_kill=hold)
        eventually(lambda: not xdp_of(app), "the link goes with its process")
        netlab.run("bpftool", "net", "attach", "xdpdrv", "id", held[1], "dev", app)
        os.close(held[0])
        equal(xdp_of(app), held[1], "left behind")
        status, found = rollback(state)
        equal((status, found[(app, "xdp")]), (0, "put back"), found)
        equal((mtu_and_link(app), xdp_of(app)), (before, 0), "as it was")


def killed_in_dispatcher():
    """killed in libxdp's dispatcher, which outlives the program: its entry is taken out"""
    with StateFile() as state, rig(start=False) as r:
        app = r.apps[0]
        before = mtu_and_link(app)
        kill_moved(r, state, ",attach=dispatcher")
        check(xdp_of(app) != 0, "the dispatcher is still there")
        status, found = rollback(state)
        equal((status, found[(app, "xdp")]), (0, "put back"), found)
        equal((mtu_and_link(app), xdp_of(app)), (before, 0), "as it was")


def state_is_needed():
    """run says so where it cannot write the state, before anything starts; --no-state and --observe write none"""
    with StateFile() as state:
        blocked = os.path.join(os.path.dirname(os.path.dirname(state.path)), "file")
        pathlib.Path(blocked).write_text("", encoding="ascii")
        words = ("run", "--map", f"{PCI}=lo", "--state", blocked + "/state.json")
        status, output, errors = migrate(*words, "--", "echo", "started")
        equal((status, output), (125, ""), "no state")
        check("--no-state" in errors and "--state FILE" in errors, errors)
        equal(migrate("run", "--map", f"{PCI}=lo", "--no-state", "--", "true")[0], 0, "--no-state")
        equal(migrate("run", "--observe", "--state", state.path, "--", "true")[0], 0, "--observe")
        check(not state.exists(), "observing changes nothing")
        os.makedirs(os.path.dirname(state.path), exist_ok=True)
        pathlib.Path(state.path).write_text('{"boot": 1', encoding="ascii")
        status, _, errors = migrate("rollback", "--state", state.path)
        check(status == 125 and "half of one" in errors, errors)
        for text in ('{"netdevs": [{}], "bindings": []}', '{"netdevs": [{"netdev": 7}], "bindings": [{"device": []}]}'):
            whole = {"boot": pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip(), **json.loads(text)}
            pathlib.Path(state.path).write_text(json.dumps(whole), encoding="ascii")
            status, _, errors = migrate("rollback", "--state", state.path)
            check(status == 125 and "mend the entry" in errors, f"{text}: {status} {errors}")
        pathlib.Path(state.path).write_text('{"boot": "of yesterday", "netdevs": [{}], "bindings": []}', encoding="ascii")
        equal(rollback(state), (0, {}), "another boot's")


@contextlib.contextmanager
def machine(override="(null)"):
    """Two i40e that vfio-pci has."""
    fake = FakePci()
    try:
        for name in ("vfio-pci", "i40e"):
            fake.driver(name)
        for address in (DEVICE, OTHER):
            fake.device(address, I40E, "vfio-pci", group="7", override=override)
        yield fake
    finally:
        fake.close()


def apply(fake, state, *words):
    """(exit status, output, errors) of plan --apply."""
    return migrate("plan", "--apply", "--sysfs", str(fake.sysfs), "--modules", str(fake.modules), "--state", state.path, *words)


def override_of(fake, address=DEVICE):
    return (fake.pci / "devices" / address / "driver_override").read_text().strip()


def bind_and_back():
    """plan --apply gives the device named to its kernel driver, its netdev comes up; rollback gives it back, no other"""
    for override in ("(null)", "vfio-pci"):
        with netlab.Lab() as lab, StateFile() as state, machine(override) as fake:
            app, _ = lab.veth()
            netlab.run("ip", "link", "set", app, "down")
            with Kernel(fake, {DEVICE: (app, socket.if_nametoindex(app))}) as kernel:
                status, text, errors = apply(fake, state, DEVICE)
                equal(status, 0, errors)
                check(f"run --map {DEVICE}={app} --" in text, text)
                equal([fake.bound(one) for one in (DEVICE, OTHER)], ["i40e", "vfio-pci"], "bound")
                equal(kernel.done, [("drivers/vfio-pci/unbind", DEVICE), ("drivers_probe", DEVICE)], "what was written")
                check(mtu_and_link(app)[2], "up")
                equal(apply(fake, state, DEVICE)[0], 0, "again: nothing to do")
                equal(len(kernel.done), 2, "and nothing done")
                status, found = rollback(state, "--sysfs", str(fake.sysfs))
                equal((status, found), (0, {(DEVICE, "driver"): "put back"}), "rollback")
                equal([fake.bound(one) for one in (DEVICE, OTHER)], ["vfio-pci", "vfio-pci"], "as it was")
                equal(override_of(fake).replace("(null)", ""), override.replace("(null)", ""), "driver_override")
                check(not state.exists(), "nothing is left to do")


def by_hand():
    """the commands that plan prints, by a shell, do what --apply does"""
    with machine() as fake, Kernel(fake, {DEVICE: ("eth7", 7)}) as kernel:
        _, output, _ = migrate("plan", "--json", "--sysfs", str(fake.sysfs), "--modules", str(fake.modules), DEVICE)
        commands = json.loads(output)["devices"][0]["commands"]
        for number, line in enumerate(commands[:3]):
            subprocess.run(["sh", "-ec", line], check=True, timeout=10)
            if number:  # the made-up kernel is another thread; sysfs answers when it is done
                eventually(lambda count=number: len(kernel.done) == count, f"{line} is not seen")
        eventually(lambda: fake.bound(DEVICE) == "i40e", "bound by hand")
        eventually(lambda: subprocess.run(["sh", "-c", commands[3]], stdout=subprocess.PIPE, check=False).stdout == b"eth7\n",
                   commands[3])


def refused_binds():
    """a kernel driver that does not take the device: it is with its old one again; no device named: nothing happens"""
    with StateFile() as state, machine() as fake, Kernel(fake, refuses=["i40e"]):
        status, _, errors = apply(fake, state, DEVICE)
        check(status == 125 and "i40e did not take" in errors, f"{status} {errors}")
        equal((fake.bound(DEVICE), override_of(fake)), ("vfio-pci", ""), "given back")
        equal(rollback(state, "--sysfs", str(fake.sysfs)), (0, {(DEVICE, "driver"): "as it was"}), "rollback")
        status, _, errors = apply(fake, state)
        check(status == 125 and "name each DEVICE" in errors, errors)


def in_use():
    """a device that a process has open through VFIO is not touched: its driver would wait for the process"""
    script = ("mount -t tmpfs none /dev && mkdir /dev/vfio && echo > /dev/vfio/7 && exec 3< /dev/vfio/7 && "
              '"$@"; status=$?; echo $$; exit $status')
    with StateFile() as state, machine() as fake, Kernel(fake) as kernel:
        before = tree_text(fake.pci / "devices")
        status, output, errors = run(["unshare", "--mount", "sh", "-c", script, "sh", MIGRATE, "plan", "--apply", "--sysfs",
                                      str(fake.sysfs), "--modules", str(fake.modules), "--state", state.path, DEVICE])
        equal(status, 125, errors)
        check(f"in use by process {output.decode().split()[-1]}".encode() in errors, f"{output} {errors}")
        equal((tree_text(fake.pci / "devices"), kernel.done), (before, []), "the bus")


if __name__ == "__main__":
    main([settings, first_state_counts, other_programs, killed, program_left_behind, killed_in_dispatcher, state_is_needed, bind_and_back, by_hand,
          refused_binds, in_use])
