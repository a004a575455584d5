#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The shim is not on the data path: a program under it executes the instructions a packet that it executes with
--vdev=net_zcnbrh, counted by callgrind inside the program's forwarding loop."""

import os
import re
import shutil
import tempfile

from shim_rig import PLAIN_MEMORY, appliance_command, check, environment, equal, main, run, tap, testpmd

TOLERANCE = 0.001  # less than an instruction; the sum holds what the loop backend does in the kernel's place, too
CALLGRIND = ["valgrind", "--tool=callgrind", "--quiet", "--collect-atstart=no", "--toggle-collect=*forward*"]


def instructions_a_packet(devices, eal=(), **variables):
    """Of receive and transmit together, by one run of the test program."""
    with tempfile.TemporaryDirectory(prefix="zs_") as folder:
        profile = os.path.join(folder, "profile")
        status, output, errors = run(appliance_command(["bursts"], devices, [*CALLGRIND, f"--callgrind-out-file={profile}"],
                                                       (*PLAIN_MEMORY, *eal)), **variables)
        equal((status, output), (4, b"bursts: 32 sent, they go round\n32 intact, 0 in the program's buffers\n"),
              f"status and output ({errors.decode()[-2000:]})")
        with open(profile, encoding="ascii") as file:
            total = int(re.search(r"^(?:totals|summary): (\d+)", file.read(), re.MULTILINE).group(1))
        return total / int(re.search(rb"moved (\d+)", errors).group(1))


def data_path():
    """instructions a packet under the shim and with --vdev=net_zcnbrh: the same"""
    if not shutil.which("valgrind"):
        raise tap.Skip("no valgrind")
    variables, options = testpmd.driver_options()
    direct = instructions_a_packet(["net_zcnbrh0,iface=loop"], options, **variables)
    moved = instructions_a_packet(["net_null0"], **environment("net_null0=loop"))
    observed = instructions_a_packet(["net_zcnbrh0,iface=loop"], options, **variables, **environment("", observe="1"))
    print(f"# instructions a packet, received and sent: {direct:.2f} with --vdev, {moved:.2f} moved by the shim, "
          f"{observed:.2f} observed")
    for name, value in (("moved", moved), ("observed", observed)):
        check(abs(value / direct - 1) <= TOLERANCE, f"{name}: {value:.2f} against {direct:.2f} with --vdev")
    check(direct > 10, "callgrind counted next to nothing")


if __name__ == "__main__":
    main([data_path])
