#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The memory behind shared rings and pools, as a native process sees it: pools that are freed and made again while it
stays, memory that cannot be handed over, packets of several pools."""

import contextlib
import errno
import os
import subprocess

from shim_rig import BUILD, SHIM, Skip, check, equal, main, netlab, testpmd


class Told:
    """A program that does what it is told, a line each."""

    def __init__(self, *command, **variables):
        self.process = subprocess.Popen([*netlab.DIE_WITH_US, *map(str, command)], env={**os.environ, **variables},
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline().strip()

    def __call__(self, line):
        """what it answers"""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            self.process.kill()
            raise AssertionError(f"'{line}' has no answer: {self.process.communicate()[1]} {self.process.returncode}")
        return answer

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def sharer(*memory):
    """tests/shim/sharer.cc under the shim"""
    program = Told(BUILD / "tests/shim/sharer", "-l", "0", *memory, "--no-pci", "--no-telemetry", "--file-prefix",
                   f"zs{os.getpid()}", LD_PRELOAD=SHIM, ZCNBRH_SHARE="1")
    check(program.first.startswith("pid "), f"it did not start: {program.first}")
    return program


@contextlib.contextmanager
def both(*memory):
    """(DPDK program, native process)"""
    with contextlib.closing(sharer(*(memory or testpmd.memory_options(64)))) as dpdk:
        with contextlib.closing(Told(BUILD / "tests/shim/memory_peer", dpdk.first.split()[1])) as native:
            yield dpdk, native


def made_again(*options):
    """A pool is freed and made again; the native process stays attached to something else meanwhile."""
    if not testpmd.HugePages.available(64):
        raise Skip("no huge pages: EAL gives plain pages back only at its end")
    with both(*options) as (dpdk, native):
        dpdk("ring back")
        equal(native("ring back"), "0", "the ring")
        seen = set()
        for mbufs, letter in ((2000, "a"), (2000, "b"), (4000, "c"), (1000, "d"), (3000, "e")):
            made = dpdk(f"pool again {mbufs}")
            check(made.startswith("pool "), made)
            seen.add(made.split()[2])
            dpdk(f"stamp again {letter}")
            equal(native("pool again"), "0", f"attaching pool {letter} of {mbufs}")
            equal(native("peek again"), f"1 {letter}", f"a packet of pool {letter}, for the native process")
            equal(native(f"give again back {letter.upper()}"), "1", "a packet that is given")
            equal(dpdk("receive back"), f"60 bytes of {letter.upper()}", f"a packet of pool {letter}, for the program")
            equal(dpdk("count again"), f"{mbufs} of {mbufs}", "packets in the pool")
            equal(native("leave again"), "0", "detaching")
            dpdk("free again")
        check(len(seen) < 5, "no pool came where another one had been: this shows nothing")


def new_files():
    """a pool freed and made again at the same address: the native process has its new memory, not the old file's"""
    made_again("--in-memory")


def one_file():
    """the same where EAL has one file for all pages, which grows and shrinks"""
    made_again("--in-memory", "--single-file-segments")


def memory_of_its_own():
    """a pool and a ring in memory that is not EAL's: refused with the cause, and the process goes on"""
    with both() as (dpdk, native):
        equal(dpdk("own-memory mine"), "pool", "a pool in the program's memory")
        equal(dpdk("heap outside"), "ring", "a ring in a heap of the program's")
        for what, name in (("pool", "mine"), ("ring", "outside")):
            answer = native(f"{what} {name}")
            check(answer.startswith(f"-{errno.EOPNOTSUPP} ") and f"{what} '{name}' is in memory that" in answer, answer)
        dpdk("pool packets 500")
        dpdk("ring back")
        equal((native("pool packets"), native("ring back"), native("give packets back x")), ("0", "0", "1"), "what is shared")
        equal(dpdk("receive back"), "60 bytes of x", "a packet")


def several_pools():
    """a packet crosses when all its segments are of attached pools, and stays in the ring, refused, when one is not"""
    with both() as (dpdk, native):
        for command in ("pool one 500", "pool two 500", "ring to", "ring back"):
            dpdk(command)
        equal([native(text) for text in ("pool one", "ring to", "ring back")], ["0", "0", "0"], "attaching")
        for pools in ("one two", "one one two", "two one"):
            equal(dpdk(f"chain to {pools}"), "sent", f"a packet of pools {pools}")
            answer = native("pass to back")
            check(answer.startswith(f"-{errno.EBADMSG} "), f"a packet of pools {pools}: {answer}")
            equal(dpdk("receive to"), f"{60 * len(pools.split())} bytes of d", "what stayed in the ring")
        for pools in ("one", "one one", "one one one one"):
            passes(dpdk, native, pools)
        equal(native("pool two"), "0", "attaching the other pool")
        for pools in ("one two", "two one two", "two"):
            passes(dpdk, native, pools)
        equal([dpdk("count one"), dpdk("count two")], ["500 of 500"] * 2, "packets in the pools")


def passes(dpdk, native, pools):
    bytes_ = 60 * len(pools.split())
    equal(dpdk(f"chain to {pools}"), "sent", f"a packet of pools {pools}")
    equal(native("pass to back"), f"1 of {bytes_} bytes", f"a packet of pools {pools}")
    equal(dpdk("receive back"), f"{bytes_} bytes of d", f"a packet of pools {pools}")


if __name__ == "__main__":
    main([new_files, one_file, memory_of_its_own, several_pools])
