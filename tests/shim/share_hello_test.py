#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""How a native process and a DPDK program under the shim meet: version and layout of both are compared, by both, before
anything of one is touched by the other."""

import contextlib
import errno
import os
import socket
import threading

from shim_rig import BUILD, check, equal, main, testpmd
from share_memory_test import Told, both, sharer

HELLO = "hello 2 DPDK_23"
OTHERS = ("hello 2 DPDK_24", "hello 2 DPDK_22", "hello 1 DPDK_23", "hello 3 DPDK_23", "hello 2", "hello", "hello 2 DPDK_23 ",
          "hello 2 dpdk_23")


def channel():
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def told_by(answer):
    """What a native process says of a program that answers so, or closes; and what it had said first."""
    heard = []
    with channel() as listener, contextlib.closing(Told(BUILD / "tests/shim/memory_peer", os.getpid())) as native:
        listener.bind(f"\0zcnbrh-share/{os.getpid()}")
        listener.listen()
        listener.settimeout(20)

        def serve():
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(20)
                heard.append(peer.recv(256).decode())
                if answer is not None:
                    peer.send(answer.encode())
                    heard.append(peer.recv(256).decode())
        thread = threading.Thread(target=serve)
        thread.start()
        said = native("ring back")
        thread.join(20)
    return said, heard


def program_of_another():
    """a native process leaves a program of another version or DPDK ABI alone, and says which the two are"""
    for answer in (*OTHERS, "no 5f what", "segment 0 1000 0"):
        said, heard = told_by(answer)
        check(said.startswith(f"-{errno.EPROTO} "), f"{answer}: {said}")
        check(f"'{answer}'" in said and f"'{HELLO}'" in said, f"the two are not named: {said}")
        equal(heard, [HELLO, ""], "what the native process has sent")


def no_descriptor():
    """the right answer without the journal's descriptor is not enough; neither is none at all"""
    said, heard = told_by(HELLO)
    check(said.startswith(f"-{errno.EPROTO} "), said)
    equal(heard, [HELLO, ""], "what the native process has sent")
    said, _ = told_by(None)
    check(said.startswith(f"-{errno.ECONNRESET} "), said)


def ask(peer, text):
    """(answer, how many descriptors came with it)"""
    peer.send(text.encode())
    answer, fds, _, _ = socket.recv_fds(peer, 256, 4)
    for fd in fds:
        os.close(fd)
    return answer.decode(), len(fds)


def connect(pid):
    peer = channel()
    peer.settimeout(20)
    peer.connect(f"\0zcnbrh-share/{pid}")
    return peer


def native_of_another():
    """the program hands nothing to a native process of another version or ABI, or that says none"""
    with contextlib.closing(sharer(*testpmd.memory_options(64))) as dpdk:
        dpdk("ring back")
        dpdk("pool packets 500")
        pid = dpdk.first.split()[1]
        for greeting in (*OTHERS, None):
            with connect(pid) as peer:
                if greeting is not None:
                    equal(ask(peer, greeting), (HELLO, 0), f"answer to '{greeting}'")
                for request in ("segments", "ring 0 back", "pool 0 packets", "detach 0"):
                    answer, fds = ask(peer, request)
                    check(answer.startswith(f"no {errno.EPROTO:x} ") and fds == 0, f"'{request}' after '{greeting}': {answer}")
        with connect(pid) as peer:
            equal(ask(peer, HELLO), (HELLO, 1), "answer to the right one")
            answer, fds = ask(peer, "segments")
            check(answer.startswith("segment ") and fds == 1, answer)
    with both() as (dpdk, native):  # and the real ones understand each other
        dpdk("ring back")
        equal(native("ring back"), "0", "attaching")


if __name__ == "__main__":
    main([program_of_another, no_descriptor, native_of_another])
