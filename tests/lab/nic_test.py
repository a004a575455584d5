#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""What only a NIC has: RSS tables, firmware version, EEPROM, link speed. Each against ethtool's own word, and against
where the packets really go."""

import re

from lab_rig import IGB, Skip, check, equal, main, netlab, numbered_flows, on_veth, program, rig

veth = on_veth("queues_test")
QUEUES = 2


def two_queues():
    return rig.rig(queues=QUEUES, keys={"queue_count": QUEUES},
                   app=[f"--rxq={QUEUES}", f"--txq={QUEUES}", "--rxd=512", "--txd=512"])


def kernels_table(netdev):
    """ethtool's RSS table, a queue an entry."""
    rows = re.findall(r"^\s*\d+:((?:\s+\d+)+)$", netlab.run("ethtool", "-x", netdev), re.MULTILINE)
    return [int(word) for row in rows for word in row.split()]


def ports_table(pmd, size):
    masks = ",".join(["0xffffffffffffffff"] * ((size + 63) // 64))
    shown = pmd.command(f"show port 0 rss reta {size} ({masks})")
    return [int(queue) for queue in re.findall(r"hash index=\d+, queue=(\d+)", shown)]


class DefaultTable:
    """Gives a netdev its default table back."""

    def __init__(self, netdev):
        self._netdev = netdev

    def close(self):
        netlab.run("ethtool", "-X", self._netdev, "default", check=False)


def reta_moves_packets():
    """the RSS table read and written: the kernel has it, and the packets follow it"""
    with two_queues() as r:
        r.lab.keep(DefaultTable(r.apps[0]))
        size = len(kernels_table(r.apps[0]))
        equal(ports_table(r.pmd, size), kernels_table(r.apps[0]), "RSS table by the port and by ethtool")
        for queue in (1, 0):
            for at in range(0, size, 12):  # testpmd takes 128 characters of them
                entries = ",".join(f"({entry},{queue})" for entry in range(at, min(size, at + 12)))
                r.pmd.command(f"port config 0 rss reta {entries}")
            equal(set(kernels_table(r.apps[0])), {queue}, "queues in ethtool's table")
            before = veth.per_queue(r, "packets")[:QUEUES]
            r.forward("io")
            sent = numbered_flows(200)
            equal(sorted(r.peer().exchange(sent, window=32)), sorted(sent), "frames that came back")
            r.pmd.command("stop")
            came = [new - old for new, old in zip(veth.per_queue(r, "packets"), before)]
            equal(came, [len(sent) if number == queue else 0 for number in range(QUEUES)], "packets by queue")


def kernels_key(netdev):
    """ethtool's RSS key as hexadecimal digits."""
    found = re.search(r"^((?:[0-9a-f]{2}:){15,}[0-9a-f]{2})$", netlab.run("ethtool", "-x", netdev), re.MULTILINE)
    check(found, "ethtool shows no RSS key")
    return found.group(1).replace(":", "")


def ports_key(pmd):
    return re.search(r"RSS key:\s*([0-9A-Fa-f]+)", pmd.command("show port 0 rss-hash key")).group(1).lower()


def key_is_the_nics():
    """the RSS key read and written: it is the one that ethtool shows, and packets still come by every queue"""
    with two_queues() as r:
        before = kernels_key(r.apps[0])
        equal(ports_key(r.pmd), before, "RSS key by the port and by ethtool")
        wanted = bytes((7 * at + 1) & 0xFF for at in range(len(before) // 2)).hex()
        r.pmd.command(f"port config 0 rss-hash-key ipv4 {wanted}")
        equal((kernels_key(r.apps[0]), ports_key(r.pmd)), (wanted, wanted), "RSS key, written, by ethtool and by the port")
        r.forward("io")
        sent = numbered_flows(200)
        equal(sorted(r.peer().exchange(sent, window=32)), sorted(sent), "frames that came back")
        r.pmd.command("stop")
        came = veth.per_queue(r, "packets")[:QUEUES]
        check(all(came), f"packets by queue: {came}")
        r.pmd.command(f"port config 0 rss-hash-key ipv4 {before}")
        equal(kernels_key(r.apps[0]), before, "RSS key, put back")


def who_it_is():
    """firmware version, link speed and EEPROM are those that ethtool shows"""
    with rig.rig() as r:
        about = dict(re.findall(r"^([\w-]+): *(.*)$", netlab.run("ethtool", "-i", r.apps[0]), re.MULTILINE))
        info = r.pmd.info()
        if about["firmware-version"]:
            check(about["firmware-version"] in info.get("Firmware-version", ""), f"firmware version: {info}")
        speed = re.search(r"Speed: (\d+)Mb/s", netlab.run("ethtool", r.apps[0]))
        if speed:
            equal(info["Link speed"], f"{int(speed.group(1)) // 1000} Gbps", "link speed")
        if about["supports-eeprom-access"] != "yes":
            raise Skip("this NIC has no EEPROM to read")
        raw = netlab.run("ethtool", "-e", r.apps[0], "length", 16)
        wanted = re.search(r"0x0000:\s+((?:[0-9a-f]{2} ?)+)", raw).group(1).split()
        shown = r.pmd.command("show port 0 eeprom")
        found = re.search(r"^0+: ((?:[0-9A-F]{2} ?)+)", shown, re.MULTILINE)
        check(found, f"testpmd shows {shown[:300]}")
        equal(found.group(1).lower().split()[:16], wanted, "first bytes of the EEPROM")


def by_ethdev():
    """EEPROM, registers, pause frames, LED and PTP clock by ethdev's calls are those of ethtool (nic.cc)"""
    with netlab.Lab() as lab:
        program(lab, "NicEnds.*")


if __name__ == "__main__":
    # igb's driver takes no key.
    main([reta_moves_packets] + ([who_it_is, by_ethdev] if IGB else [key_is_the_nics]))
