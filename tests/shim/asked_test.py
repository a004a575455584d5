#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What a program asks of a moved port: pools, offloads, queue sizes, vendor calls; and the report of it, live and at the
end."""

import contextlib
import json
import os
import re
import socket
import subprocess

from shim_rig import (BUILD, PCI, SHIM, Report, appliance, appliance_command, check, drivers, environment, equal, frames,
                      launch, main, rig, tap, testpmd)

MOVED = "net_null0=loop"
TWO = ("net_null0", "net_null1")
POOLS_MB = 32  # huge pages for each run below


def huge_memory(*more):
    """Without huge pages EAL's memory is in small pages, and DPDK lays pools out by them itself."""
    memory = testpmd.memory_options(POOLS_MB)
    if memory[0] != "--in-memory":
        raise tap.Skip("no huge pages")
    return (*memory, *more)


def pools():
    """pools made in any way get the page-safe layout and end as DPDK's ring; what names other ops keeps them"""
    memory = huge_memory()
    _, alone, _ = appliance(["pools"], memory=memory)
    check("pool_create: 2048 mbufs, ops ring_mp_mc, some cross a page" in alone, f"without the shim: {alone}")
    report = Report()
    status, output, errors = appliance(["pools"], memory=memory, **environment(MOVED, report=report.path))
    equal(status, 4, f"exit status ({errors})")
    safe = "2048 mbufs, ops ring_mp_mc, none crosses a page"
    equal(output, [f"pool_create: {safe}", f"pool_ops: {safe}", alone[2], f"pool_old: {safe}", alone[4]], "pools")
    check("stack" in alone[2], alone[2])
    found = {pool["name"]: (pool["call"], pool["ops"], pool["made"]) for pool in report.read()["pools"]}
    equal(found, {"pool_create": ("rte_pktmbuf_pool_create", "zcnbrh", True),
                  "pool_ops": ("rte_pktmbuf_pool_create_by_ops", "zcnbrh", True),
                  "pool_stack": ("rte_pktmbuf_pool_create_by_ops", "stack", True),
                  "pool_old": ("rte_mempool_create", "zcnbrh", True)}, "pools in the report")
    report.close()


def pools_stay():
    """observed, or with pool_ops=0, pools are made as the program asked"""
    memory = huge_memory()
    _, alone, _ = appliance(["pools"], memory=memory)
    for variables in (environment(MOVED, observe="1"), environment(MOVED + ",pool_ops=0"), environment("net_null7=loop")):
        _, output, errors = appliance(["pools"], memory=memory, **variables)
        equal(output, alone, f"pools with {variables} ({errors})")


def scarce_memory():
    """EAL has memory for the pool as DPDK lays it out, but not a page an mbuf: lenient makes it so, and says it"""
    for megabytes in range(6, 26, 2):
        memory = huge_memory("--socket-limit", str(megabytes))
        report = Report()
        _, output, errors = appliance(["pools"], memory=memory, **environment(MOVED, report=report.path))
        texts = report.texts() if os.path.exists(report.path) else []
        report.close()
        dense = "pool_create: 2048 mbufs, ops ring_mp_mc, some cross a page"
        if dense not in output:
            continue
        equal(output[0], dense, "the pool made")
        check(any("mempool pool_create: no memory for the page-safe layout" in text for text in texts), texts)
        check("no memory for the page-safe layout" in errors, errors)
        _, strict, _ = appliance(["pools"], memory=memory, **environment(MOVED, mode="strict"))
        equal(strict[0], "pool_create: Cannot allocate memory", "strict")
        return
    raise tap.Failed("no amount of memory met the case")


def everything_asked():
    """lenient: what the port lacks is left out, named aloud, and the port starts; the report has it by port and queue"""
    report = Report()
    status, output, errors = appliance(["everything"], TWO, **environment(MOVED, report=report.path))
    equal((status, output[0]), (4, "everything: Success"), f"status and output ({errors})")
    for name in ("TCP_LRO", "SECURITY", "MACSEC_STRIP", "TCP_TSO", "VXLAN_TNL_TSO", "rss_hf"):
        check(re.search(rf"net_null0 on loop does not have .* left out: .*\b{name}\b", errors), f"no warning of {name}")
    port = report.read()["ports"][0]
    equal((port["port"], port["device"], port["configured"]), (0, "net_null0", 1), "port")
    equal(sorted(port["rx_offloads"]["missing"]), ["MACSEC_STRIP", "SECURITY", "TCP_LRO"], "RX offloads missing")
    equal(sorted(port["rx_offloads"]["emulated"]), ["IPV4_CKSUM", "TCP_CKSUM", "UDP_CKSUM", "VLAN_STRIP"],
          "RX offloads emulated")
    equal(sorted(port["tx_offloads"]["missing"]), ["SECURITY", "TCP_TSO", "VXLAN_TNL_TSO"], "TX offloads missing")
    equal(sorted(port["tx_offloads"]["emulated"]), ["IPV4_CKSUM", "UDP_CKSUM"], "TX offloads emulated")
    left = sum(1 << bit for bit in (0, 1, 2, 3))  # VLAN strip, IPv4, UDP and TCP checksums
    equal(output[1], f"left: rx 0x{left:x} tx 0x6", "offloads in force")
    queue = port["rx_queue"][0]
    equal((queue["setups"], queue["descriptors"], queue["descriptors_given"], queue["pool"]), (1, 32769, 32768, "asked"),
          "RX queue 0")
    check("32769 asked for, 32768 to be had" in errors, errors)
    equal(port["calls"]["rte_eth_dev_set_eeprom"], {"calls": 1, "failed": 1}, "a call that failed")
    report.close()


def everything_refused():
    """strict: what the port lacks is an error of rte_eth_dev_configure()"""
    _, output, errors = appliance(["everything"], TWO, **environment(MOVED, mode="strict"))
    equal(output[0], "everything: Operation not supported", "result")
    check("ZCNBRH_MODE=strict: TCP_LRO" in errors, errors)


def everything_observed():
    """observed: ethdev's own answer, and what was asked is in the report"""
    _, alone, _ = appliance(["everything"], TWO)
    report = Report()
    _, output, _ = appliance(["everything"], TWO, **environment("", observe="1", report=report.path))
    equal(output, alone, "output")
    port = report.read()["ports"][0]
    check("TCP_LRO" in port["rx_offloads"]["asked"], port["rx_offloads"])
    equal((port["moved"], port["calls"]["rte_eth_dev_configure"]), (False, {"calls": 1, "failed": 1}), "port 0")
    report.close()


OFF = "rx {} tx 0 pvid 0 loopback 0 dcb 0 speeds 0 rxq 0"
# What the appliance asks for, the name that the shim has for it, and rxmode.mq_mode in force: RSS stays.
MODES = [("nothing", "", 0), ("rss", "", 1), ("rx dcb", "DCB on receive", 1), ("rx vmdq", "VMDq on receive", 0),
         ("tx dcb", "DCB or VMDq on send", 0), ("tx pvid", "the port's VLAN on send", 0), ("loopback", "loopback", 0),
         ("pfc", "priority flow control", 0), ("speed", "a link speed of its own", 0),
         ("rx interrupts", "RX interrupts", 0)]


def modes_asked():
    """lenient: DCB, VMDq, loopback, speeds and interrupts that the port lacks are left out, each named, and it starts"""
    report = Report()
    _, output, errors = appliance(["modes"], TWO, **environment(MOVED, report=report.path))
    equal(output, [f"{asked}: Success; {OFF.format(receive)}" for asked, _, receive in MODES], f"output ({errors})")
    texts = report.texts()
    for _, name, _ in MODES[2:]:
        check(any(f"net_null0 on loop does not have modes of the port; they are left out: {name} (" in text
                  for text in texts), f"no warning of {name}: {texts}")
    equal(len([text for text in texts if "modes of the port" in text]), len(MODES) - 2, "warnings")
    equal(report.read()["ports"][0]["modes_missing"], ["RX interrupts (intr_conf.rxq)"], "the last configuration's")
    report.close()


def modes_refused():
    """strict: each of them is an error of rte_eth_dev_configure(), what the port has is none; observed, nothing changes"""
    _, output, errors = appliance(["modes"], TWO, **environment(MOVED, mode="strict"))
    found = {line.partition(":")[0]: line.partition(": ")[2].partition(";")[0] for line in output}
    equal(found, {asked: "Operation not supported" if name else "Success" for asked, name, _ in MODES},
          f"results ({errors})")
    _, alone, _ = appliance(["modes"], TWO)
    _, output, _ = appliance(["modes"], TWO, **environment("", observe="1"))
    equal(output, alone, "output when observed")


def vendor_calls():
    """a program linked to vendors' libraries: calls on a moved port are -ENOTSUP; without a port, theirs; all counted"""
    _, alone, _ = appliance(["vendor"], TWO)
    if not alone:
        raise tap.Skip("no librte_net_ixgbe and librte_net_i40e to link the test program to")
    report = Report()
    _, output, errors = appliance(["vendor"], TWO, **environment(MOVED, report=report.path))
    equal(output, [*alone, "other vendor's call: Operation not supported",
                   "another without a port: Operation not supported"], f"output ({errors})")
    found = report.read()["calls"]
    equal((found.get("rte_pmd_ixgbe_ping_vf"), found.get("rte_pmd_bnxt_reset_vf_stats")), (2, 1), "calls counted")
    equal((found.get("rte_pmd_i40e_get_ddp_info"), found.get("rte_pmd_mlx5_get_dyn_flag_names")), (1, 1),
          "calls without a port counted")
    report.close()


def every_vendor_call():
    """each function that a NIC driver of this DPDK exports as rte_pmd_* is one that the shim stands before"""
    folder = subprocess.run(["pkg-config", "--variable=libdir", "libdpdk"], capture_output=True, text=True, check=True)
    libraries = [os.path.join(folder.stdout.strip(), name) for name in os.listdir(folder.stdout.strip())
                 if re.fullmatch(r"librte_net_(?!zcnbrh)\w+\.so", name)]
    listed = subprocess.run(["nm", "-D", "--defined-only", *libraries], capture_output=True, text=True, check=True).stdout
    exported = set(re.findall(r" T (rte_pmd_\w+)@", listed))
    shim = subprocess.run(["nm", "-D", "--defined-only", SHIM], capture_output=True, text=True, check=True).stdout
    check(len(exported) > 50, f"{len(exported)} calls found")
    equal(sorted(exported - {line.split()[-1] for line in shim.splitlines()}), [], "calls that go past the shim")


def bursts_at_any_speed():
    """bursts of a program go round through a moved port, all of them by address; the last counters are in the report"""
    report = Report()
    _, output, errors = appliance(["bursts"], **environment(MOVED, report=report.path))
    equal(output, ["bursts: 32 sent, they go round", "32 intact, 0 in the program's buffers"], f"output ({errors})")
    port = report.read()["ports"][0]
    moved = int(re.search(r"moved (\d+)", errors).group(1))
    check(port["xstats"]["rx_q0_packets"] >= moved, port["xstats"])
    for name in ("tx_q0_bounce_copies", "rx_q0_copied"):
        equal(port["xstats"].get(name, 0), 0, name)
    device = report.read()["devices"][0]
    equal((device["fate"], device["port"], device["open"]), ("moved", 0, False), "device")
    report.close()


def external_buffers():
    """a pool over the program's own memory (rte_pktmbuf_pool_create_extbuf): packets go round, unchanged, by copies"""
    report = Report()
    _, output, errors = appliance(["extbuf"], **environment(MOVED, report=report.path))
    equal(output, ["bursts: 32 sent, they go round", "32 intact, 32 in the program's buffers"], f"output ({errors})")
    moved = int(re.search(r"moved (\d+)", errors).group(1))
    found = report.read()
    equal([(pool["call"], pool["ops"], pool["made"]) for pool in found["pools"]],
          [("rte_pktmbuf_pool_create_extbuf", "the program's buffers", True)], "pools in the report")
    for name in ("tx_q0_bounce_copies", "rx_q0_copied"):
        check(found["ports"][0]["xstats"].get(name, 0) >= moved, f"{name}: {found['ports'][0]['xstats']}")
    report.close()


def nodes():
    """a pool for any NUMA node goes to the node of the moved ports, if they agree; one for a node stays there"""
    behind = str(BUILD / "tests/shim/libfake_nodes.so")
    both = "net_null0=loop,net_null1=loop"
    for maps, places, node in ((MOVED, "0,1", 0), (both, "0,0", 0), (both, "0,1", -1), (both, "-1,0", -1),
                               ("net_null1=loop", "0,3", 3), (both, "3,3", 3)):
        report = Report()
        variables = environment(maps, report=report.path)
        variables["LD_PRELOAD"] += " " + behind
        appliance(["pools"], TWO, FAKE_NODES=places, **variables)
        found = {pool["name"]: pool["node"] for pool in report.read()["pools"]}
        equal(found, dict.fromkeys(("pool_create", "pool_ops", "pool_stack", "pool_old"), node), f"{maps} on {places}")
        appliance(["bursts"], TWO, FAKE_NODES="3,3", **variables)
        equal([pool["node"] for pool in report.read()["pools"]], [0], "the pool for node 0")
        report.close()


def ask(pid):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(f"\0zcnbrh-shim/{pid}")
        data = b""
        while part := peer.recv(65536):
            data += part
    return json.loads(data)


@contextlib.contextmanager
def waiting_appliance(words, **variables):
    process = subprocess.Popen(appliance_command([*words, "wait"], TWO), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env={**os.environ, **variables})
    try:
        while process.stdout.readline() != b"waiting\n":
            check(process.poll() is None, "the program ended")
        yield process
        process.stdin.write(b"\n")
        process.stdin.close()
        equal(process.wait(20), 4, "exit status")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def live_report():
    """the report of a running process over its UNIX socket: root and the process's user may ask, nobody else"""
    with waiting_appliance(["ports"], **environment(MOVED)) as process:
        found = ask(process.pid)
        equal((found["pid"], found["devices"][0]["fate"]), (process.pid, "moved"), "report")
        equal(found["calls"]["rte_eth_dev_get_port_by_name"], 2, "calls")
        silent = socket.socket(socket.AF_UNIX)  # connects and does not read: nobody waits for it
        silent.connect(f"\0zcnbrh-shim/{process.pid}")
        equal(ask(process.pid)["pid"], process.pid, "second report")
        silent.close()
        stranger = os.fork()
        if not stranger:
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(f"\0zcnbrh-shim/{process.pid}")
                os._exit(0 if peer.recv(10) == b"" else 1)
        equal(os.waitpid(stranger, 0)[1], 0, "a stranger's answer")
    with waiting_appliance(["ports"], LD_PRELOAD=SHIM) as process:
        try:
            ask(process.pid)
        except ConnectionRefusedError:
            return
        raise tap.Failed("there is a report of a process where nothing is asked of the shim")


def live_testpmd():
    """testpmd forwards while it is asked: the queue's counters grow"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True)
        r.forward("io")
        sent = [frames.numbered_frame(number, 100) for number in range(200)]
        equal(r.peer().exchange(sent), sent, "frames")
        found = ask(pmd.process.pid)["ports"][0]
        equal((found["xstats"]["rx_q0_packets"], found["xstats"]["tx_q0_packets"]), (200, 200), "counters")
        equal(drivers(pmd), {0: (PCI, "net_zcnbrh")}, "ports")
        pmd.command("stop")
        r.quit()


if __name__ == "__main__":
    main([pools, pools_stay, scarce_memory, everything_asked, everything_refused, everything_observed, modes_asked, modes_refused,
          vendor_calls, every_vendor_call,
          bursts_at_any_speed, external_buffers, nodes, live_report, live_testpmd])
