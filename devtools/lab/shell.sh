# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
# shellcheck shell=bash
#
# What a shell in the guest starts with (init.sh): the names of the NICs, and what to type.
mkdir -p /opt/zcnbrh-lab
cp build/drivers/net/zcnbrh/librte_net_zcnbrh.so /opt/zcnbrh-lab/ 2>/dev/null || echo "lab: no driver in build/"
export LD_LIBRARY_PATH=/opt/zcnbrh-lab ZCNBRH_PMD=/opt/zcnbrh-lab/librte_net_zcnbrh.so ZCNBRH_TEST_SLOWNESS=6
for netdev in /sys/class/net/*; do
  case $(cat "$netdev/address") in
    52:54:00:5a:43:00) virtio0=$(basename "$netdev") ;;
    52:54:00:5a:43:01) virtio1=$(basename "$netdev") ;;
    52:54:00:5a:43:02) igb0=$(basename "$netdev") ;;
    52:54:00:5a:43:03) igb1=$(basename "$netdev") ;;
  esac
done
echo "lab: virtio pair $virtio0 $virtio1, igb pair $igb0 $igb1; for example:"
echo "  ip link set $virtio0 up; ip link set $virtio1 up"
echo "  dpdk-testpmd -l 0,1 --no-pci -d librte_net_zcnbrh.so --vdev=net_zcnbrh0,iface=$virtio0 \\"
echo "    --vdev=net_zcnbrh1,iface=$virtio1 -- -i --no-numa --socket-num=0 --total-num-mbufs=8192"
