# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The guest's NICs, told apart by their MAC addresses: pairs that are wired back to back, one end on each NUMA node."""

import dataclasses

PAIR_KINDS = ("virtio", "igb", "plain", "queues")
QUEUES = 2  # of each NIC of the pair `queues`


@dataclasses.dataclass(frozen=True)
class Nic:
    pair: str
    end: int  # 0 or 1, also its NUMA node
    driver: str

    @property
    def number(self):
        return 2 * PAIR_KINDS.index(self.pair) + self.end

    @property
    def mac(self):
        return f"52:54:00:5a:43:{self.number:02x}"


def pair(kind):
    """The two NICs of a pair.

    virtio: virtio-net with iommu_platform=on, the kind that has AF_XDP zero-copy
    igb:    Intel 82576
    plain:  virtio-net without iommu_platform: binds asked for zero-copy fall back to copy silently
    queues: virtio-net like the first, with two queues (needs /dev/net/tun on the host)
    """
    return tuple(Nic(kind, end, "igb" if kind == "igb" else "virtio_net") for end in (0, 1))
