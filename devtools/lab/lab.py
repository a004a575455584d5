#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Boots the zero-copy lab and runs the tests of tests/lab/ in it, or gives a shell there.

    lab.py [--machine iommu|no-iommu] [--full] [WORD ...]   the tests whose name holds one of the words, as TAP
    lab.py [--machine ...] --shell                          a root shell in the guest; it powers off at its end
    lab.py [--machine ...] --shell 'COMMANDS'               the same, with these instead of what is typed

What the guest leaves is in BUILD/lab/MACHINE/: console, dmesg and the programs' outputs.
"""

import argparse
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import fetch
import initrd
import machine
import plan

DRIVER = "drivers/net/zcnbrh/librte_net_zcnbrh.so"
BOOTS = 2  # a machine that never said a word has shown nothing of the driver
BOOT_SECONDS = 240  # until the guest's first word; ten on an idle machine


class Guest:
    """A booted machine. Dies with this process."""

    def __init__(self, parts, out, iommu, taps, interactive=False):
        self.out = out
        words = machine.command(parts, initrd.build(parts), out, iommu, taps)
        # QEMU's libraries are for it alone: the shell that makes the taps runs with the machine's own.
        environment = [f"{key}={value}" for key, value in parts.qemu()[1].items()]
        qemu = next(at for at, word in enumerate(words) if "qemu-system" in word)
        words[qemu:qemu] = ["env", *environment]
        self._console = None if interactive else open(out / "console", "wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "nice", *words], stdout=self._console,
            stdin=None if interactive else subprocess.DEVNULL, stderr=None if interactive else subprocess.STDOUT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._console:
            self._console.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class TapStream:
    """Joins the TAP of the guest's scripts, as it comes in, into one stream with numbers of its own.

    The guest writes one file: lines `@ TITLE` open a script, `@end STATUS` close it."""

    def __init__(self):
        self.number = 0
        self._title = None
        self._planned = self._seen = 0
        self._skipped = False

    def result(self, word, text):
        self.number += 1
        print(f"{word} {self.number} - {text}", flush=True)

    def line(self, line):
        if line.startswith("@end "):
            self._end(line[5:].strip())
        elif line.startswith("@ "):
            self._title, self._planned, self._seen = line[2:].strip(), 0, 0
        elif line.startswith("1.."):
            self._plan(line[3:])
        elif line.startswith(("ok ", "not ok ")):
            self._seen += 1
            word, _, name = line.partition(" - ")
            self.result("ok" if word.startswith("ok") else "not ok", f"{self._title}: {name}")
        else:
            print(line if line.startswith("#") else f"# {line}", flush=True)

    def _plan(self, text):
        count, _, directive = text.partition("#")
        self._planned = int(count)
        if not self._planned:
            self.result("ok", f"{self._title} # {directive.strip()}")

    def _end(self, status):
        if status != "0" or self._seen != self._planned:
            self.result("not ok", f"{self._title}: ended with {status} after {self._seen} of {self._planned} sub-tests")
        self._title = None

    @property
    def open_title(self):
        return self._title


def follow(guest, deadline):
    """Prints the guest's results as they come. Returns the stream and why it ended early ('': it did not)."""
    stream, path, rest = TapStream(), guest.out / "tap", ""
    started = time.monotonic()
    with open(path, encoding="utf-8", errors="replace") as file:
        while True:
            ended = guest.process.poll() is not None
            rest += file.read()
            *lines, rest = rest.split("\n")
            for line in lines:
                if line == "@done":
                    return stream, ""
                stream.line(line)
            now = time.monotonic()
            if ended:
                return stream, f"the guest ended (QEMU status {guest.process.returncode})"
            if now > deadline:
                return stream, "the time is up"
            if not path.stat().st_size and now > started + BOOT_SECONDS:
                return stream, f"no word from the guest in {BOOT_SECONDS} s"
            time.sleep(0.2)


def console_tail(out, count=25):
    text = (out / "console").read_bytes().decode(errors="replace")
    return [line for line in text.replace("\r", "").splitlines() if line.strip()][-count:]


def run_tests(parts, out, arguments):
    taps = not machine.why_no_taps()
    todo = plan.make(arguments.machine, arguments.full, arguments.words)
    if not todo:
        print(f"1..0 # SKIP no test of the machine {arguments.machine} is called so")
        return
    (out / "plan.json").write_text(json.dumps(
        {"source": str(fetch.ROOT), "build": str(arguments.build), "driver": str(arguments.build / DRIVER),
         "words": arguments.words, "scripts": todo}))
    started = time.monotonic()
    for _ in range(BOOTS):
        (out / "tap").write_text("")
        with Guest(parts, out, arguments.machine == "iommu", taps) as guest:
            stream, early = follow(guest, started + arguments.seconds)
        if (out / "tap").stat().st_size:
            break
    if early:
        for line in console_tail(out):
            print(f"# console: {line}")
        stream.result("not ok", f"{early} in {stream.open_title or 'no script'}; see {out}/console")
    print(f"# machine {arguments.machine}, kernel {parts.version}: {time.monotonic() - started:.0f} s")
    print(f"1..{stream.number}", flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--machine", choices=plan.MACHINES, default="iommu")
    parser.add_argument("--full", action="store_true", default=os.environ.get("ZCNBRH_LAB") == "full",
                        help="every test; without it a choice of a few minutes (ZCNBRH_LAB=full: the same)")
    parser.add_argument("--build", type=pathlib.Path, default=os.environ.get("ZCNBRH_BUILD_DIR", fetch.ROOT / "build"))
    parser.add_argument("--seconds", type=int, default=1500, help="end the guest after this time")
    parser.add_argument("--shell", nargs="?", const="", metavar="COMMANDS")
    parser.add_argument("words", nargs="*", default=os.environ.get("ZCNBRH_LAB_ARGS", "").split())
    arguments = parser.parse_args()
    arguments.build = pathlib.Path(arguments.build).resolve()
    return arguments


def run(parts, out, arguments):
    if arguments.shell is not None:
        if arguments.shell:
            (out / "command").write_text(arguments.shell + "\n")
        with Guest(parts, out, arguments.machine == "iommu", not machine.why_no_taps(), interactive=True) as guest:
            return guest.process.wait()
    run_tests(parts, out, arguments)
    return 0


def main():
    arguments = parse()
    try:
        parts = fetch.prepare()
    except fetch.NotHere as reason:
        print(f"1..0 # SKIP no lab here: {reason}")
        return 0 if arguments.shell is None else fetch.SKIP
    out = arguments.build / "lab" / arguments.machine
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{out}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one run at a time of a machine: its folder is the guest's
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        (out / "source").write_text(str(fetch.ROOT))
        return run(parts, out, arguments)


if __name__ == "__main__":
    sys.exit(main())
