#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""EAL's kinds of memory and testpmd's kinds of mempools: traffic both ways with every byte checked, in place
where that can be, else by copies that are said and counted. And what goes wrong with memory.

net_af_xdp with the last rows: `dpdk-testpmd --no-pci --vdev=net_af_xdp0,iface=X -- -i --mp-alloc=xmem` runs;
with --mbuf-size=2048,4096 on two ports it copies every forwarded packet and does not say so.
"""

from rig import Skip, attempt, check, device, equal, frames, main, rig, testpmd

NO_HUGE = ["--no-huge", "-m", "512"]
COUNT = 600


def copies_of(r, key):
    return sum(value for name, value in r.pmd.xstats().items() if name.endswith(key))


def works(what, in_place=True, copied=False, needs_huge=False, **options):
    """A row: EAL and application options. `copied`: reception is by copy, and says so."""
    def test():
        if needs_huge and not testpmd.HugePages.available(256):
            raise Skip("no huge pages to be had")
        with rig(**options) as r:
            if copied:
                check("packets are copied into mempool" in r.pmd.text, "the copies are not announced")
            r.forward("io")
            sent = [frames.numbered_frame(number, 60 + number % 1400) for number in range(COUNT)]
            found = r.peer().exchange(sent)
            equal(len(found), COUNT, "frames that came back")
            for number, (back, there) in enumerate(zip(found, sent)):
                equal(back.hex(), there.hex(), f"frame {number}")
            r.pmd.command("stop")
            equal(copies_of(r, "bounce_copies"), 0 if in_place else COUNT, "bounce copies")
            equal(copies_of(r, "rx_q0_copied"), COUNT if copied else 0, "packets received by copy")
    test.__doc__ = what + ": every byte both ways, " + ("in place" if in_place and not copied else "by copy")
    return test


def two_pools_two_ports():
    """two ports beside pools of two sizes: what one receives goes out at the other by address"""
    with rig(pairs=2, app=["--mbuf-size=2048,2560"], mbufs=4096) as r:
        r.forward("io")
        sent = [frames.numbered_frame(number, 60 + number % 1400) for number in range(COUNT)]
        other = r.peer(1)
        for frame in sent:
            r.peer(0).send(frame)
        found = other.receive(COUNT, 2)
        equal([frame.hex() for frame in found], [frame.hex() for frame in sent], "frames forwarded")
        r.pmd.command("stop")
        equal(sum(r.pmd.xstats(port)["tx_q0_bounce_copies"] for port in (0, 1)), 0, "bounce copies")


def memlock():
    """over the locked-memory limit: the message names it, and how to get out of it"""
    with rig(start=False) as r:
        lower = ["prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock"]
        text, _, _ = attempt(r.lab, [device("net_zcnbrh0", iface=r.apps[0])], memory=NO_HUGE, become=lower)
        check("Fail to" in text, "the port started over the limit")
        check("locked-memory limit" in text and "ulimit -l" in text and "CAP_IPC_LOCK" in text,
              "the limit is not named")


main([
    works("--no-huge", memory=NO_HUGE),
    works("--legacy-mem on huge pages", memory=["--legacy-mem", "-m", "256"], needs_huge=True),
    works("--in-memory", memory=["--in-memory"], needs_huge=True),
    works("--single-file-segments", memory=["--in-memory", "--single-file-segments"], needs_huge=True),
    works("--iova-mode=va", memory=["--in-memory"], eal=["--iova-mode=va"], needs_huge=True),
    works("--mp-alloc=native, huge pages", memory=["--in-memory"], app=["--mp-alloc=native"], needs_huge=True),
    works("--mp-alloc=anon", app=["--mp-alloc=anon"], memory=NO_HUGE),
    works("--mp-alloc=anon beside huge pages", app=["--mp-alloc=anon"]),
    works("--mp-alloc=xmem", app=["--mp-alloc=xmem"]),
    works("--mp-alloc=xmemhuge", app=["--mp-alloc=xmemhuge"], needs_huge=True),
    works("--mp-alloc=xmem, --no-huge", app=["--mp-alloc=xmem"], memory=NO_HUGE),
    works("--mp-alloc=xbuf", app=["--mp-alloc=xbuf"], in_place=False, copied=True),
    two_pools_two_ports,
    memlock,
])
