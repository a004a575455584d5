# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""Which scripts of tests/lab/ run in which machine, for which pairs of NICs (nics.py)."""

import dataclasses

MACHINES = ("iommu", "no-iommu")


@dataclasses.dataclass(frozen=True)
class Row:
    name: str  # tests/lab/NAME_test.py
    machine: str
    pairs: tuple  # one run for each
    quick: tuple = ()  # those of them that are also in the short run


ROWS = (
    Row("modes", "iommu", ("virtio", "igb", "plain"), quick=("virtio", "igb", "plain")),
    Row("wire", "iommu", ("virtio", "igb")),
    Row("modes", "no-iommu", ("virtio", "igb"), quick=("virtio",)),
    Row("wire", "no-iommu", ("virtio", "igb")),
)


def make(machine, full, words):
    """The guest's list of scripts. Words that name a script or a pair choose those; the others are given on to the
    scripts, which choose their sub-tests by them."""
    rows = [row for row in ROWS if row.machine == machine]
    names, kinds = {row.name for row in ROWS} & set(words), {pair for row in ROWS for pair in row.pairs} & set(words)
    rest = [word for word in words if word not in names | kinds]
    return [{"file": f"{row.name}_test.py", "title": f"{row.name} on {pair}", "words": rest,
             "environment": {"ZCNBRH_LAB_PAIR": pair, "ZCNBRH_LAB_MACHINE": machine}}
            for row in rows if not names or row.name in names
            for pair in (row.pairs if full or words else row.quick) if not kinds or pair in kinds]
