#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""XDP from Python, with nothing but the bpf() system call: a packet source, a sink, somebody else's program.

The programs are two to four instructions long, so they are written down as such instead of being compiled.
The source is BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES (Linux 5.18): the kernel runs an XDP program
on a frame of ours `repeat` times and carries out its verdict for real; with a redirect into a veth that is
millions of packets a second on one core, without a NIC. Run as a program it is that source:

    bpf_tool.py NETDEV --cpu 1 [--seconds S | --packets N] [--size 60] [--pps N]
"""

import argparse
import contextlib
import ctypes
import os
import socket
import struct
import sys
import time

import frames

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD, BPF_PROG_TEST_RUN, BPF_LINK_CREATE = 5, 10, 28
BPF_OBJ_GET_INFO_BY_FD, BPF_LINK_GET_FD_BY_ID, BPF_LINK_GET_NEXT_ID, BPF_LINK_DETACH = 15, 30, 31, 34
BPF_PROG_TYPE_XDP, BPF_XDP, BPF_LINK_TYPE_XDP = 6, 37, 6
BPF_F_TEST_XDP_LIVE_FRAMES = 2
XDP_FLAGS_SKB_MODE, XDP_FLAGS_DRV_MODE = 2, 4
XDP_DROP, XDP_PASS = 1, 2
BPF_FUNC_REDIRECT = 23
LIVE_BATCH = 64

libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    """The system call; `attributes` is written back to by some commands. Raises OSError."""
    number = SYS_BPF.get(os.uname().machine)
    if number is None:
        raise OSError(f"no number of the bpf system call known for {os.uname().machine}")
    result = libc.syscall(number, command, attributes, len(attributes))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def instruction(code, dst=0, immediate=0):
    return struct.pack("<BBhi", code, dst, 0, immediate)


def mov64(register, immediate):
    return instruction(0xB7, register, immediate)


def call(helper):
    return instruction(0x85, 0, helper)


EXIT = instruction(0x95)


def load_xdp(instructions, name):
    """Loads a program of these instructions and returns its file descriptor."""
    text = ctypes.create_string_buffer(instructions, len(instructions))
    license_name = ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(4096)
    attributes = struct.pack(
        "<IIQQIIQII16sII", BPF_PROG_TYPE_XDP, len(instructions) // 8, ctypes.addressof(text),
        ctypes.addressof(license_name), 1, len(log), ctypes.addressof(log), 0, 0, name.encode(), 0, BPF_XDP)
    try:
        return bpf(BPF_PROG_LOAD, ctypes.create_string_buffer(attributes, len(attributes)))
    except OSError as error:
        raise OSError(error.errno, f"loading XDP program {name}: {error.strerror} {log.value.decode()}") from None


def load_verdict(verdict, name="zl_verdict"):
    return load_xdp(mov64(0, verdict) + EXIT, name)


def load_redirect(ifindex):
    """bpf_redirect(ifindex, 0); return its verdict."""
    return load_xdp(mov64(1, ifindex) + mov64(2, 0) + call(BPF_FUNC_REDIRECT) + EXIT, "zl_redirect")


class XdpOnLink:
    """A program that gives every packet of a netdev the same verdict, held by a bpf_link: it goes with us."""

    def __init__(self, netdev, verdict, flags=XDP_FLAGS_DRV_MODE):
        program = load_verdict(verdict)
        attributes = struct.pack("<IIII", program, socket.if_nametoindex(netdev), BPF_XDP, flags)
        try:
            self.link = bpf(BPF_LINK_CREATE, ctypes.create_string_buffer(attributes + bytes(32)))
        finally:
            os.close(program)

    def close(self):
        if self.link >= 0:
            os.close(self.link)
            self.link = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def detach_xdp_links(ifindex):
    """Detaches every bpf_link with an XDP program on a netdev by force, as `bpftool link detach` does (Linux 5.9)."""
    number, detached = 0, 0
    while True:
        attributes = ctypes.create_string_buffer(struct.pack("<III", number, 0, 0), 12)
        try:
            bpf(BPF_LINK_GET_NEXT_ID, attributes)
        except FileNotFoundError:
            return detached
        number = struct.unpack_from("<I", attributes.raw, 4)[0]
        with contextlib.suppress(FileNotFoundError):  # it went meanwhile
            link = bpf(BPF_LINK_GET_FD_BY_ID, ctypes.create_string_buffer(struct.pack("<III", number, 0, 0), 12))
            info = ctypes.create_string_buffer(64)
            bpf(BPF_OBJ_GET_INFO_BY_FD, ctypes.create_string_buffer(
                struct.pack("<IIQ", link, len(info), ctypes.addressof(info)), 16))
            kind, _, _, _, where = struct.unpack_from("<IIIII", info.raw)  # struct bpf_link_info, .xdp.ifindex
            if kind == BPF_LINK_TYPE_XDP and where == ifindex:
                bpf(BPF_LINK_DETACH, ctypes.create_string_buffer(struct.pack("<I", link), 4))
                detached += 1
            os.close(link)


class LiveFrames:
    """Sends copies of one frame through `netdev` as XDP_REDIRECT does. On a veth they arrive at its peer,
    in receive queue cpu % queues, once that end has an XDP program or GRO switched on."""

    def __init__(self, netdev, frame):
        self.program = load_redirect(socket.if_nametoindex(netdev))
        self.frame = ctypes.create_string_buffer(frame, len(frame))

    def send(self, count):
        """Hands `count` frames to the netdev; it may drop them when its peer's ring is full."""
        attributes = struct.pack("<IIIIQQIIIIQQIII", self.program, 0, len(self.frame), 0,
                                 ctypes.addressof(self.frame), 0, count, 0, 0, 0, 0, 0,
                                 BPF_F_TEST_XDP_LIVE_FRAMES, 0, LIVE_BATCH)
        bpf(BPF_PROG_TEST_RUN, ctypes.create_string_buffer(attributes + bytes(8)))

    def close(self):
        os.close(self.program)


def run_source(source, packets, seconds, pps):
    """Sends until the count or the time is reached; returns the packets handed over."""
    sent = 0
    start = time.monotonic()
    # Each call costs the kernel some ten milliseconds of set-up, in which nothing is sent: with a wanted rate one tenth
    # of a second a piece, without a limit of time long pieces (a signal ends the call).
    piece = max(LIVE_BATCH, pps // 10) if pps else 64 * 1024 if seconds else 4 * 1024 * 1024
    while True:
        if seconds and time.monotonic() - start >= seconds:
            return sent
        count = min(piece, packets - sent) if packets else piece
        if not count:
            return sent
        source.send(count)
        sent += count
        if pps:
            time.sleep(max(0.0, start + sent / pps - time.monotonic()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("netdev")
    parser.add_argument("--cpu", type=int)
    parser.add_argument("--packets", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--pps", type=int, default=0, help="wanted rate (default: as fast as it goes)")
    parser.add_argument("--size", type=int, default=60, help="bytes a frame, without FCS")
    arguments = parser.parse_args()
    if arguments.cpu is not None:
        os.sched_setaffinity(0, {arguments.cpu})
    source = LiveFrames(arguments.netdev, frames.udp_frame(arguments.size))
    try:
        print("ready", flush=True)
        print(run_source(source, arguments.packets, arguments.seconds, arguments.pps), flush=True)
    except InterruptedError:  # a signal ends a test run early
        pass
    finally:
        source.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
