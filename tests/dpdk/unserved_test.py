#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Receive queues of the netdev that no port serves are told, with the commands that mend it. net_af_xdp says nothing:
`dpdk-testpmd --vdev=net_af_xdp0,iface=X` on a netdev with two queues receives half the flows."""

from rig import DRIVER, check, device, equal, main, rig

SAID = "go to the kernel's stack, no port here serves those"


def two_of_four():
    """two queues of four: the other two are named at each start, and what makes the port get all packets"""
    with rig(queues=4, keys={"start_queue": 1, "queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r:
        name = r.apps[0]
        check(f"packets that {name} puts into its receive queues 0, 3 {SAID}" in r.pmd.text, r.pmd.text)
        for cure in (f"ethtool -L {name} combined 2", f"ethtool -X {name} start 1 equal 2", "queue_count="):
            check(cure in r.pmd.text, f"{cure} is not told")
        r.pmd.commands("port stop 0", "port start 0")
        equal(r.pmd.text.count(SAID), 2, "times told")


def fewer_than_claimed():
    """an application that sets up fewer queues than the port has: the others count as nobody's"""
    with rig(queues=2, keys={"queue_count": 2}, app=["--rxq=1", "--txq=1"]) as r:
        check(f"receive queues 1 {SAID}" in r.pmd.text, r.pmd.text)


def all_served():
    """all queues served, by one port or by two on one netdev, or only one there: nothing is said"""
    with rig() as r:
        equal(r.pmd.text.count(SAID), 0, "times told with one queue")
    with rig(queues=2, keys={"queue_count": 2}, app=["--rxq=2", "--txq=2"]) as r:
        equal(r.pmd.text.count(SAID), 0, "times told with one port")
    with rig(queues=2, start=False) as r:
        r.pmd = r.launch([device(f"{DRIVER}{n}", iface=r.apps[0], start_queue=n) for n in (0, 1)])
        equal(r.pmd.text.count(SAID), 0, "times told with two ports")


if __name__ == "__main__":
    main([two_of_four, fewer_than_claimed, all_served])
