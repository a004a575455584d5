#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The library as a user gets it (TAP): installed into a folder, found by pkg-config, and the example built
against it by nothing but what pkg-config says; then the example echoes real frames.
"""

import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("ZCNBRH_SOURCE_DIR", pathlib.Path(__file__).resolve().parent.parent.parent))
BUILD = pathlib.Path(os.environ.get("ZCNBRH_BUILD_DIR", ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests/support/py"))

import frames  # noqa: E402
import netlab  # noqa: E402
import tap  # noqa: E402
from tap import check, equal  # noqa: E402

FRAMES = 2000
EXAMPLES = ("echo", "receive_count", "filter")
PORT = 4242
COMPILER = os.environ.get("CC", "cc").split()


class Installed:
    """The tree that `meson install` made."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        done = subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", folder],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.problem = done.stdout if done.returncode else ""
        found = sorted(self.folder.rglob("libzcnbrh.pc"))
        self.pkgconfig = found[0].parent if found else None
        self.libdir = self.pkgconfig.parent if found else None

    def pkg_config(self, *arguments):
        environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(self.folder),
                       "PKG_CONFIG_PATH": str(self.pkgconfig)}
        return subprocess.run(["pkg-config", *arguments, "libzcnbrh"], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.split()

    def build(self, name):
        """examples/<name>.c as C99 with what pkg-config says; the compiler's output and its exit status."""
        return subprocess.run([*COMPILER, "-std=c99", "-D_POSIX_C_SOURCE=200809L", "-pedantic", "-Wall", "-Wextra",
                               "-Werror", "-o", self.folder / name, ROOT / f"examples/{name}.c",
                               *self.pkg_config("--cflags", "--libs")],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def start_echo(self, *arguments):
        return self.start("echo", *arguments)

    def start(self, name, *arguments):
        # No sanitizer's or the build folder's library by accident.
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.libdir)}
        return subprocess.Popen([*netlab.DIE_WITH_US, self.folder / name, *arguments], env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


installed = None


def installs():
    """meson install puts header, library and pkg-config file in place."""
    check(not installed.problem, installed.problem)
    check(installed.pkgconfig is not None, "no libzcnbrh.pc")
    names = {path.name for path in installed.libdir.iterdir()}
    check({"libzcnbrh.so", "libzcnbrh.so.0"} <= names, f"libraries: {names}")
    header, = installed.folder.rglob("zcnbrh.h")
    equal(header.parent.name, "zcnbrh", "folder of the header")
    equal(header.read_bytes(), (ROOT / "include/zcnbrh/zcnbrh.h").read_bytes(), "the header")


def needs_no_private_library():
    """Linking it asks for nothing but the library itself."""
    flags = [flag for flag in installed.pkg_config("--libs") if flag.startswith("-l")]
    equal(flags, ["-lzcnbrh"], "pkg-config --libs")
    equal(installed.pkg_config("--modversion"), [subprocess.run(
        ["meson", "introspect", "--projectinfo", BUILD], check=True, stdout=subprocess.PIPE, text=True)
        .stdout.split('"version": "')[1].split('"')[0]], "version")


def builds():
    """The examples build as C99 with what pkg-config says."""
    for name in EXAMPLES:
        done = installed.build(name)
        check(done.returncode == 0, done.stdout)


def names_a_wrong_interface():
    """The example ends with one line for a wrong interface."""
    process = installed.start_echo("no-such-iface0")
    output, _ = process.communicate(timeout=20)
    equal(process.returncode, 1, "exit status")
    check("iface no-such-iface0: no such netdev" in output and output.count("\n") == 1, output)


def echoes():
    """The example sends every frame back, MAC addresses swapped, in order."""
    reason = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
    if reason:
        raise tap.Skip(reason)
    with netlab.Lab() as lab:
        near, far = lab.veth()
        peer = lab.peer_socket(far)
        process = installed.start_echo(near)
        try:
            line = process.stdout.readline()
            check("copy mode" in line or "zero-copy mode" in line, line + "...")
            sent = [frames.numbered_frame(number, 60 + number * 7 % 1455) for number in range(FRAMES)]
            back = peer.exchange(sent)
            equal(len(back), FRAMES, "frames that came back")
            for number, (came, went) in enumerate(zip(back, sent)):
                equal(came, went[6:12] + went[:6] + went[12:], f"frame {number}")
        finally:
            process.terminate()
        output, _ = process.communicate(timeout=20)
        equal(process.returncode, 0, "exit status")
        equal(output, f"{FRAMES} frames came, {FRAMES} went back\n", "the counts")
        equal(netlab.xdp_of(lab.link(near)), None, "XDP program left behind")


def started(name, *arguments):
    """The example once it has its queues: it has told the mode of each of them."""
    process = installed.start(name, *arguments)
    for _ in range(2 if name == "filter" else 1):
        line = process.stdout.readline()
        check("copy mode" in line or "zero-copy mode" in line, line + "...")
    return process


def ended(process):
    process.terminate()
    output, _ = process.communicate(timeout=20)
    equal(process.returncode, 0, "exit status")
    return output


def needs_namespaces():
    reason = netlab.why_no_namespaces() or netlab.why_no_af_xdp()
    if reason:
        raise tap.Skip(reason)


def counts():
    """receive_count counts every packet and byte."""
    needs_namespaces()
    with netlab.Lab() as lab:
        near, far = lab.veth()
        peer = lab.peer_socket(far)
        process = started("receive_count", near)
        sent = [frames.numbered_frame(number, 60 + number % 1400) for number in range(500)]
        for frame in sent:
            peer.send(frame)
        count = f"{len(sent)} packets, {sum(map(len, sent))} bytes\n"
        told = ""
        while not told.endswith(count):  # it tells once a second; one that never comes ends by the test's time
            line = process.stdout.readline()
            check(line, f"it ended after {told!r}")
            told += line
        check(f"in all {count}" in ended(process), told)


def udp_frame(number, port):
    """An IPv4 UDP packet whose last bytes carry a number."""
    payload = number.to_bytes(8, "big") + bytes(18)
    udp = struct.pack("!HHHH", 1000, port, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xffff, 0, 64, 17, 0, bytes((10, 0, 0, 1)),
                     bytes((10, 0, 0, 2)))
    return bytes.fromhex("02005a430001" "02005a430002" "0800") + ip + udp


def filters():
    """filter drops what goes to the port, hands all else on both ways, and sleeps in between."""
    needs_namespaces()
    with netlab.Lab() as lab:
        (one, far_one), (two, far_two) = lab.veth(), lab.veth()
        left, right = lab.peer_socket(far_one), lab.peer_socket(far_two)
        process = started("filter", one, two, str(PORT))
        packets = [udp_frame(number, PORT if number % 3 == 0 else PORT + 1) for number in range(90)]
        kept = [packet for number, packet in enumerate(packets) if number % 3]
        for sender, receiver in ((left, right), (right, left)):
            for packet in packets:
                sender.send(packet)
            equal(receiver.receive(len(kept)), kept, "what came through")
        output = ended(process)
        for name in (one, two):
            check(f"from {name}: 60 passed, 30 dropped\n" in output, output)


def main():
    global installed  # pylint: disable=global-statement
    if not shutil.which("pkg-config"):
        tap.skip_all("no pkg-config")
    with tempfile.TemporaryDirectory(prefix="zcnbrh-install-") as folder:
        installed = Installed(folder)
        tap.main([installs, needs_no_private_library, builds, names_a_wrong_interface, echoes, counts, filters])


if __name__ == "__main__":
    main()
