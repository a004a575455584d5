// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Which of a NIC's counters are shown, by names that drivers really use.
#include <gtest/gtest.h>

#include "lib/netdev/ethtool_stats.h"

namespace zcnbrh {
namespace {

TEST(NicStats, LossesAndXdpAreShownPlainTrafficIsNot) {
  for (const char* name : {"rx_missed_errors", "rx_queue_0_xdp_drops", "tx_timeout_count", "rx_no_buffer_count",
                           "rx0_xdp_drop", "rx_out_of_buffer_drop", "rx_fifo_errors", "rx_discards_phy",
                           "rx_queue_0_alloc_failed", "rx_xsk_buff_alloc_err", "TX_Ring_Full"})
    EXPECT_TRUE(nic_count_tells_of_loss(name)) << name;
  for (const char* name : {"rx_packets", "tx_bytes", "rx_queue_0_packets", "multicast", "rx_512_to_1023"})
    EXPECT_FALSE(nic_count_tells_of_loss(name)) << name;
}

TEST(NicStats, AnInterfaceThatIsNotThereHasNone) {
  NicStats none = NicStats::of("no-such-netdev");
  EXPECT_TRUE(none.names().empty());
  EXPECT_TRUE(none.read("no-such-netdev").empty());
  EXPECT_TRUE(NicStats::of("").names().empty());
  EXPECT_TRUE(NicStats::of("a-name-that-is-far-too-long-for-an-interface").names().empty());
}

}  // namespace
}  // namespace zcnbrh
