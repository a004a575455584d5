// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// For the programs of the lab's guest: the netdevs of a pair, named by ZCNBRH_LAB_ENDS=first,second, and the
// pool that their ports use.
#pragma once

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "tests/dpdk/eal_port.h"

namespace zcnbrh::testing {

class TwoEnds : public ::testing::Test {
 protected:
  static constexpr unsigned kBuffers = 4095;

  void SetUp() override {
    const char* names = std::getenv("ZCNBRH_LAB_ENDS");
    ASSERT_NE(names, nullptr) << "run by a script of tests/lab in the lab's guest";
    const std::string both = names;
    first_ = both.substr(0, both.find(','));
    second_ = both.substr(both.find(',') + 1);
    ASSERT_TRUE(eal_ready());
    // The driver's pool ops become the default once a port of it is there.
    ASSERT_EQ(rte_vdev_init("net_zcnbrh_first", "iface=loop"), 0);
    rte_vdev_uninit("net_zcnbrh_first");
    pool_ = rte_pktmbuf_pool_create("ends", kBuffers, 128, 0, data_room(), SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override { rte_mempool_free(pool_); }

  virtual uint16_t data_room() const { return RTE_MBUF_DEFAULT_BUF_SIZE; }

  static PortPlan plan(const std::string& netdev, const std::string& keys = "") {
    PortPlan made;
    made.devargs = "iface=" + netdev + ",zc=require" + keys;
    return made;
  }

  // Both ports have had their link for a while without a break: igb resets its own at each attach, and again
  // from its watchdog.
  static bool links_settle(uint16_t one, uint16_t other) {
    using Clock = std::chrono::steady_clock;
    const auto give_up = Clock::now() + std::chrono::seconds(60);
    auto since = Clock::now();
    while (Clock::now() < give_up) {
      for (uint16_t port : {one, other}) {
        rte_eth_link link{};
        rte_eth_link_get_nowait(port, &link);
        if (link.link_status == RTE_ETH_LINK_DOWN) since = Clock::now();
      }
      if (Clock::now() - since > std::chrono::milliseconds(2500)) return true;
      rte_delay_us_sleep(10'000);
    }
    return false;
  }

  std::string first_, second_;
  rte_mempool* pool_ = nullptr;
};

}  // namespace zcnbrh::testing
