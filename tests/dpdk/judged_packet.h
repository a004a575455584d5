// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a port sent, as the kernel's own socket at the other end has it.
#pragma once

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>

#include "tests/dpdk/kernel_peer.h"
#include "tests/dpdk/made_packet.h"

namespace zcnbrh::testing {

// The payload of the packet sent by `port` arrives, byte for byte. A kernel that was too busy to send is asked
// again by the next burst, also by one of nothing.
inline void expect_arrival(uint16_t port, KernelPeer& peer, const MadePacket& packet, size_t payload) {
  uint8_t data[9216];
  int length = -1;
  for (int i = 0; i < 500 && length < 0; ++i) {
    rte_eth_tx_burst(port, 0, nullptr, 0);
    length = peer.receive(data, sizeof data, 10);
  }
  ASSERT_EQ(length, static_cast<int>(payload));
  ASSERT_TRUE(std::equal(data, data + payload, packet.bytes.end() - static_cast<long>(payload)));
}

}  // namespace zcnbrh::testing
