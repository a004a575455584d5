#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Where the packets' memory lies, by the kernel's own numbers (/proc/PID/numa_maps): on the NIC's NUMA node.

The UMEM is a second mapping of the pools' memory, so its pages are those of the huge page files that are mapped twice.
It holds all pools there are, so that each can be sent from: where a test looks at its pages there is one pool.
"""

import collections
import re

from lab_rig import check, equal, main, netlab, rig

WARNS = "is on NUMA node"


def pages_by_file(pid):
    """{file: (number of mappings, {node: pages})} of the process's memory in huge page files."""
    files = collections.defaultdict(lambda: [0, collections.Counter()])
    mappings = {}
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as file:
        for line in file:
            words = line.split()
            mappings[words[0].split("-")[0].lstrip("0")] = (words[3], words[4])  # device and inode
    with open(f"/proc/{pid}/numa_maps", encoding="ascii", errors="replace") as file:
        for line in file:
            if "kernelpagesize_kB=2048" not in line:
                continue
            known = files[mappings[line.split()[0].lstrip("0")]]
            known[0] += 1
            for node, count in re.findall(r"\bN(\d+)=(\d+)", line):
                known[1][int(node)] += int(count)
    return files


def umem_nodes(pid):
    """The nodes that hold pages of the UMEM."""
    doubled = [nodes for mapped, nodes in pages_by_file(pid).values() if mapped > 1]
    check(doubled, f"no huge page file is mapped twice: {dict(pages_by_file(pid))}")
    return sorted(set().union(*doubled))


def on_the_nics_node(end):
    def test():
        with netlab.Lab() as lab:
            r = rig.Rig.on(lab, [lab.both_ends()[end]])
            r.pool_options = ("--no-numa", f"--socket-num={end}")
            r.start()
            equal(umem_nodes(r.pmd.process.pid), [end], "nodes that hold the UMEM")
            check(WARNS not in r.pmd.start_text, f"a warning without cause: {r.pmd.start_text}")
            r.quit()
            r.pool_options = ()  # testpmd makes a pool on each node, and gives the port the one on its own
            r.start()
            sockets = re.findall(r"(?:Connect to|memory allocation on the) socket: (\d+)",
                                 r.pmd.command("show port info 0"))
            equal(sockets, [str(end)] * 2, "node of the port and of its memory, as testpmd has them")
            check(WARNS not in r.pmd.start_text, f"a warning without cause: {r.pmd.start_text}")
            r.quit()
    test.__doc__ = f"a NIC on node {end}: port, pool and UMEM are there, and no warning is given"
    return test


def pool_elsewhere():
    """a pool on the other node is told by pool, node and node"""
    with netlab.Lab() as lab:
        r = rig.Rig.on(lab, [lab.both_ends()[1]])
        r.start()  # pools on node 0, the NIC on node 1
        equal(umem_nodes(r.pmd.process.pid), [0], "nodes that hold the UMEM")
        check("mempool mb_pool_0 is on NUMA node 0, the NIC on node 1" in r.pmd.start_text,
              f"no warning: {r.pmd.start_text}")
        r.quit()


def core_elsewhere():
    """no core on the NIC's node is told, too"""
    with netlab.Lab() as lab:
        r = rig.Rig.on(lab, [lab.both_ends()[1]])
        r.start(cores=(0, 0))  # both lcores on the CPU of node 0
        check("no lcore of this program is on the NIC's NUMA node 1" in r.pmd.start_text,
              f"no warning: {r.pmd.start_text}")
        r.quit()


if __name__ == "__main__":
    main([on_the_nics_node(0), on_the_nics_node(1), pool_elsewhere, core_elsewhere])
