# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
"""The QEMU machine: two CPUs on two NUMA nodes, an IOMMU or none, four pairs of NICs.

Emulated (TCG), so that it runs where there is no KVM; what it shows is that things are right, never how fast.
"""

import os
import subprocess

import nics

MEMORY_MB = 2048
HUGE_PAGES = 300
# no_timer_check: on a busy host the emulated timer can be too late for the kernel's test of it, which ends in a panic.
KERNEL_WORDS = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check"

# NICs with several queues need taps. They are made in a network namespace of QEMU's own, joined by a bridge that learns
# no addresses, as a wire: testpmd sends packets back with the addresses they came with, and a bridge that has once heard
# the application's address on its side would keep them from going back to the other. Nor does it say anything of its
# own (IGMP), which would meet NICs that the guest has not set up yet.
TAPS_SCRIPT = """
for scope in all default; do
  echo 1 >/proc/sys/net/ipv6/conf/$scope/disable_ipv6  # the tests count packets
done 2>/dev/null || :
ip link add lab multicast off type bridge mcast_snooping 0
for end in 0 1; do
  ip tuntap add lab$end mode tap multi_queue
  ip link set lab$end multicast off master lab up
  ip link set lab$end type bridge_slave learning off
done
ip link set lab up
exec "$@"
"""


def in_taps_namespace(words):
    return ["unshare", "--net", "sh", "-ec", TAPS_SCRIPT, "taps", *words]


def why_no_taps():
    """Why the pair `queues` has one queue here, or an empty text."""
    if os.geteuid():
        return "no root privilege"
    done = subprocess.run(in_taps_namespace(["true"]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip() if done.returncode else ""


def _nic_arguments(nic, taps):
    backend = f"hubport,id=n{nic.number},hubid={nics.PAIR_KINDS.index(nic.pair)}"
    device = f"virtio-net-pci,mac={nic.mac},disable-legacy=on"
    if nic.driver == "igb":
        device = f"igb,mac={nic.mac}"
    elif nic.pair != "plain":
        device += ",iommu_platform=on"
    if nic.pair == "queues" and taps:
        backend = f"tap,id=n{nic.number},ifname=lab{nic.end},queues={nics.QUEUES},script=no,downscript=no,vhost=off"
        device += f",mq=on,rss=on,vectors={2 * nics.QUEUES + 2}"
    port = f"rp{nic.number}"
    return ["-netdev", backend,
            "-device", f"pcie-root-port,id={port},bus=pxb{nic.end},chassis={nic.number + 1},slot={nic.number + 1}",
            "-device", f"{device},bus={port},netdev=n{nic.number},romfile="]


def command(parts, initrd, out, iommu, taps):
    """QEMU's command line, with the console on its standard input and output."""
    words = [*parts.qemu()[0], "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2,sockets=2",
             "-m", f"{MEMORY_MB}M", "-nodefaults", "-nographic", "-no-reboot", "-serial", "mon:stdio"]
    for node in (0, 1):
        words += ["-object", f"memory-backend-ram,id=m{node},size={MEMORY_MB // 2}M",
                  "-numa", f"node,nodeid={node},cpus={node},memdev=m{node}"]
    for tag, path, options in (("hostroot", "/", ",readonly=on,multidevs=remap"), ("out", str(out), "")):
        path = path.replace(",", ",,")  # a single comma would start QEMU's next option
        words += ["-virtfs", f"local,path={path},mount_tag={tag},security_model=none{options}"]
    for node in (0, 1):  # after the virtfs devices, which would go behind them
        words += ["-device", f"pxb-pcie,id=pxb{node},bus=pcie.0,bus_nr={0x40 * (node + 1)},numa_node={node}"]
    if iommu:
        words += ["-device", "intel-iommu,intremap=on", "-machine", "kernel-irqchip=split"]
    for kind in nics.PAIR_KINDS:
        for nic in nics.pair(kind):
            words += _nic_arguments(nic, taps)
    kernel_words = f"{KERNEL_WORDS} lab.huge={HUGE_PAGES} intel_iommu={'on' if iommu else 'off'}"
    words += ["-kernel", str(parts.kernel), "-initrd", str(initrd), "-append", kernel_words]
    return in_taps_namespace(words) if taps else words
