#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Zero-copy to zero-copy: the rows of ends.cc, one after the other, on the two NICs of the pair."""

import os
import subprocess

from lab_rig import IGB, main, netlab, tap
from rig import BUILD

PROGRAM = BUILD / "tests/lab/lab_ends"
ROWS = ("Defaults", "BusyPoll") if IGB else ("Defaults", "UmemEach", "BusyPoll", "Aligned", "GateAndHistory")


def row(name):
    def test():
        with netlab.Lab() as lab:
            ends = lab.both_ends()
            done = subprocess.run(
                [PROGRAM, f"--gtest_filter=*/{name}"], env={**os.environ, "ZCNBRH_LAB_ENDS": ",".join(ends)},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=600)
            tap.note(PROGRAM.name, lambda: done.stdout)
            tap.check("[  PASSED  ] 1 test." in done.stdout and not done.returncode,
                      f"status {done.returncode}")
            tap.equal(netlab.xdp_of(lab.link(ends[0])), None, "XDP program left")
    test.__doc__ = f"numbered packets both ways at once between two zero-copy ports: {name}"
    return test


if __name__ == "__main__":
    main([row(name) for name in ROWS])
