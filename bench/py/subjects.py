# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The drivers that are compared and their device arguments."""

import dataclasses
import os
import subprocess

import machine

OURS = "net_zcnbrh"
REBUILT = "net_shared_af_xdp"  # net_af_xdp as Debian would have it with shared UMEM; see bench/net_af_xdp.sh


@dataclasses.dataclass(frozen=True)
class Subject:
    """A driver of stock testpmd with device arguments; `keys` is empty for its defaults."""
    driver: str
    keys: str = ""
    label: str = ""  # in place of driver and keys
    main: bool = True  # has all the rounds; the others, known to be far behind, have fewer
    modes: tuple = ()  # only these; empty: all

    @property
    def name(self):
        return self.label or f"{self.driver} {self.keys}".strip()

    @property
    def makes_netdev(self):
        """Whether `iface=` names a netdev that the driver makes, instead of one that is there."""
        return self.driver == "net_tap"

    @property
    def takes_xdp(self):
        """Whether the driver puts an XDP program on the netdev."""
        return self.driver in (OURS, "net_af_xdp", REBUILT)

    @property
    def eal(self):
        """EAL arguments that load the driver; ours is loaded anyway."""
        return ["-d", f"librte_{REBUILT}.so"] if self.driver == REBUILT else []

    @property
    def loads(self):
        """Whether testpmd is told to load our driver, by -d."""
        return True

    def environment(self, ifaces):
        """Variables of the program, whose port `n` is on ifaces[n]."""
        del ifaces
        return {}

    def device(self, number, iface, extra=""):
        """The --vdev text of port `number`."""
        return ",".join(part for part in (f"{self.driver}{number}", f"iface={iface}", self.keys, extra) if part)


# The best settings a person would find for veth: net_af_xdp without busy polling (on veth there is no interrupt to
# save), two of its ports on one UMEM, so that nothing is copied between them; net_af_packet with larger rings and past
# the queueing discipline.
SUBJECTS = (
    Subject("net_zcnbrh"),
    Subject("net_zcnbrh", "kick=thread"),
    Subject("net_af_xdp"),
    Subject("net_af_xdp", "busy_budget=0"),
    Subject(REBUILT, "shared_umem=1,busy_budget=0", "net_af_xdp rebuilt, shared_umem=1,busy_budget=0",
            modes=("io",)),
    Subject("net_af_packet", main=False),
    Subject("net_af_packet", "blocksz=65536,framesz=2048,framecnt=2048,qdisc_bypass=1", "net_af_packet tuned",
            main=False),
    Subject("net_pcap", main=False),
    Subject("net_tap", main=False),
)
# Frames of 9000 bytes: what each needs. net_af_xdp's mbufs would have to be larger than a page, which AF_XDP refuses.
JUMBO = (
    Subject("net_zcnbrh"),
    Subject("net_af_xdp"),
    Subject("net_af_packet", main=False),
    Subject("net_af_packet", "blocksz=65536,framesz=16384,framecnt=512,qdisc_bypass=1", "net_af_packet tuned",
            main=False),
    Subject("net_pcap", main=False),
    Subject("net_tap", main=False),
)
SHORT = tuple(subject for subject in SUBJECTS if subject.driver in (OURS, "net_af_xdp", "net_af_packet")
              and not subject.label)


def prepare(build, say):
    """Builds the rebuilt rival into the build folder, once; without it, its rows are missing."""
    folder = build / "bench/net_af_xdp"
    done = subprocess.run([machine.ROOT / "bench/net_af_xdp.sh", build], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        say(f"  net_af_xdp is not built again with shared UMEM: {done.stdout.strip().splitlines()[-1:]}")
    others = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = f"{folder}:{others}" if others else str(folder)


def in_order(names):
    """Names of subjects in the order of the tables."""
    known = [subject.name for subject in SUBJECTS]
    return sorted(names, key=lambda name: known.index(name) if name in known else len(known))


def settings():
    """What the labels stand for, as a sentence; empty when there is none."""
    return "; ".join(f"{subject.name}: `{subject.keys}`" for subject in SUBJECTS
                     if subject.label and subject.keys not in subject.label)
