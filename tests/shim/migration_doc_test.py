#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""docs/migration.md: its commands, step by step, as they stand there. The appliance is a testpmd, its netdevs are
veths, its PCI devices are on a made-up bus; nothing else is exchanged."""

import contextlib
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess
import tempfile

from fake_pci import I40E, FakePci, Kernel
from shim_rig import (APP_CORE, BUILD, OTHER_CORE, check, check_echo, check_through, equal, eventually, main, netlab, numbered,
                      rig, tap, testpmd)
from rig import SOURCE
from terminal import Terminal

DEVICE = "0000:3b:00.0"
PREFIX = f"zd{os.getpid()}"  # EAL's
MIGRATE = str(BUILD / "shim/zcnbrh-migrate")


def sections():
    """{number: [command, ...]} of the steps."""
    found, number = {}, 0
    for line in (SOURCE / "docs/migration.md").read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if heading := re.match(r"## (\d)?", line):
            number = int(heading[1] or 0)
        elif line.startswith("    ") and number:
            found.setdefault(number, []).append(line.split(" #")[0].strip())
    return found


class Story:
    """Runs a step's commands one after another; the program, which goes on, in the background."""

    def __init__(self, r, fake=None):
        self.r, self.fake = r, fake
        self._folder = tempfile.TemporaryDirectory(prefix="zd_")
        self._home = os.getcwd()
        self.program, self._terminal = None, None

    def __enter__(self):
        os.chdir(self._folder.name)
        return self

    def __exit__(self, *_):
        os.chdir(self._home)
        if self.program is not None:
            self.program.kill()
            self.program.wait()
        self._folder.cleanup()

    def words(self, line):
        for number, app in enumerate(self.r.apps):
            line = line.replace(f"eth{number}", app)
        memory = testpmd.memory_options(64 if "pipeline" in line else testpmd.pool_megabytes(4096))
        eal = ["-l", f"{APP_CORE},{OTHER_CORE}", *memory, "--no-telemetry", "--file-prefix", PREFIX]
        app = ["--", "--total-num-mbufs=4096", "--nb-cores=1", "--forward-mode=io"]
        words = []
        for word in shlex.split(line):
            if word == "ARGUMENTS":
                words += [*eal, *([] if "--no-pci" in words else ["-a", DEVICE]), *(["--vdev=net_null0"] if "--observe" in words else []), *app]
            elif word == "build/examples/pipeline_dpdk":
                words += [str(BUILD / "examples/pipeline_dpdk"), *memory, "--no-telemetry", "--file-prefix", PREFIX]
            elif word == "build/examples/pipeline_stage":
                words.append(str(BUILD / "examples/pipeline_stage"))
            else:
                words.append({"zcnbrh-migrate": MIGRATE, "/opt/appliance": "dpdk-testpmd",
                              "PID": str(self.program.pid if self.program else 0)}.get(word, word))
        if words[:2] in ([MIGRATE, "plan"], [MIGRATE, "rollback"]) and self.fake:
            words += ["--sysfs", str(self.fake.sysfs)]
        if words[:2] == [MIGRATE, "plan"] and self.fake:
            words += ["--modules", str(self.fake.modules)]
        if (words[:2] == [MIGRATE, "run"] and "--observe" not in words) or words[1] == "rollback" or "--apply" in words:
            words[2:2] = ["--state", os.path.join(self._folder.name, "state.json")]
        return words

    def start(self, words):
        """On pipes: the pipeline ends when its input does."""
        return subprocess.Popen([*netlab.DIE_WITH_US, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)

    def _start_program(self, words):
        self.end_program()
        if "--nb-cores=1" not in words:
            self.program = self.start(words)
            check(self.program.stdout.readline().startswith("pid "), f"{' '.join(words)} did not start")
            return
        folder, name = os.path.split(os.environ["ZCNBRH_PMD"])
        equal(name, "librte_net_zcnbrh.so", "the driver's file")
        self._terminal = self.r.lab.keep(Terminal("testpmd", words, {"LD_LIBRARY_PATH": folder}, PREFIX))
        tap.note(self._terminal.shown, lambda terminal=self._terminal: terminal.text)
        self.program = self._terminal.process
        self._terminal.wait_for("Press enter to exit", 30)

    def end_program(self):
        program, self.program = self.program, None
        if self._terminal is not None:
            self._terminal.send("")
            self._terminal = None
        elif program is not None:
            program.stdin.close()
        if program is not None:
            equal(program.wait(30 * netlab.SLOWNESS), 0, "exit status of the program")

    def run(self, line):
        """Its output."""
        words = self.words(line)
        if "ARGUMENTS" in line or "pipeline_dpdk" in line:
            self._start_program(words)
            return ""
        if words[-1].endswith(".json") or "rollback" in words:  # the document: when it has ended
            self.end_program()
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60 * netlab.SLOWNESS, check=False)
        check(done.returncode == (1 if "--dry-run" in words else 0), f"{line}: exit status {done.returncode}: {done.stdout}")
        return done.stdout


def step_one():
    """1, audit: a verdict with steps, and with --all every symbol"""
    with rig(start=False) as r, Story(r) as story:
        story.words = lambda line: [MIGRATE, *shlex.split(line)[1:-1], testpmd_file()]
        commands = sections()[1]
        equal(len(commands), 2, commands)
        short, long = (story.run(line) for line in commands)
        check("Verdict: the shim moves it" in short and "  1. " in short, short)
        check(len(long) > len(short) and "rte_eth_dev_start" in long, "--all")


def testpmd_file():
    return subprocess.run(["which", "dpdk-testpmd"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def step_two():
    """2, observe: the program runs on its old drivers, and is reported while it runs and after it"""
    with rig(start=False) as r, Story(r) as story:
        run, live, after = sections()[2]
        story.run(run)
        for line in (live, after):
            text = story.run(line)
            check(re.match(r"Process \d+, .*, mode observe, ", text), f"{line}: {text}")
            check(re.search(r"rte_eth_dev_configure +1\n", text) and "\nPort 0: not moved" in text, f"{line}: {text}")


@contextlib.contextmanager
def made_up_bus(netdev):
    fake = FakePci()
    try:
        for name in ("vfio-pci", "i40e"):
            fake.driver(name)
        for address in (DEVICE, "0000:3b:00.1"):
            fake.device(address, I40E, "vfio-pci", group=address[-1])
        with Kernel(fake, {DEVICE: (netdev, socket.if_nametoindex(netdev))}):
            yield fake
    finally:
        fake.close()


def step_three():
    """3, one port: bound, moved, it forwards; rolled back: driver, netdev, no XDP program"""
    with rig(start=False) as r, made_up_bus(r.apps[0]) as fake, Story(r, fake) as story:
        netlab.run("ip", "link", "set", r.apps[0], "down")
        *plans, run, live, dry, back = sections()[3]
        equal(len(plans), 3, plans)
        shown = [story.run(line) for line in plans]
        check("0000:3b:00.1: to be bound" in shown[0] and "0000:3b:00.1: " not in shown[1], shown)
        check(f"run --map {DEVICE}={r.apps[0]} --" in shown[2] and fake.bound(DEVICE) == "i40e", shown[2])
        story.run(run)
        check_echo(r, count=100)
        text = story.run(live)
        check(re.search(rf"{DEVICE} +{r.apps[0]} +moved", text) and re.search(r"rx_q0_packets +100\n", text), text)
        netlab.run("ip", "link", "set", r.apps[0], "mtu", "1400")
        check("would be put back" in story.run(dry), "what differs")
        check("All is as it was." in story.run(back), "rollback")
        shown = json.loads(netlab.run("ip", "-json", "-details", "link", "show", r.apps[0]))[0]
        equal((fake.bound(DEVICE), shown["mtu"], "xdp" in shown and bool(shown["xdp"])), ("vfio-pci", 1500, False), "as it was")


def step_four():
    """4, all ports: the driver by --vdev, no shim; packets go through, both ways"""
    with rig(pairs=2, start=False) as r, Story(r) as story:
        command, = sections()[4]
        story.run(command)
        check_through(r, count=100)
        maps = pathlib.Path(f"/proc/{story.program.pid}/maps").read_text(encoding="utf-8")
        check("librte_net_zcnbrh" in maps and "libzcnbrh_shim" not in maps, "what is loaded")
        story.end_program()


def step_five():
    """5, native: a stage outside DPDK has every packet, and the report lists it"""
    with rig(start=False) as r, Story(r) as story:
        run, stage, live = sections()[5]
        story.run(run)
        native = story.start(story.words(stage))
        try:
            equal(native.stdout.readline(), "attached\n", "the stage's first word")
            sent = numbered(200)
            wanted = [frame[6:12] + frame[:6] + frame[12:] for frame in sent]
            equal(r.peer().exchange(sent), wanted, "frames through the stage")
            text = story.run(live)
            check(f"Native process {native.pid}" in text and re.search(r"to_stage +200 ", text), text)
            story.end_program()
            eventually(lambda: native.poll() is not None, "the stage does not end with the program")
        finally:
            native.kill()
            native.communicate()


if __name__ == "__main__":
    main([step_one, step_two, step_three, step_four, step_five])
