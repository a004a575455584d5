#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Zero-copy to zero-copy: the rows of ends.cc, one after the other, on the two NICs of the pair."""

from lab_rig import IGB, main, netlab, program

ROWS = ("Defaults", "BusyPoll") if IGB else ("Defaults", "UmemEach", "BusyPoll", "Aligned", "GateAndHistory")


def row(name):
    def test():
        with netlab.Lab() as lab:
            program(lab, f"Rows/Ends.*/{name}")
    test.__doc__ = f"numbered packets both ways at once between two zero-copy ports: {name}"
    return test


if __name__ == "__main__":
    main([row(name) for name in ROWS])
