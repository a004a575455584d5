#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# The guest's /init, run by busybox. Loads the modules, lays a writable memory file system over the host's root (9p,
# read-only), and runs guest.py there, or a command, or a shell when there is neither. Then the guest powers off.
B=/bin/busybox
P=trans=virtio,version=9p2000.L,msize=512000
N=/new

say() { echo "lab: $*"; }

$B mount -t proc proc /proc
$B mount -t sysfs sys /sys
$B mount -t devtmpfs dev /dev
for module in /mod/*.ko; do
  $B insmod "$module" || say "cannot load $module"
done

$B mount -t 9p -o "ro,$P,cache=loose" hostroot /host || say "no host root"
$B mount -t tmpfs -o size=60% rw /rw
$B mkdir -p /rw/up /rw/work
$B mount -t overlay -o lowerdir=/host,upperdir=/rw/up,workdir=/rw/work overlay $N || say "no overlay"
$B mkdir -p $N/proc $N/sys $N/dev $N/run $N/tmp $N/out
$B mount -t proc proc $N/proc
$B mount -t sysfs sys $N/sys
$B mount -t devtmpfs dev $N/dev
$B mkdir -p $N/dev/shm $N/dev/pts $N/dev/hugepages
$B mount -t tmpfs run $N/run
$B mount -t tmpfs shm $N/dev/shm
$B mount -t devpts devpts $N/dev/pts
$B mount -t bpf bpf $N/sys/fs/bpf
$B mount -t debugfs debug $N/sys/kernel/debug
$B mount -t tracefs trace $N/sys/kernel/tracing
$B mount -t 9p -o "$P,cache=none" out $N/out || say "no place for results"
[ -e $N/dev/fd ] || $B ln -s /proc/self/fd $N/dev/fd

$B ip link set lo up
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
echo pfifo_fast >/proc/sys/net/core/default_qdisc  # fq_codel would change the order of packets of several flows
huge=200  # 2 MB pages
for word in $($B cat /proc/cmdline); do
  case $word in lab.huge=*) huge=${word#*=} ;; esac
done
echo "$huge" >/proc/sys/vm/nr_hugepages
$B mount -t hugetlbfs -o pagesize=2M huge $N/dev/hugepages
# shellcheck disable=SC3045  # busybox knows both
ulimit -l unlimited
# shellcheck disable=SC3045
ulimit -c 0

say "up after $($B cut -d' ' -f1 /proc/uptime) s, kernel $($B uname -r)"
export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=linux
source=$($B cat $N/out/source)
if [ -f $N/out/plan.json ]; then
  $B chroot $N /usr/bin/python3 -B "$source/devtools/lab/guest.py" </dev/null 2>&1
elif [ -f $N/out/command ]; then
  $B chroot $N /bin/bash -c "cd '$source'; . devtools/lab/shell.sh >/dev/null; . /out/command" </dev/null 2>&1
else
  $B setsid $B cttyhack $B chroot $N /bin/sh -c "cd '$source'; . devtools/lab/shell.sh; exec bash -i"
fi
say "end after $($B cut -d' ' -f1 /proc/uptime) s"
$B dmesg >$N/out/dmesg
$B sync
$B poweroff -f
