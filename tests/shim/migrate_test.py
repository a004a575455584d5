#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""zcnbrh-migrate: audit, run and report with the stock testpmd and with programs that cannot be moved."""

import json
import os
import re
import shutil
import struct
import subprocess
import tempfile

from shim_rig import (BUILD, PCI, Report, Skip, appliance_command, check, check_echo, equal, launch, main, rig, run)
from rig import SOURCE

MIGRATE = str(BUILD / "shim/zcnbrh-migrate")
TESTPMD = shutil.which("dpdk-testpmd") or "/usr/bin/dpdk-testpmd"


def migrate(*words, wrap=(), **variables):
    """(exit status, output, errors) of the command."""
    status, output, errors = run([*wrap, MIGRATE, *words], **variables)
    return status, output.decode(), errors.decode()


def audit(program, **variables):
    status, output, errors = migrate("audit", "--json", program, **variables)
    check(output, f"audit of {program}: {errors}")
    return status, json.loads(output)


def names(found, way):
    return {one["name"] for one in found["symbols"][way]}


def compiled(folder, text, *options):
    """A program of a few lines of C; Skip where it cannot be made."""
    source, program = os.path.join(folder, "p.c"), os.path.join(folder, "p")
    with open(source, "w", encoding="ascii") as file:
        file.write(text)
    done = subprocess.run(["cc", source, "-o", program, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"cannot compile a test program: {done.stderr[-300:]}")
    return program


def audit_testpmd():
    """the stock testpmd: DPDK's release and ABI, what it links, and each rte_ symbol it imports in one of four classes"""
    status, found = audit(TESTPMD)
    equal((status, found["can_move"], found["linked"]), (0, True, "shared"), "verdict")
    version = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=True).stdout
    check(found["dpdk"].startswith(".".join(version.split(".")[:2])), f"DPDK {found['dpdk']}, installed is {version}")
    equal(found["missing"], [], "libraries not found")
    check("net_ixgbe" in found["drivers"], f"drivers {found['drivers']}")
    listed = subprocess.run(["nm", "-D", "--undefined-only", TESTPMD], capture_output=True, text=True, check=True).stdout
    imported = set(re.findall(r"\b(rte_\w+)", listed))
    own = [one["name"] for way in found["symbols"].values() for one in way if one["by"] == TESTPMD]
    equal(sorted(own), sorted(imported), "symbols of testpmd itself, by nm")
    check({"rte_eal_init", "rte_eth_dev_configure"} <= names(found, "mapped"), "mapped")
    check({"rte_eth_dev_set_vlan_offload", "rte_pktmbuf_pool_create_extbuf"} <= names(found, "emulated"), "emulated")
    check({"rte_tm_node_add", "rte_pmd_i40e_get_vf_stats"} <= names(found, "not supported"), "not supported")
    check({"rte_eth_dev_start", "rte_ring_create"} <= names(found, "works as is"), "works as is")


def audit_in_words():
    """for a person: the verdict, the steps, and why a call is not supported"""
    status, text, _ = migrate("audit", TESTPMD)
    equal(status, 0, "exit status")
    check("\nVerdict: the shim moves it; calls above" in text, text)
    check(re.search(r"\n  1\. .*run --observe", text), text)
    check(re.search(r"rte_tm_node_add +librte_sched", text), text)
    check("rte_eth_dev_start" not in text, "what works is not listed")
    check("rte_eth_dev_start" in migrate("audit", "--all", TESTPMD)[1], "and is with --all")


def audit_other_programs():
    """no DPDK, a script, no file, another ABI: one clear verdict each, and never a yes"""
    status, found = audit("/bin/sh")
    equal((status, found["verdict"], found["symbols"]["mapped"]), (1, "it does not use DPDK", []), "/bin/sh")
    status, output, errors = migrate("audit", __file__)
    equal((status, output), (125, ""), "a script")
    check("no ELF file" in errors, errors)
    equal(migrate("audit", "/nowhere")[0], 125, "no such file")
    status, found = audit(str(BUILD / "tests/shim/other_eal_program"))
    equal((status, found["abi"], found["verdict"]), (1, "99", "no: its DPDK has another ABI than the shim"), "another ABI")
    status, _, errors = migrate("run", "--observe", "--", str(BUILD / "tests/shim/other_eal_program"))
    check(status == 125 and "another ABI" in errors, f"run of it: {status} {errors}")


def audit_static():
    """a static program: said to be static; with DPDK inside (by symbol, and stripped by its drivers) what to do instead"""
    with tempfile.TemporaryDirectory(prefix="zm_") as folder:
        status, found = audit(compiled(folder, "int main(void) { return 0; }\n", "-static"))
        equal((status, found["linked"], found["static_dpdk"], found["can_move"]), (1, "static", False, False), "plain")
        inside = """int rte_eal_init(int c, char** v) { return c + !v; }
                    const char info[] __attribute__((used)) = "PMD_INFO_STRING= {\\"name\\" : \\"net_made_up\\"}";
                    int main(int c, char** v) { return rte_eal_init(c, v); }\n"""
        for strip in ((), ("-s",)):
            program = compiled(folder, inside, "-static", *strip)
            status, found = audit(program)
            equal((status, found["static_dpdk"], found["drivers"]), (1, True, ["net_made_up"]), f"{strip}")
            check("shared DPDK libraries" in " ".join(found["steps"]), found["steps"])
            status, _, errors = migrate("run", "--observe", "--", program)
            equal(status, 125, "run refuses it")
            check("DPDK is linked statically" in errors, errors)


def audit_static_dpdk():
    """a program linked with libdpdk's own archives is recognised as static"""
    with tempfile.TemporaryDirectory(prefix="zm_") as folder:
        text = "#include <rte_eal.h>\nint main(int c, char** v) { return rte_eal_init(c, v) < 0; }\n"
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], capture_output=True, text=True, check=True)
        words = [word for word in flags.stdout.split() if not word.startswith("-l")]
        libraries = ["eal", "kvargs", "telemetry", "ring"]
        program = compiled(folder, text, *words, "-Wl,-Bstatic", "-Wl,--start-group",
                           *(f"-lrte_{name}" for name in libraries), "-Wl,--end-group", "-Wl,-Bdynamic",
                           "-lnuma", "-lm", "-lpthread", "-ldl", "-lbsd")
        status, found = audit(program)
        equal((status, found["static_dpdk"], found["can_move"]), (1, True, False), "verdict")
        check("linked statically" in found["verdict"], found["verdict"])


def audit_setuid():
    """a setuid copy: AT_SECURE for others than its owner, told with the way out; run refuses it"""
    if os.geteuid() != 0:
        raise Skip("needs root: a setuid copy of another user's")
    with tempfile.TemporaryDirectory(prefix="zm_") as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(TESTPMD, os.path.join(folder, "testpmd"))
        os.chown(copy, 65534, 65534)
        os.chmod(copy, 0o4755)
        status, found = audit(copy)
        equal((status, found["setuid"], found["can_move"]), (1, True, False), "for another user")
        check("AT_SECURE" in found["verdict"] and "chmod ug-s" in " ".join(found["steps"]), found)
        status, _, errors = migrate("run", "--observe", "--", copy, "--version")
        equal(status, 125, "run")
        check("AT_SECURE" in errors, errors)
        os.chmod(copy, 0o755)
        equal(audit(copy)[0], 0, "without the bit")


def audit_capabilities():
    """a copy with file capabilities: no for a user whom they raise, yes for root, whom they do not"""
    if os.geteuid() != 0:
        raise Skip("needs root: a file with capabilities")
    with tempfile.TemporaryDirectory(prefix="zm_") as folder:
        os.chmod(folder, 0o755)
        copy = shutil.copy(TESTPMD, os.path.join(folder, "testpmd"))
        # struct vfs_cap_data, revision 2, effective: CAP_NET_RAW (linux/capability.h), as setcap would write it
        try:
            os.setxattr(copy, "security.capability", struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))
        except OSError as error:
            raise Skip(f"no file capabilities here: {error}") from error
        tool = shutil.copy(MIGRATE, folder)
        user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", tool, "audit", "--json", copy)
        status, output, errors = run(user)
        found = json.loads(output or "{}")
        equal((status, found.get("file_capabilities"), found.get("can_move")), (1, True, False), f"nobody: {errors}")
        check("AT_SECURE" in found["verdict"] and "--ambient-caps" in " ".join(found["steps"]), found)
        status, found = audit(copy)
        equal((status, found["file_capabilities"], found["can_move"]), (0, True, True), "root")


def audit_vendor():
    """a program linked with vendors' drivers: they are named, and their calls are what the shim refuses"""
    for library, call in (("net_mlx5", "rte_pmd_mlx5_sync_flow"), ("net_i40e", "rte_pmd_i40e_ping_vfs")):
        text = f"int rte_eal_init(int, char**);\nint {call}(unsigned short, unsigned);\n" \
               f"int main(int c, char** v) {{ return rte_eal_init(c, v) + {call}(0, 0); }}\n"
        with tempfile.TemporaryDirectory(prefix="zm_") as folder:
            program = compiled(folder, text, f"-lrte_{library}", "-lrte_eal")
            status, found = audit(program)
            equal((status, found["can_move"]), (0, True), library)
            check(library in found["drivers"], f"{library} among {found['drivers']}")
            check(call in names(found, "not supported"), found["symbols"]["not supported"])
            check("calls above are not supported" in found["verdict"], found["verdict"])
            text = migrate("audit", program)[1]
            check(re.search(rf"Drivers that it is linked with\n.*{library}", text), text)


def tables_name_dpdk_symbols():
    """each call that the lists name is one that this DPDK's libraries export"""
    folder = subprocess.run(["pkg-config", "--variable=libdir", "libdpdk"], capture_output=True, text=True, check=True)
    libraries = [os.path.join(folder.stdout.strip(), name) for name in os.listdir(folder.stdout.strip())
                 if re.fullmatch(r"librte_\w+\.so", name)]
    listed = subprocess.run(["nm", "-D", "--defined-only", *libraries], capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" [TDBRW] (rte_\w+)@", listed))
    text = (SOURCE / "shim/audit.def").read_text(encoding="ascii")
    calls = set(re.findall(r"^CALL\((\w+),", text, re.MULTILINE))
    families = re.findall(r"^FAMILY\((\w+),", text, re.MULTILINE)
    check(len(calls) > 20 and len(families) > 10, "the list is read")
    equal(sorted(calls - exported), [], "calls that no library exports")
    equal([one for one in families if not any(name.startswith(one) for name in exported)], [], "families of nothing")


def run_keeps_the_program():
    """run: the program's own output and exit status, its arguments to the letter; what does not start is 126 or 127"""
    words = ["--", "[a,b]", "", "--map", "-h", "%%", "a b"]
    status, output, errors = migrate("run", "--observe", "--", "sh", "-c", 'printf "<%s>" "$@"; exit 3', "sh", *words)
    equal((status, output, errors), (3, "".join(f"<{word}>" for word in words), ""), "sh")
    equal(migrate("run", "--observe", "--", "sh", "-c", "kill -9 $$")[0], -9, "a signal is the program's end")
    equal(migrate("run", "--observe", "--", "/nowhere/program")[0], 127, "no such program")
    equal(migrate("run", "--observe", "--", "/")[0], 126, "no program")
    shown = migrate("run", "--no-state", "--map", f"{PCI}=eth0", "--", "env", LD_PRELOAD="")[1]
    check(f"ZCNBRH_MAP={PCI}=eth0\n" in shown and "libzcnbrh_shim.so" in shown, shown)


def run_refuses():
    """run: wrong maps, no program, both modes: 125 with the cause, and nothing was started"""
    for words, cause in [(["--map", "eth0"], "has no '='"), (["--map", "net_a=x", "--map", "net_a=y"], "mapped twice"),
                         ([], "nothing to do"), (["--config", "/nowhere"], "/nowhere"), (["--strict", "--lenient"], "excludes"),
                         (["--nonsense"], "nonsense")]:
        status, output, errors = migrate("run", *words, "--", "sh", "-c", "echo started")
        equal((status, output), (125, ""), f"{words}")
        check(cause in errors, f"{words}: {errors}")
    equal(migrate("run", "--observe")[0], 125, "without --")


def run_and_report_file():
    """run moves a port of a program that ends, and report shows its file: fate, calls, counters; in JSON as it is"""
    report = Report()
    command = appliance_command(["ports"], ["net_null0"])
    status, output, errors = migrate("run", "--map", "net_null0=loop", "--report", report.path, "--", *command)
    equal((status, output), (4, "port 0 net_null0 net_zcnbrh 0\n"), errors)
    status, text, errors = migrate("report", report.path)
    equal(status, 0, errors)
    check(re.search(r"net_null0 +loop +moved", text), text)
    check(re.search(r"rte_eth_dev_get_port_by_name +1", text), text)
    status, output, _ = migrate("report", "--json", report.path)
    equal(json.loads(output), report.read(), "JSON")
    equal(migrate("report", "/nowhere")[0], 125, "no file")
    equal(migrate("report", "4194304")[0], 125, "no process")
    report.close()


def live():
    """report of a running testpmd, from its network namespace and from outside: the moved port's counters"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True)
        r.forward("io")
        check_echo(r, count=200)
        pid = str(pmd.process.pid)
        for wrap in ((), ("unshare", "--net")):
            status, text, errors = migrate("report", pid, wrap=wrap)
            equal(status, 0, f"{wrap}: {errors}")
            check(re.search(rf"{PCI} +{r.apps[0]} +moved", text), text)
            check(re.search(r"rx_q0_packets +200\n", text), text)
        status, output, errors = migrate("report", "--json")
        equal((status, json.loads(output or "{}").get("pid")), (0, pmd.process.pid), f"the only one: {errors}")
        pmd.command("stop")
        r.quit()


if __name__ == "__main__":
    main([audit_testpmd, audit_in_words, audit_other_programs, audit_static, audit_static_dpdk, audit_setuid,
          audit_capabilities, audit_vendor, tables_name_dpdk_symbols, run_keeps_the_program, run_refuses, run_and_report_file, live])
