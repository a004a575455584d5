# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Which scripts of tests/lab/ run in which machine, for which pairs of NICs (nics.py)."""

import dataclasses

MACHINES = ("iommu", "no-iommu")


SUFFIX = "_test.py"


@dataclasses.dataclass(frozen=True)
class Row:
    file: str  # of tests/lab
    machine: str
    pairs: tuple  # one run for each
    quick: tuple = ()  # those of them that are also in the short run

    @property
    def name(self):
        return self.file[:-len(SUFFIX)]


# What the IOMMU has no part in is shared out, so that both machines take about as long.
ROWS = (
    Row("modes_test.py", "iommu", ("virtio", "igb", "plain"), quick=("virtio", "igb", "plain")),
    Row("wire_test.py", "iommu", ("virtio", "igb")),
    Row("keys_test.py", "iommu", ("virtio",)),
    Row("memory_test.py", "iommu", ("virtio", "igb"), quick=("virtio",)),
    Row("queues_test.py", "iommu", ("queues", "igb")),
    Row("ends_test.py", "iommu", ("virtio", "igb"), quick=("virtio",)),
    Row("sleep_test.py", "iommu", ("virtio",), quick=("virtio",)),
    Row("life_test.py", "iommu", ("virtio",)),
    Row("removal_test.py", "iommu", ("virtio", "igb")),
    Row("jumbo_test.py", "iommu", ("virtio", "igb"), quick=("virtio",)),
    Row("modes_test.py", "no-iommu", ("virtio",), quick=("virtio",)),
    Row("wire_test.py", "no-iommu", ("virtio",)),
    Row("keys_test.py", "no-iommu", ("igb",)),
    Row("memory_test.py", "no-iommu", ("virtio", "igb")),
    Row("nic_test.py", "no-iommu", ("igb", "queues")),
    Row("ends_test.py", "no-iommu", ("virtio", "igb")),
    Row("sleep_test.py", "no-iommu", ("igb",)),
    Row("secondary_test.py", "no-iommu", ("queues", "igb")),
    Row("life_test.py", "no-iommu", ("virtio", "igb")),
    Row("numa_test.py", "no-iommu", ("virtio",)),
    Row("dispatcher_test.py", "no-iommu", ("virtio",)),
    Row("removal_test.py", "no-iommu", ("virtio",)),
    Row("migrate_test.py", "no-iommu", ("igb",)),
)


def make(machine, full, words):
    """The guest's list of scripts. Words that name a script or a pair choose those; the others are given on to the
    scripts, which choose their sub-tests by them."""
    rows = [row for row in ROWS if row.machine == machine]
    names, kinds = {row.name for row in ROWS} & set(words), {pair for row in ROWS for pair in row.pairs} & set(words)
    rest = [word for word in words if word not in names | kinds]
    return [{"file": row.file, "title": f"{row.name} on {pair}", "words": rest,
             "environment": {"ZCNBRH_LAB_PAIR": pair, "ZCNBRH_LAB_MACHINE": machine}}
            for row in rows if not names or row.name in names
            for pair in (row.pairs if full or words else row.quick) if not kinds or pair in kinds]
