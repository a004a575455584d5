# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The drivers that are compared and their device arguments."""

import dataclasses

OURS = "net_zcnbrh"


@dataclasses.dataclass(frozen=True)
class Subject:
    """A driver of stock testpmd with device arguments; `keys` is empty for its defaults."""
    driver: str
    keys: str = ""
    label: str = ""  # in place of long keys
    main: bool = True  # has all the rounds; the others, known to be far behind, have fewer

    @property
    def name(self):
        return f"{self.driver} {self.label or self.keys}".strip()

    @property
    def makes_netdev(self):
        """Whether `iface=` names a netdev that the driver makes, instead of one that is there."""
        return self.driver == "net_tap"

    @property
    def takes_xdp(self):
        """Whether the driver puts an XDP program on the netdev."""
        return self.driver in (OURS, "net_af_xdp")

    def device(self, number, iface):
        """The --vdev text of port `number`."""
        return ",".join(part for part in (f"{self.driver}{number}", f"iface={iface}", self.keys) if part)


# The best settings a person would find for veth: net_af_xdp without busy polling (on veth there is no interrupt to
# save), net_af_packet with larger rings and past the queueing discipline.
SUBJECTS = (
    Subject("net_zcnbrh"),
    Subject("net_af_xdp"),
    Subject("net_af_xdp", "busy_budget=0"),
    Subject("net_af_packet", main=False),
    Subject("net_af_packet", "blocksz=65536,framesz=2048,framecnt=2048,qdisc_bypass=1", "tuned", main=False),
    Subject("net_pcap", main=False),
    Subject("net_tap", main=False),
)
SHORT = tuple(subject for subject in SUBJECTS if subject.driver in (OURS, "net_af_xdp", "net_af_packet")
              and not subject.label)


def in_order(names):
    """Names of subjects in the order of the tables."""
    known = [subject.name for subject in SUBJECTS]
    return sorted(names, key=lambda name: known.index(name) if name in known else len(known))


def settings():
    """What the labels stand for, as a sentence; empty when there is none."""
    return "; ".join(f"{subject.name}: `{subject.keys}`" for subject in SUBJECTS if subject.label)
