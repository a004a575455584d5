// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// RX interrupts of a zero-copy port: the thread that waits for packets sleeps in rte_epoll_wait(), and each
// packet that the NIC at the other end sends wakes it. Run in the lab's guest by sleep_test.py.
#include <chrono>
#include <random>
#include <thread>

#include "tests/dpdk/sleeper.h"
#include "tests/lab/two_ends.h"
#include "tests/support/packet_peer.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kSingles = 600;
constexpr auto kIdle = std::chrono::milliseconds(2200);
constexpr auto kPatience = std::chrono::seconds(30);

class Sleep : public TwoEnds {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TwoEnds::SetUp());
    PortPlan sleeps = plan(first_);
    sleeps.conf.intr_conf.rxq = 1;
    one_ = std::make_unique<EalPort>("net_zcnbrh_one", sleeps, pool_);
    other_ = std::make_unique<EalPort>("net_zcnbrh_other", plan(second_), pool_);
    ASSERT_EQ(one_->error(), "");
    ASSERT_EQ(other_->error(), "");
    rte_eth_promiscuous_enable(one_->id());
    ASSERT_TRUE(links_settle(one_->id(), other_->id()));
  }
  void TearDown() override {
    one_.reset();
    other_.reset();
    if (pool_ != nullptr) {
      EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    }
    TwoEnds::TearDown();
  }
  bool send(uint64_t number) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr) return false;
    const uint32_t length = packets_.write(number, rte_pktmbuf_mtod(m, uint8_t*));
    m->data_len = static_cast<uint16_t>(length);
    m->pkt_len = length;
    if (rte_eth_tx_burst(other_->id(), 0, &m, 1) == 1) return true;
    rte_pktmbuf_free(m);
    return false;
  }
  // What may be said of the other end's transmit ring is said by polling it.
  template <typename Condition>
  static bool within_patience(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!holds())
      if (std::chrono::steady_clock::now() > end) return false;
    return true;
  }

  NumberedPackets packets_{1};
  std::unique_ptr<EalPort> one_, other_;
};

TEST_F(Sleep, AnIdleThreadTakesNoTime) {
  Sleeper sleeper;
  std::thread thread([&] { work(one_->id(), 32, sleeper); });
  std::this_thread::sleep_for(kIdle);
  sleeper.stop = true;
  thread.join();
  EXPECT_EQ(sleeper.had, 0U);
  EXPECT_EQ(sleeper.wakes, 0U);
  EXPECT_GE(sleeper.voluntary_switches, 4) << "it slept half a second each time";
  EXPECT_LT(sleeper.cpu_seconds, std::chrono::duration<double>(kIdle).count() / 4);
}

// Random gaps hit every place of the loop; every third packet is alone, so nothing behind it could wake for it.
TEST_F(Sleep, EachPacketWakesIt) {
  Sleeper sleeper;
  std::thread thread([&] { work(one_->id(), 32, sleeper); });
  std::mt19937 random(1);
  uint64_t met_asleep = 0, missing = 0;
  for (uint64_t i = 0; i < kSingles && missing == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 3000));
    met_asleep += sleeper.asleep;
    EXPECT_TRUE(within_patience([&] { return send(i); })) << "packet " << i;
    if (i % 3 == 0 && !within_patience([&] { return sleeper.had > i; })) missing = i + 1;
  }
  EXPECT_TRUE(within_patience([&] { return sleeper.had >= kSingles; }));
  sleeper.stop = true;
  thread.join();
  EXPECT_EQ(missing, 0U) << "number of the packet that woke nobody, from 1";
  EXPECT_EQ(sleeper.had, kSingles);
  EXPECT_EQ(sleeper.stuck, 0U);
  EXPECT_GT(met_asleep, kSingles / 10);
  EXPECT_GT(sleeper.wakes, kSingles / 10);
}

}  // namespace
}  // namespace zcnbrh::testing
