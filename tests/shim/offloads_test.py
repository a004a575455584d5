#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""An unmodified testpmd that asks its PCI port for every offload that DPDK has a bit for: what the moved port lacks is
left out by name, and what is done in its place is compared, byte by byte, with what the kernel sends and receives."""

import re

from shim_rig import PCI, Report, check, drivers, equal, frames, launch, main, rig
from csum_test import SIZES, spoiled, tag_of, tagged_receiver, tcp, udp  # shim_rig has made its folder known

RX_BITS, TX_BITS = (1 << 21) - 1, (1 << 22) - 1  # rte_ethdev.h of 22.11
EVERYTHING = [f"--rx-offloads={RX_BITS:#x}", f"--tx-offloads={TX_BITS:#x}", "--rxq=2", "--txq=2", "--rss-udp"]


def words_of(shown):
    """What `show port 0 rx_offload capabilities` or `configuration` names, of the port and not of testpmd's queues."""
    return set(" ".join(re.findall(r"^  (?:Port|Per Port|Per Queue) *:(.*)", shown, re.MULTILINE)).split())


def launched(r, **more):
    return launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True, app=EVERYTHING, **more)


def left_out():
    """everything asked for: the port runs with exactly what it has, and the rest is named in the log and in the report"""
    with rig(queues=2, start=False) as r:
        report = r.lab.keep(Report())
        pmd = launched(r, report=report)
        equal(drivers(pmd), {0: (PCI, "net_zcnbrh")}, "ports")
        has, on = {}, {}
        for way in ("rx", "tx"):
            has[way] = words_of(pmd.command(f"show port 0 {way}_offload capabilities"))
            on[way] = words_of(pmd.command(f"show port 0 {way}_offload configuration"))
            equal(on[way], has[way], f"{way} offloads in force, and on offer")
        text = pmd.text
        r.quit()
        found = report.read()["ports"][0]
        for way, bits in (("rx", RX_BITS), ("tx", TX_BITS)):
            told = {key: set(names) for key, names in found[f"{way}_offloads"].items()}
            equal(len(told["asked"]), bin(bits).count("1"), f"{way} offloads asked for")
            equal(told["asked"] - told["missing"], on[way], f"{way} offloads that were not left out")
            check(told["missing"] and told["emulated"] <= on[way], f"report: {told}")
            for name in told["missing"]:
                check(re.search(rf"does not have {way.upper()} offloads; they are left out: .*\b{name}\b", text),
                      f"no warning of {name}")
        check({"IPV4_CKSUM", "UDP_CKSUM", "TCP_CKSUM", "VLAN_STRIP", "QINQ_STRIP", "RSS_HASH"} <=
              set(found["rx_offloads"]["emulated"]), found["rx_offloads"]["emulated"])
        check({"IPV4_CKSUM", "UDP_CKSUM", "TCP_CKSUM", "VLAN_INSERT", "QINQ_INSERT", "MULTI_SEGS"} <=
              set(found["tx_offloads"]["emulated"]), found["tx_offloads"]["emulated"])
        check({"TCP_LRO", "SECURITY"} <= set(found["rx_offloads"]["missing"]), found["rx_offloads"]["missing"])


def strict():
    """the same, strict: the port is refused, every missing offload named, and testpmd says so in its own way"""
    with rig(queues=2, start=False) as r:
        pmd = launched(r, mode="strict")
        said = re.search(r"does not have RX offloads, and ZCNBRH_MODE=strict: (.*)", pmd.text)
        check(said and {"TCP_LRO", "SECURITY"} <= set(said.group(1).replace(",", "").split()), pmd.text)
        check("Fail to configure port 0" in pmd.text, pmd.text)
        r.quit()


def checksums():
    """wrong checksums in, right ones out, of whole mbufs and of chains that end within headers; bad ones are counted"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True, app=[*EVERYTHING[:2]])
        pmd.commands("port stop all", *(f"csum set {what} hw 0" for what in ("ip", "udp", "tcp")), "port start all")
        right = [make(size) for size in SIZES for make in (udp, tcp)]
        wrong = [spoiled(spoiled(frame, 24), 40 if frame[23] == frames.UDP else 50) for frame in right]
        for split in ("off", "on"):
            pmd.commands("set txpkts 40,17,64", f"set txsplit {split}")
            r.forward("csum")
            found = r.peer().exchange(wrong * 8)
            text = pmd.command("stop")
            # Addresses are testpmd's to write.
            equal([frame[12:].hex() for frame in found], [frame[12:].hex() for frame in right * 8], f"split {split}")
            counts = {name: int(re.search(rf"Bad-{name}:\s*(\d+)", text).group(1)) for name in ("ipcsum", "l4csum")}
            equal(counts, {"ipcsum": 8 * len(wrong), "l4csum": 8 * len(wrong)}, "packets counted as bad")
        r.quit()


def tags():
    """one tag and two are put in by the port, and taken off: as the kernel sees them, and as testpmd does"""
    with rig(start=False) as r:
        pmd = launch(r, [], f"{PCI}={r.apps[0]}", eal=["-a", PCI], pci=True, app=[*EVERYTHING[:2]])
        # With two tags the kernel takes the outer one off and tells it beside the data.
        for command, outer, inner in (("tx_vlan set 0 1234", 1234, b""), ("tx_vlan set 0 200 100", 100, b"\x81\0\0\xc8")):
            pmd.commands("port stop all", "tx_vlan reset 0", command, "port start all")
            with tagged_receiver(r) as raw:
                r.forward("mac")
                r.peer().send(udp(200))
                tag, data = tag_of(raw)
                pmd.command("stop")
                equal((tag, data[12:]), (outer, inner + udp(200)[12:]), command)
        pmd.commands("port stop all", "tx_vlan reset 0", "port start all", "set verbose 1", "set fwd rxonly")
        tagged = udp(100)[:12] + b"\x81\x00\x04\xd2" + udp(100)[12:]
        # The filter is one of all the offloads: nothing tagged comes in before its number is let in.
        for command, counted in (("rx_vlan rm 1234 0", 1), ("rx_vlan add 1234 0", 2)):
            pmd.commands("clear port stats all", command, "start")
            for frame in (tagged, udp(200)):
                r.peer().send(frame)
            pmd.wait_for("length=200 ")
            shown = pmd.command("stop")
            equal(int(re.search(r"RX-packets: (\d+)", shown).group(1)), counted, f"packets received after {command}")
        shown = pmd.text[pmd.text.rindex("length=100 "):]
        check(re.match(r"length=100 .*VLAN tci=0x4d2", shown) and "VLAN_STRIPPED" in shown and "L4_CKSUM_GOOD" in shown,
              shown)
        r.quit()


def toeplitz(key, data):
    """The RSS hash, bit by bit, as Microsoft's description of it goes."""
    window, out = int.from_bytes(key, "big"), 0
    bits = len(key) * 8
    for number in range(len(data) * 8):
        if data[number // 8] >> (7 - number % 8) & 1:
            out ^= window >> (bits - 32 - number) & 0xFFFFFFFF
    return out


def hashes():
    """the RSS hash of UDP packets, of the port's own key and then of one that testpmd sets: by the book"""
    with rig(queues=2, start=False) as r:
        pmd = launched(r)
        pmd.commands("set verbose 1", "set fwd rxonly", "start")
        other = bytes((7 * number + 1) & 0xFF for number in range(40))
        for key in (None, other):
            if key is not None:
                pmd.command(f"port config 0 rss-hash-key ipv4-udp {key.hex()}")
            shown = pmd.command("show port 0 rss-hash key")
            in_force = bytes.fromhex(re.search(r"RSS key:\s*([0-9A-F]+)", shown).group(1))
            equal(in_force, key or in_force, "key in force")
            sent = {100 + number: frames.ethernet(frames.udp_packet(bytes(58 + number), (number * 257, 9 + number),
                                                                    (f"10.{number}.0.2", f"10.9.{number}.1")))
                    for number in range(12)}
            for frame in sent.values():
                r.peer().send(frame)
            expected = {size: toeplitz(in_force, frame[26:38]) for size, frame in sent.items()}
            found = {}
            while len(found) < len(sent):
                one = pmd.wait_for(r"length=(\d+) - nb_segs=1 - RSS hash=0x([0-9a-f]+)", regex=True)
                size, value = re.findall(r"length=(\d+) - nb_segs=1 - RSS hash=0x([0-9a-f]+)", one)[-1]
                found[int(size)] = int(value, 16)
            equal(found, expected, "hashes by length of packet")
        pmd.command("stop")
        r.quit()


if __name__ == "__main__":
    main([left_out, strict, checksums, tags, hashes])
