# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""DPDK's programs without DPDK: installed headers, the two programs compiled against them, and one of them running
on veths with raw sockets at the far ends.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent.parent))
BUILD = pathlib.Path(os.environ.get("ZCNBRH_BUILD_DIR", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/support/py"))

import netlab  # noqa: E402
import tap  # noqa: E402
from tap import check, equal  # noqa: E402

COMPILERS = ["gcc", "clang"]
OURS = ROOT / "tests/compat"
NO_EFFECT = "zcnbrh compat: there is no EAL here, so these arguments have no effect:"


class Tree:
    """What `meson install` made, and programs built against it by nothing but what pkg-config says."""

    def __init__(self, folder, examples):
        self.folder = pathlib.Path(folder)
        self.sources = {"skeleton": [examples / "skeleton/basicfwd.c"], "l2fwd": [examples / "l2fwd/main.c"],
                        "books": [OURS / "books.c", OURS / "books_other.c"]}
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout)
        self.pkgconfig = next(self.folder.rglob("libzcnbrh-compat.pc")).parent
        self.environment = {**os.environ, "LD_LIBRARY_PATH": str(self.pkgconfig.parent)}

    def flags(self, *wanted):
        environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(self.folder),
                       "PKG_CONFIG_PATH": str(self.pkgconfig)}
        return subprocess.run(["pkg-config", *wanted, "libzcnbrh-compat"], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()

    def compile(self, compiler, output, sources, *options):
        """Returns (exit status, what the compiler said)."""
        done = subprocess.run([compiler, "-Wall", "-Werror", *options, "-o", output, *map(str, sources),
                               *self.flags("--cflags", "--libs")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout

    def program(self, name, compiler="gcc"):
        """The path of a program, built when it is first asked for."""
        path = self.folder / f"{name}-{compiler}"
        if not path.exists():
            status, said = self.compile(compiler, path, self.sources[name], "-O3", f"-I{ROOT}")
            check(status == 0, said)
        return path


class Running:
    """A program in the namespace of the caller. What it says is read from files, so it never waits for us."""

    def __init__(self, tree, path, *arguments, environment=None):
        self.log = tree.folder / "log"
        with open(self.log, "wb") as log:
            # Line by line, as on a terminal.
            self.process = subprocess.Popen([*netlab.DIE_WITH_US, "stdbuf", "-oL", path, *map(str, arguments)],
                                            stdout=log, stderr=subprocess.STDOUT,
                                            env={**tree.environment, **(environment or {})})
        tap.note(pathlib.Path(path).name, self.said)

    def said(self):
        return self.log.read_text(errors="replace")

    def wait_for(self, text, timeout=20):
        """Until its output has the text (a regular expression); returns the match."""
        deadline = time.monotonic() + timeout * netlab.SLOWNESS
        while True:
            found = re.search(text, self.said())
            if found:
                return found
            check(self.process.poll() is None, f"ended with {self.process.returncode} before it said {text!r}")
            check(time.monotonic() < deadline, f"did not say {text!r}")
            time.sleep(0.02)

    def wait(self, timeout=20):
        return self.process.wait(timeout * netlab.SLOWNESS)

    def end(self, number=signal.SIGINT):
        """Sends the signal; returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def both_ways(ends, frames_of, window=64, timeout=5.0):
    """Sends each end's frames at once, few unanswered at a time, and returns what came out at each end, in order.

    `ends`: [(socket that sends, socket where it has to come out)], one for each of frames_of.
    """
    sent, came = [0] * len(ends), [[] for _ in ends]
    last = time.monotonic()
    while any(len(found) < len(frames) for found, frames in zip(came, frames_of)):
        for way, (source, target) in enumerate(ends):
            while sent[way] < len(frames_of[way]) and sent[way] - len(came[way]) < window:
                source.send(frames_of[way][sent[way]])
                sent[way] += 1
            more = target.receive(sent[way] - len(came[way]), 0.001)
            came[way] += more
            if more:
                last = time.monotonic()
        if time.monotonic() - last > timeout * netlab.SLOWNESS:
            break
    return came


def expect_frames(came, wanted, what):
    """The same frames in the same order, byte for byte."""
    equal(len(came), len(wanted), f"frames that came {what}")
    for number, (found, right) in enumerate(zip(came, wanted)):
        equal(found, right, f"frame {number} {what}")
