#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Shows stock dpdk-testpmd on net_zcnbrh with real kernel traffic, then the same work on net_af_xdp.

A veth pair is made in network namespaces that nobody else sees: testpmd has one end, the kernel's whole stack
the other. The kernel pings through testpmd, then an XDP packet source loads it, then testpmd sends. Without
AF_XDP or without privilege the driver's built-in loop backend stands in. The last line is `demo: OK ...` or
`demo: FAILED ...` (exit status 1).
"""

import argparse
import dataclasses
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/support/py"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import frames
import netlab
from testpmd import OTHER_CORE, Testpmd, device, end_on_signals, memory_options

APP_ADDRESS, PEER_ADDRESS = "10.1.0.1", "10.1.0.2"
FRAME_BYTES = 60
BAR_MPPS = 0.1  # one mark of a bar
LONGEST_BAR = 60


class DemoFailed(Exception):
    """The demo did not show what it should; the text says what."""


@dataclasses.dataclass
class Results:
    driver: str
    mode: str = ""
    ping_avg_us: float = 0.0
    ping_max_us: float = 0.0
    rx_mpps: float = 0.0
    rx_cycles: float = 0.0
    tx_mpps: float = 0.0
    tx_cycles: float = 0.0


def say(text=""):
    print(text, flush=True)


def driver_path():
    path = os.environ.get("ZCNBRH_PMD") or str(ROOT / "build/drivers/net/zcnbrh/librte_net_zcnbrh.so")
    if not os.path.exists(path):
        raise DemoFailed(f"{path} is not built; run `make build` and read Meson's summary")
    os.environ["ZCNBRH_PMD"] = path
    return path


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    dpdk = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=False)
    return (f"{os.cpu_count()} cores {model.group(1) if model else platform.machine()}, Linux {platform.release()}, "
            f"DPDK {dpdk.stdout.strip() or 'of unknown version'}")


def mode_in_force(pmd):
    """The driver's own words on how it runs, and why not better; None for a driver that has none."""
    found = re.search(r"port 0 queue 0[^:\n]*: (.*)", pmd.text)
    return found.group(1).strip() if found else None


def mode_token(mode):
    """copy+wakeup, zero-copy+busy_poll, ... out of the driver's sentence."""
    head = mode.split(";")[0]
    parts = ["zero-copy" if "zero-copy" in head else "loop" if "loop" in head else "copy"]
    parts += ["busy_poll"] if re.search(r"busy.?poll", head) else ["wakeup"] if "wakeup" in head else []
    parts += ["skb"] if re.search(r"\bSKB\b", head) else []
    return "+".join(parts)


def show_live(pmd, what, seconds, direction, bar_mpps=BAR_MPPS):
    """Rates second by second; returns their median, in million packets a second."""
    rates = []
    for second in range(seconds):
        rates.append(pmd.rates(1.0)[direction] / 1e6)
        bar = "#" * min(LONGEST_BAR, round(rates[-1] / bar_mpps))
        say(f"  {'' if second else what:<9} {rates[-1]:6.3f} Mpps  {bar}")
    return statistics.median(rates)


def cycles_of(stop_text):
    found = re.search(r"CPU cycles/packet=([\d.]+)", stop_text)
    return float(found.group(1)) if found else float("nan")


def show_ping(lab, pmd, results, count):
    pmd.commands("set fwd icmpecho", "start")
    netlab.ping(lab, APP_ADDRESS, 100)  # the first one has to resolve the address
    pings = netlab.ping(lab, APP_ADDRESS, count)
    pmd.command("stop")
    if not pings.sent or pings.received != pings.sent:
        raise DemoFailed(f"{pings.received} of {pings.sent} pings came back through {results.driver}: {pings.text}")
    results.ping_avg_us, results.ping_max_us = pings.avg_us, pings.max_us
    say(f"  icmpecho  the kernel's stack pings {APP_ADDRESS} through it: {pings.received} of {pings.sent} answered, "
        f"round trip {pings.min_us:.0f} / {pings.avg_us:.0f} / {pings.max_us:.0f} µs (least / average / longest)")


def show_receive(lab, pmd, results, peer, seconds):
    pmd.commands("set fwd rxonly", "start")
    source = lab.traffic(peer, OTHER_CORE, size=FRAME_BYTES)
    results.rx_mpps = show_live(pmd, "rxonly", seconds, 0)
    source.close()
    time.sleep(0.1)
    results.rx_cycles = cycles_of(pmd.command("stop"))
    missed = pmd.stats()["RX-missed"]
    say(f"  {'':<9} {results.rx_cycles:.0f} cycles a packet; {missed} packets beyond its speed, counted as missed")


def show_transmit(pmd, results, seconds):
    pmd.commands("set fwd txonly", f"set txpkts {FRAME_BYTES}", "start")
    results.tx_mpps = show_live(pmd, "txonly", seconds, 1)
    results.tx_cycles = cycles_of(pmd.command("stop"))
    say(f"  {'':<9} {results.tx_cycles:.0f} cycles a packet")


def show_driver(driver, seconds, pings):
    """One driver's turn on a fresh pair, from start to a clean end."""
    say(f"\n== {driver}")
    results = Results(driver)
    with netlab.Lab() as lab:
        app, peer = lab.veth(app_mac=frames.mac_text(frames.APP_MAC), peer_mac=frames.mac_text(frames.PEER_MAC))
        lab.peer_address(peer, PEER_ADDRESS + "/24")
        before = netlab.interface_flags(lab.link(app))
        with Testpmd([device(f"{driver}0", iface=app)]) as pmd:
            say(f"  command   {pmd.shown}")
            if 0 not in pmd.ports():
                raise DemoFailed(f"testpmd has no port on {driver}:\n{pmd.text}")
            results.mode = mode_in_force(pmd) or "not told by this driver"
            say(f"  mode      {results.mode}")
            pmd.command("set record-core-cycles on")
            show_ping(lab, pmd, results, pings)
            show_receive(lab, pmd, results, peer, seconds)
            show_transmit(pmd, results, seconds)
            status = pmd.quit()
        after = lab.link(app)
    if status:
        raise DemoFailed(f"testpmd on {driver} ended with status {status}")
    left = [] if netlab.xdp_of(after) is None else ["an XDP program"]
    left += [key for key, value in netlab.interface_flags(after).items() if value != before[key]]
    say(f"  end       left behind on the netdev: {', '.join(left) or 'nothing'}")
    if not results.rx_mpps or not results.tx_mpps:
        raise DemoFailed(f"{driver} moved no packets")
    return results


def show_table(rows):
    say("\n== side by side, the same work on the same machine in the same run (60-byte frames, median second)")
    say(f"  {'driver':<12} {'rxonly':>16} {'txonly':>18} {'ping through icmpecho':>27}")
    say(f"  {'':<12} {'Mpps':>7} {'cycles':>8} {'Mpps':>9} {'cycles':>8} {'average µs':>16} {'longest':>10}")
    for row in rows:
        say(f"  {row.driver:<12} {row.rx_mpps:>7.2f} {row.rx_cycles:>8.0f} {row.tx_mpps:>9.2f} {row.tx_cycles:>8.0f} "
            f"{row.ping_avg_us:>16.0f} {row.ping_max_us:>10.0f}")
    say("  One run on one machine; `make bench-quick` repeats it and gives medians.")


def show_kernel(arguments):
    say("    kernel's stack 10.1.0.2 -- peer0 ==== veth pair ==== app0 -- dpdk-testpmd 10.1.0.1")
    ours = show_driver("net_zcnbrh", arguments.seconds, arguments.pings)
    rival_mpps = "none"
    try:
        rival = show_driver("net_af_xdp", arguments.seconds, arguments.pings)
        show_table([ours, rival])
        rival_mpps = f"{rival.rx_mpps:.2f}"
    except (DemoFailed, OSError, RuntimeError, subprocess.SubprocessError) as error:  # no fault of ours
        say(f"  net_af_xdp cannot do it here: {error}")
    return f"rx_mpps={ours.rx_mpps:.2f} af_xdp_rx_mpps={rival_mpps} mode={mode_token(ours.mode)}"


def show_loop(why, arguments):
    say(f"  {why}: the driver's loop backend stands in. Frames sent come back on the same queue, through")
    say("  the same rings and burst code; no kernel takes part, so the rates say nothing about a network.")
    say("\n== net_zcnbrh, iface=loop")
    memory = memory_options() if not os.geteuid() else ["--no-huge", "-m", "512"]
    with Testpmd([device("net_zcnbrh0", iface="loop")], memory=memory) as pmd:
        say(f"  command   {pmd.shown}")
        if 0 not in pmd.ports():
            raise DemoFailed(f"testpmd has no port on the loop backend:\n{pmd.text}")
        say(f"  mode      {mode_in_force(pmd) or 'loop backend'}")
        pmd.commands("set record-core-cycles on", "set fwd io", "start tx_first 4")
        rx_mpps = show_live(pmd, "io", arguments.seconds, 0, 10 * BAR_MPPS)
        say(f"  {'':<9} {cycles_of(pmd.command('stop')):.0f} cycles a packet")
        status = pmd.quit()
    if status or not rx_mpps:
        raise DemoFailed(f"the loop backend moved {rx_mpps} Mpps; testpmd ended with status {status}")
    return f"rx_mpps={rx_mpps:.2f} af_xdp_rx_mpps=none mode=loop"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=5, help="length of each load (default 5)")
    parser.add_argument("--pings", type=int, default=5000, help="pings through each driver (default 5000)")
    parser.add_argument("--loop", action="store_true", help="show the loop backend even where AF_XDP works")
    arguments = parser.parse_args()
    end_on_signals()
    try:
        if not shutil.which("dpdk-testpmd"):
            raise DemoFailed("no dpdk-testpmd; run devtools/setup.sh as root")
        driver_path()
        say("Z-CNBRH: stock dpdk-testpmd on net_zcnbrh\n")
        say(f"  {machine()}")
        why = "asked for by --loop" if arguments.loop else netlab.why_no_namespaces() or netlab.why_no_af_xdp()
        summary = show_loop(why, arguments) if why else show_kernel(arguments)
    except (DemoFailed, OSError, RuntimeError, subprocess.SubprocessError) as error:
        # In one line for whoever reads only the last one; the details go before it.
        first, *details = str(error).splitlines() or [type(error).__name__]
        say("\n" + "\n".join(details))
        say(f"demo: FAILED {first}")
        return 1
    say(f"\ndemo: OK {summary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
