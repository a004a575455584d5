// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_eth_set_queue_rate_limit(): the bucket on a clock of ours, exactly; and a port that keeps to it on the
// TSC, with room for a loaded machine.
#include "drivers/net/zcnbrh/rate_limit.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <new>
#include <random>
#include <vector>

#include "tests/dpdk/offload_fixture.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kHz = 2'999'999'999;  // divides nothing

// In memory of zeros, as a queue has it.
class Bucket {
 public:
  explicit Bucket(uint64_t mbps) { limit().set(mbps, kHz); }
  pmd::RateLimit& limit() { return *std::launder(reinterpret_cast<pmd::RateLimit*>(memory_)); }
  // Bytes allowed of `count` packets of `length` bytes.
  uint64_t offer(uint64_t now, uint32_t count, uint32_t length) {
    return uint64_t{length} * limit().allow(now, count, [&](uint32_t) { return length; });
  }

 private:
  alignas(pmd::RateLimit) uint8_t memory_[sizeof(pmd::RateLimit)] = {};
};

TEST(RateLimit, NoLimitLetsEverythingPass) {
  Bucket bucket(0);
  EXPECT_EQ(bucket.offer(1, 1000, 1500), 1'500'000U);
  EXPECT_FALSE(bucket.limit().on());
}

// Over hours, polls at any times, packets of any length: a packet more than the rate, and never less than it
// but what the last poll has still to earn.
TEST(RateLimit, IsExactOverTime) {
  std::mt19937_64 random(7);
  for (const uint64_t mbps : {1ULL, 3ULL, 999ULL, 10'000ULL, 400'000ULL}) {
    Bucket bucket(mbps);
    const uint64_t start = 1ULL << 40;
    uint64_t now = start, sent = 0;
    bucket.offer(now, 1, 1);  // from here on
    while (bucket.offer(now, 1, 1500) != 0) {
    }
    const uint64_t debt_at_most = 9000;
    for (int poll = 0; poll < 200'000; ++poll) {
      now += random() % (kHz / 1000);  // up to 1 ms
      while (const uint64_t bytes = bucket.offer(now, 32, 60 + static_cast<uint32_t>(random() % 8940)))
        sent += bytes;
    }
    const double seconds = static_cast<double>(now - start) / static_cast<double>(kHz);
    const double exact = static_cast<double>(mbps) * 125'000 * seconds;
    EXPECT_LE(static_cast<double>(sent), exact + debt_at_most) << mbps;
    EXPECT_GE(static_cast<double>(sent), exact - debt_at_most - 1) << mbps;
  }
}

TEST(RateLimit, IdleTimeIsMadeUpForByFourMilliseconds) {
  Bucket bucket(8000);  // 1 byte a nanosecond
  bucket.offer(kHz, 1, 1);
  const uint64_t burst = bucket.offer(100 * kHz, 1'000'000, 100);
  EXPECT_GE(burst, 4'000'000U - 100);
  EXPECT_LE(burst, 4'000'000U + 100);
  EXPECT_EQ(bucket.offer(100 * kHz, 10, 100), 0U);
}

TEST(RateLimit, WhatDidNotGoIsNotPaidFor) {
  Bucket bucket(8);  // 1 byte a microsecond
  bucket.offer(kHz, 1, 1);
  const uint64_t now = 2 * kHz;
  const uint32_t allowed = bucket.limit().allow(now, 100, [](uint32_t) { return 1000; });
  EXPECT_EQ(allowed, 4U);
  EXPECT_EQ(bucket.offer(now, 1, 1000), 0U);
  bucket.limit().give_back(3000);
  EXPECT_EQ(bucket.offer(now, 100, 1000), 3000U);
}

TEST(RateLimit, ALongPacketIsPaidOffBeforeTheNext) {
  Bucket bucket(8);
  bucket.offer(kHz, 1, 1);
  uint64_t now = 2 * kHz;
  while (bucket.offer(now, 1, 100) != 0) {
  }
  now += kHz / 1000;  // 1000 bytes
  EXPECT_EQ(bucket.offer(now, 2, 9000), 9000U);
  EXPECT_EQ(bucket.offer(now + 7 * (kHz / 1000), 1, 100), 0U);
  EXPECT_EQ(bucket.offer(now + 9 * (kHz / 1000), 1, 100), 100U);
}

class RateLimitOfAPort : public Offload {
 protected:
  // Bytes that go within `ms`, as fast as the port takes them; they come back, and are thrown away.
  double rate_mbps(int ms, uint16_t burst = 32) {
    const Bytes bytes(1000, 0x5a);
    const auto start = std::chrono::steady_clock::now();
    const auto end = start + std::chrono::milliseconds(ms);
    uint64_t sent = 0;
    rte_mbuf* packets[32];
    while (std::chrono::steady_clock::now() < end) {
      for (uint16_t i = 0; i < burst; ++i) packets[i] = direct(bytes);
      const uint16_t n = rte_eth_tx_burst(port_->id(), 0, packets, burst);
      sent += uint64_t{n} * bytes.size();
      rte_pktmbuf_free_bulk(packets + n, burst - n);
      const uint16_t back = rte_eth_rx_burst(port_->id(), 0, packets, 32);
      rte_pktmbuf_free_bulk(packets, back);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return static_cast<double>(sent) * 8 / 1e6 / took.count();
  }
};

TEST_F(RateLimitOfAPort, IsKeptAndMayBeChangedWhileItRuns) {
  start(0, 0);
  const double free = rate_mbps(200);
  ASSERT_EQ(rte_eth_set_queue_rate_limit(port_->id(), 0, 20), 0);
  const double limited = rate_mbps(1000);
  EXPECT_LE(limited, 20 * 1.05 + 0.2) << "never faster: what was saved up is 4 ms";
  EXPECT_GE(limited, 20 * 0.5) << "a loaded machine takes the core away now and then";
  EXPECT_GT(port_->sum("tx_q0_rate_limited"), 0U);
  ASSERT_EQ(rte_eth_set_queue_rate_limit(port_->id(), 0, 60), 0);
  EXPECT_GT(rate_mbps(500), limited);
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_LE(rate_mbps(500), 60 * 1.05 + 1) << "it stays over stop and start";
  ASSERT_EQ(rte_eth_set_queue_rate_limit(port_->id(), 0, 0), 0);
  const uint64_t before = port_->sum("tx_q0_rate_limited");
  if (free > 200) {
    EXPECT_GT(rate_mbps(200), 70);
  }
  EXPECT_EQ(port_->sum("tx_q0_rate_limited"), before);
}

// Over the limit packets are left to the caller, in order, none lost.
TEST_F(RateLimitOfAPort, WhatIsOverItStaysTheCallers) {
  start(0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  ASSERT_EQ(rte_eth_set_queue_rate_limit(port_->id(), 0, 100), 0);
  uint32_t next = 0, came = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (came < 2000 && std::chrono::steady_clock::now() < give_up) {
    rte_mbuf* packets[32];
    uint16_t made = 0;
    for (; made < 32 && next + made < 2000; ++made) {
      Bytes bytes(600, 0);
      const uint32_t number = next + made;
      std::memcpy(bytes.data(), &number, sizeof number);
      packets[made] =
          MbufMaker(pool_, foreign_).make(bytes, made % 5 == 0 ? Shape::kChain : Shape::kDirect, random_);
    }
    const uint16_t n = rte_eth_tx_burst(port_->id(), 0, packets, made);
    rte_pktmbuf_free_bulk(packets + n, made - n);
    next += n;
    const uint16_t back = rte_eth_rx_burst(port_->id(), 0, packets, 32);
    for (uint16_t i = 0; i < back; ++i) {
      uint32_t number = 0;
      std::memcpy(&number, rte_pktmbuf_mtod(packets[i], void*), sizeof number);
      ASSERT_EQ(number, came++);
      rte_pktmbuf_free(packets[i]);
    }
  }
  EXPECT_EQ(came, 2000U);
  rte_eth_stats stats{};
  ASSERT_EQ(rte_eth_stats_get(port_->id(), &stats), 0);
  EXPECT_EQ(stats.opackets, 2000U);
  EXPECT_EQ(stats.oerrors, 0U) << "back-pressure is no error";
}

}  // namespace
}  // namespace zcnbrh::testing
