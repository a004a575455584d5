#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""RX interrupts in zero-copy, as l3fwd-power uses them: the cases of sleep.cc."""

from lab_rig import main, netlab, program


def case(name, told):
    def test():
        with netlab.Lab() as lab:
            program(lab, f"Sleep.{name}")
    test.__doc__ = f"RX interrupts of a zero-copy port: {told}"
    return test


if __name__ == "__main__":
    main([case("AnIdleThreadTakesNoTime", "a thread without packets sleeps"),
          case("EachPacketWakesIt", "each single packet wakes it, none is left in the ring")])
