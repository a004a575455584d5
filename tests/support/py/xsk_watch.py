# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What the kernel itself says of another process's AF_XDP sockets, without asking that process.

The kernel can list them by sock_diag only with CONFIG_XDP_SOCKETS_DIAG, which is often missing. So each socket
is borrowed by pidfd_getfd (Linux 5.6) and asked by getsockopt.
"""

import ctypes
import os
import socket
import struct

SO_DOMAIN = 39
SYS_PIDFD_GETFD = 438  # the same on every architecture
AF_XDP, SOL_XDP = 44, 283
XDP_STATISTICS, XDP_OPTIONS = 7, 8
XDP_OPTIONS_ZEROCOPY = 1
FIELDS = ("rx_dropped", "rx_invalid_descs", "tx_invalid_descs", "rx_ring_full", "rx_fill_ring_empty_descs",
          "tx_ring_empty_descs")  # the last three since Linux 5.9

libc = ctypes.CDLL(None, use_errno=True)


def _borrow(pidfd, number):
    return libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)


def _target(pid, number):
    try:
        return os.readlink(f"/proc/{pid}/fd/{number}")
    except FileNotFoundError:  # closed since the listing
        return ""


def xdp_sockets(pid):
    """One dict per AF_XDP socket of the process: FIELDS, and whether it is a zero-copy one."""
    found = []
    pidfd = os.pidfd_open(pid)
    try:
        for number in sorted(map(int, os.listdir(f"/proc/{pid}/fd"))):
            if not _target(pid, number).startswith("socket:"):
                continue
            copy = _borrow(pidfd, number)
            if copy < 0:
                continue
            # With all three given Python does not ask for the socket's name, which AF_XDP refuses.
            with socket.socket(AF_XDP, socket.SOCK_RAW, 0, fileno=copy) as borrowed:
                if borrowed.getsockopt(socket.SOL_SOCKET, SO_DOMAIN) == AF_XDP:
                    found.append(_ask(borrowed))
    finally:
        os.close(pidfd)
    return found


def _ask(borrowed):
    raw = borrowed.getsockopt(SOL_XDP, XDP_STATISTICS, 8 * len(FIELDS))
    told = dict(zip(FIELDS, struct.unpack(f"{len(raw) // 8}Q", raw)))
    options, = struct.unpack("I", borrowed.getsockopt(SOL_XDP, XDP_OPTIONS, 4))
    return {**told, "zero_copy": bool(options & XDP_OPTIONS_ZEROCOPY)}


def total(sockets, field):
    return sum(sock[field] for sock in sockets)
