#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The shim as a guest in a process: programs that are not DPDK's, an unknown DPDK, fork, exec, exit status, errno."""

import os
import re
import subprocess

from shim_rig import BUILD, PCI, SHIM, Report, appliance, check, environment, equal, main, run
from rig import SOURCE

PLAIN_PROGRAMS = [
    (["sh", "-c", "echo one; echo two >&2; exit 3"], b""),
    (["sh", "-c", "kill -TERM $$"], b""),
    (["env"], b""),
    (["env", "-i", "sh", "-c", "echo $0"], b""),
    (["timeout", "0.05", "sleep", "5"], b""),
    (["timeout", "5", "sh", "-c", "exit 7"], b""),
    (["cat"], b"\0\1\2 text\n" * 1000),
    (["sort", "-r"], b"b\na\nc\n"),
    (["ls", "-d", "/", "/nowhere"], b""),
    (["/usr/bin/python3", "-c", "import ctypes, os; print(len(os.environ) > 0); ctypes.CDLL(None)"], b""),
]


def without_our_variables(output):
    return b"\n".join(line for line in output.split(b"\n") if not re.match(rb"LD_PRELOAD=|ZCNBRH_MAP=|_=", line))


def plain_programs():
    """sh, env, timeout, cat, sort, ls and Python run as they do without the shim: output, errors, exit status"""
    for command, data in PLAIN_PROGRAMS:
        with_shim = run(command, data, **environment(f"{PCI}=eth0"))
        alone = run(command, data)
        equal(with_shim[0], alone[0], f"exit status of {command}")
        equal(without_our_variables(with_shim[1]), without_our_variables(alone[1]), f"output of {command}")
        equal(with_shim[2], alone[2], f"errors of {command}")


def no_dpdk_reference():
    """the shim refers to no DPDK symbol, exports what intercepts.def lists, and needs no library but libc"""
    undefined = subprocess.run(["nm", "-D", "--undefined-only", SHIM], capture_output=True, text=True, check=True).stdout
    equal([line for line in undefined.splitlines() if re.search(r"\b(rte_|per_lcore|eth_)", line)], [], "references")
    defined = subprocess.run(["nm", "-D", "--defined-only", SHIM], capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1] for line in defined.splitlines()}
    listed = set()
    for name in ("intercepts", "ethdev_calls", "vendor_calls"):
        text = (SOURCE / f"shim/{name}.def").read_text(encoding="ascii")
        listed |= set(re.findall(r"^(?:INTERCEPT\(|VENDOR(?:_GLOBAL)?\(|COUNTED\([^,]*, )(\w+)", text, re.MULTILINE))
    equal(exported, listed, "exported functions")
    dynamic = subprocess.run(["readelf", "-d", SHIM], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
    equal([name for name in needed if not name.startswith(("libc.so", "ld-linux", "libm.so"))], [], "libraries")


def no_constructor():
    """no source of ours has a constructor in the shim; those that the C++ library inside brings are its own"""
    symbols = subprocess.run(["nm", SHIM], capture_output=True, text=True, check=True).stdout
    found = re.findall(r" [tT] _GLOBAL__(?:sub_)?I_(?:[0-9_]*)(\S+)", symbols)
    check(found, "no symbol of a constructor at all, not even of the C++ library: what is this file?")
    ours = {path.name for folder in ("shim", "lib") for path in (SOURCE / folder).rglob("*.cc")}
    equal([name for name in found if name in ours or "zcnbrh" in name], [], "constructors of ours")
    # The loader's list: one for each of those, and the C runtime's frame_dummy.
    size = re.search(r"INIT_ARRAY\s+\S+ \S+ (\S+)", subprocess.run(["readelf", "-SW", SHIM], capture_output=True, text=True,
                                                                     check=True).stdout)
    check(size is not None and int(size.group(1), 16) // 8 <= len(found) + 1, f"{size} for {found}")


def unknown_abi():
    """a program of another DPDK ABI: one clear line, and it runs as without the shim"""
    program = str(BUILD / "tests/shim/other_eal_program")
    alone = run([program, "a"])
    equal(alone[0], 5, "exit status")
    with_shim = run([program, "a"], **environment("net_null0=eth0"))
    equal(with_shim[:2], alone[:2], "exit status and output")
    errors = with_shim[2].decode()
    check("DPDK_23" in errors and "runs without the shim" in errors, f"errors: {errors}")
    equal(len(errors.splitlines()), 1, "lines of the message")
    quiet = run([program, "a"], LD_PRELOAD=SHIM)
    equal(quiet, alone, "with nothing asked of the shim")


def loop_port():
    """a map to the loop backend, which needs no netdev: the port's name, driver and number; errno is left alone"""
    status, output, errors = appliance(["ports", "errno"], ["net_null0", "net_null1"], **environment("net_null1=loop"))
    equal((status, output), (4, ["port 0 net_null0 net_null 0", "port 1 net_null1 net_zcnbrh 1",
                             "errno of net_null0: kept, kept", "errno of net_null1: kept, kept"]),
          f"status and output ({errors})")


def nothing_asked():
    """preloaded with nothing asked of it, the shim changes neither output nor errors of a DPDK program"""
    with_shim = appliance(["ports"], LD_PRELOAD=SHIM)
    equal(with_shim, appliance(["ports"]), "status, output, errors")
    equal(with_shim[1], ["port 0 net_null0 net_null 0"], "output")


def exec_chain():
    """sh, env and timeout hand the shim on to the program they start"""
    for wrap in (["sh", "-c", 'exec "$@"', "sh"], ["timeout", "20"], ["env", "X=1"], ["setpriv", "--"],
                 ["sh", "-c", '"$@"; exit $?', "sh"]):
        status, output, errors = appliance(["ports"], wrap=wrap, **environment("net_null0=loop"))
        equal((status, output), (4, ["port 0 net_null0 net_zcnbrh 0"]), f"{wrap}: status and output ({errors})")


def fork_and_report():
    """a child of fork() that ends with exit() does not write the parent's report; it sees the same names"""
    report = Report()
    status, output, _ = appliance(["fork", "ports"], **environment("net_null0=loop", report=report.path))
    line = "port 0 net_null0 net_zcnbrh 0"
    equal((status, output), (4, [line, "child ended with 3", line]), "status and output")
    equal(report.fates(), {"net_null0": "moved"}, "fates")
    # The one of the parent: what a child counts is its own.
    equal(report.read()["calls"]["rte_eth_dev_get_port_by_name"], 1, "calls counted")
    report.close()


def report_by_pid():
    """%p in ZCNBRH_REPORT is the process's number; a report that cannot be written is a warning"""
    report = Report()
    status, _, _ = appliance(["ports"], **environment("net_null0=loop", report=report.path + ".%p"))
    equal(status, 4, "exit status")
    names = [name for name in os.listdir(os.path.dirname(report.path)) if re.fullmatch(r"report\.json\.\d+", name)]
    equal(len(names), 1, f"report files {names}")
    status, _, errors = appliance(["ports"], **environment("net_null0=loop", report="/nowhere/report"))
    equal(status, 4, "exit status with a report that cannot be written")
    check("/nowhere/report cannot be written" in errors, errors)
    report.close()


def refused():
    """a refusal is rte_eal_init() < 0 with rte_errno, and the program's own way to end"""
    status, output, errors = appliance(["ports"], **environment("net_null0"))
    equal((status, output), (9, ["rte_eal_init: Invalid argument"]), f"status and output ({errors})")
    status, output, errors = appliance(["ports"], **environment("net_null0=loop,net_null7=loop", mode="strict"))
    equal((status, output), (9, ["rte_eal_init: No such device"]), f"status and output ({errors})")


def report_of_a_failure():
    """rte_eal_init() that fails, by the shim or by EAL itself, leaves a report: the stage, the fates, what was said"""
    report = Report()
    status, _, errors = appliance(["ports"], **environment("net_null0=loop,net_null7=loop", mode="strict",
                                                           report=report.path))
    equal((status, report.read()["stage"], report.read()["mode"]), (9, "settle_ports", "strict"), f"refused ({errors})")
    equal(report.fates(), {"net_null0": "moved", "net_null7": "not probed"}, "fates")
    os.unlink(report.path)
    status, _, errors = appliance(["ports"], memory=("--no-huge", "-m", "999999999"),
                                  **environment("net_null0=loop", report=report.path))
    equal((status, report.read()["stage"]), (9, "run_eal"), f"EAL's own failure ({errors})")
    report.close()


if __name__ == "__main__":
    main([plain_programs, no_dpdk_reference, no_constructor, unknown_abi, loop_port, nothing_asked, exec_chain, fork_and_report,
          report_by_pid, refused, report_of_a_failure])
