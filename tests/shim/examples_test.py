#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""DPDK's own example programs under the shim, unchanged, from the distribution's source package: command lines written
for a PCI device and for other drivers, veth traffic both ways, and every byte of what comes out compared."""

import contextlib
import os
import pathlib
import re
import signal
import struct
import tempfile
import time

from shim_rig import (APP_CORE, OTHER_CORE, PCI, Report, check, environment, equal, example, frames, main, netlab, rig, tap,
                      testpmd)
import symmetric_mp_test
from secondary_test import flows
from terminal import Terminal

PCI2 = "0000:3b:00.1"
COUNT = 300
SIZES = (60, 61, 64, 127, 300, 777, 1514)


class Example(Terminal):
    """The program on core 0 in rig `r`, under the shim with `maps` or, if these are variables, with them in its place.
    `ready`: what it prints when it forwards."""

    def __init__(self, r, name, eal, app, maps, ready, megabytes=256, **variables):
        self.report = r.lab.keep(Report())
        command = [example(name), *testpmd.lcore_options((APP_CORE,)), *testpmd.memory_options(megabytes),
                   "--no-telemetry", "--file-prefix", f"zs{os.getpid()}", *eal, "--", *app]
        if isinstance(maps, str):
            maps = environment(maps, report=self.report.path, **variables)
        super().__init__(name, command, maps)
        r.lab.keep(self)
        tap.note(self.shown, lambda: self.text)
        self.wait_for(ready, 30)

    def end(self, status=0):
        """By ctrl-c, as a person would."""
        self.process.send_signal(signal.SIGINT)
        equal(self.process.wait(20), status, "exit status")

    def moved(self, *devices):
        """These moved, no packet was copied on its way in or out, and no descriptor was refused."""
        found = self.report.read()
        equal({one["device"]: one["fate"] for one in found["devices"]}, dict.fromkeys(devices, "moved"), "fates")
        for port in found["ports"]:
            bad = {name: value for name, value in port["xstats"].items()
                   if re.fullmatch(r"rx_q\d+_copied|tx_q\d+_(bounce_copies|invalid)", name)}
            equal(bad, {}, f"counters of port {port['port']}")  # those that are 0 are not in the report
        return found


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def with_macs(frame, target, source):
    return target + source + frame[12:]


def carries(source, target, sent, expected, window=32):
    """What goes into `source` comes out of `target`, in order; `expected` is what must come."""
    target.drain()
    found = []
    for at in range(0, len(sent), window):
        for frame in sent[at:at + window]:
            source.send(frame)
        found += target.receive(len(sent[at:at + window]))
    equal([frame.hex() for frame in found], [frame.hex() for frame in expected], "frames that came out")


def l2fwd():
    """l2fwd, written for two PCI ports: addresses rewritten, every byte else as it was, both ways, none copied"""
    with rig(pairs=2, start=False) as r:
        program = Example(r, "l2fwd", ["-a", PCI, "-a", PCI2], ["-p", "3", "-q", "2", "-T", "0"],
                          f"{PCI}={r.apps[0]},{PCI2}={r.apps[1]}", "entering main loop")
        own = [mac(r.before[port]["address"]) for port in (0, 1)]
        for here in (0, 1):
            there = 1 - here
            sent = [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(COUNT)]
            carries(r.peer(here), r.peer(there), sent,
                    [with_macs(frame, bytes((2, 0, 0, 0, 0, there)), own[there]) for frame in sent])
        program.end()
        found = program.moved(PCI, PCI2)
        equal([(port["xstats"]["rx_q0_packets"], port["xstats"]["tx_q0_packets"]) for port in found["ports"]],
              [(COUNT, COUNT)] * 2, "the ports' counters")


def routed(frame, target, source):
    """A frame as a router passes it on: addresses, and one hop less for IPv4 with the checksum made anew."""
    frame = with_macs(frame, target, source)
    if frame[12:14] != b"\x08\x00":
        return frame
    head = frame[14:22] + bytes((frame[22] - 1, frame[23], 0, 0)) + frame[26:34]
    return frame[:14] + head[:10] + struct.pack("!H", frames.checksum(head)) + head[12:] + frame[34:]


def to_ipv4(number, address, size):
    data = struct.pack("!I", number) + frames.COUNTING[number & 0xFF:][:size - 46]
    return frames.ethernet(frames.udp_packet(data, (1000 + number, 2000), ("10.9.0.2", address)))


def to_ipv6(number, port, size):
    data = frames.COUNTING[number & 0xFF:][:size - 54]
    head = struct.pack("!IHBB", 6 << 28, len(data), 59, 64)
    return frames.ethernet(head + bytes.fromhex("fd00" + "00" * 13 + "02") +
                           bytes.fromhex(f"20010200000000{port:02x}" + f"{number:016x}") + data, kind=0x86DD)


def l3fwd():
    """l3fwd, for a PCI port and a tap: the driver's packet types, LPM over the default routes, IPv4 and IPv6, both ways"""
    with rig(pairs=2, start=False) as r:
        program = Example(r, "l3fwd", ["-a", PCI, "--vdev=net_tap0,iface=zx"],
                          ["-p", "3", "-P", "-L", "--config", "(0,0,0),(1,0,0)"],
                          f"{PCI}={r.apps[0]},net_tap0={r.apps[1]}", "entering main loop", 512)
        check("please add --parse-ptype" not in program.text, "no packet types")
        own = [mac(r.before[port]["address"]) for port in (0, 1)]

        def passed(frame, port):
            return routed(frame, bytes((2, 0, 0, 0, 0, port)), own[port])

        for here in (0, 1):
            there = 1 - here
            sent = [to_ipv6(number, there, 70 + number) if number % 3 == 2 else
                    to_ipv4(number, f"198.18.{there}.{number % 256}", SIZES[number % len(SIZES)])
                    for number in range(COUNT)]
            carries(r.peer(here), r.peer(there), sent, [passed(frame, there) for frame in sent])
            # What the routes send back where it came from, and what they do not know: l3fwd sends it back, too.
            back = [to_ipv4(1, f"198.18.{here}.9", 60), to_ipv4(2, "203.0.113.1", 60), to_ipv6(3, here, 80),
                    frames.ethernet(bytes(46), kind=0x88B5)]
            carries(r.peer(here), r.peer(here), back, [passed(frame, here) for frame in back])
            equal(r.peer(there).receive(1, 0.05), [], "frames at the other peer")
        program.end()
        program.moved(PCI, "net_tap0")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def l3fwd_power():
    """l3fwd-power, for net_null ports, which have no RX interrupts: here it sleeps by them, packets wake it, both ways"""
    with rig(pairs=2, start=False) as r:
        asleep = False
        program = Example(r, "l3fwd-power", ["--no-pci", "--vdev=net_null0", "--vdev=net_null1"],
                          ["-p", "3", "-P", "--config", "(0,0,0),(1,0,0)", "--interrupt-only"],
                          f"net_null0={r.apps[0]},net_null1={r.apps[1]}", "entering main interrupt loop", 512)
        check("RX interrupt won't enable" not in program.text, "no RX interrupts")
        for here in (0, 1):
            there = 1 - here
            own = mac(r.before[there]["address"])
            sent = [to_ipv4(number, f"{there + 1}.1.1.{number % 256}", SIZES[number % len(SIZES)]) for number in range(96)]
            expected = [routed(frame, bytes((2, 0, 0, 0, 0, there)), own) for frame in sent]
            r.peer(there).drain()
            for frame, passed in zip(sent[:3], expected):
                if asleep:
                    program.wait_for("sleeps until interrupt triggers")
                r.peer(here).send(frame)
                program.wait_for(f"waked up from rx interrupt on port {here} queue 0")
                equal(r.peer(there).receive(1), [passed], "the frame that woke it")
                asleep = True
            carries(r.peer(here), r.peer(there), sent[3:], expected[3:])
        before, start = cpu_seconds(program.process.pid), time.monotonic()
        time.sleep(0.4)
        busy = (cpu_seconds(program.process.pid) - before) / (time.monotonic() - start)
        check(busy < 0.5, f"{busy:.0%} of a core used with nothing to do")
        program.end()
        program.moved("net_null0", "net_null1")


def one_stays():
    """skeleton with a PCI port that moves and a tap that stays: numbers kept, frames through both, both ways"""
    with rig(start=False) as r:
        program = Example(r, "skeleton", ["-a", PCI, "--vdev=net_tap0,iface=stays0"], [], f"{PCI}={r.apps[0]}",
                          "forwarding packets")
        check(re.search(r"Port 0 MAC: 02 00 5a 43 00 01", program.text), "port 0 is not the veth")
        tap_side = r.lab.keep(netlab.Peer("stays0"))
        sent = [frames.numbered_frame(number, SIZES[number % len(SIZES)]) for number in range(COUNT)]
        carries(r.peer(), tap_side, sent, sent)
        carries(tap_side, r.peer(), sent, sent)
        program.end(-signal.SIGINT)  # it has no handler
        equal(netlab.xdp_of(r.lab.link(r.apps[0])), None, "XDP program left behind")


@contextlib.contextmanager
def huge_folder():
    with tempfile.TemporaryDirectory() as huge:
        netlab.run("mount", "-t", "hugetlbfs", "none", huge)
        try:
            yield huge
        finally:
            netlab.run("umount", "-l", huge)


def symmetric_mp():
    """symmetric_mp, for af_packet ports: primary and secondary under the same map, each forwards its share of the flows"""
    program = example("symmetric_mp")
    if symmetric_mp_test.why_not():
        raise tap.Skip(symmetric_mp_test.why_not())
    with rig(pairs=2, queues=2, start=False) as r, tempfile.TemporaryDirectory() as folder, huge_folder() as huge:
        eal = ["--file-prefix", f"zs{os.getpid()}", "--huge-dir", huge]
        devices = [f"--vdev=net_af_packet{number},iface={app}" for number, app in enumerate(r.apps)]
        maps = environment(",".join(f"net_af_packet{number}={app}" for number, app in enumerate(r.apps)))
        processes = [r.lab.keep(symmetric_mp_test.Process(program, number, folder, options, 2, maps))
                     for number, options in enumerate((eal + devices, eal))]
        sent = flows(256)
        for here in (0, 1):
            r.peer(1 - here).drain()
            found = []
            for at in range(0, len(sent), 64):
                for frame in sent[at:at + 64]:
                    r.peer(here).send(frame)
                found += r.peer(1 - here).receive(64)
            equal(sorted(found), sorted(sent), f"frames from peer {here}")
        counts = [process.end() for process in reversed(processes)]
        check(all(of_one[port][0] > 0 for of_one in counts for port in (0, 1)),
              f"a process had no part in it: {counts}")


if __name__ == "__main__":
    main([l2fwd, l3fwd, l3fwd_power, one_stays, symmetric_mp])
