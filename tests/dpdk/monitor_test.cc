// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The monitor condition as a core uses it that has nothing to do (rte_power_monitor(), librte_power's monitor
// mode): it polls, finds the queue empty, asks for the condition, and goes on polling only when the condition
// has let it. Where the CPU has UMONITOR and UMWAIT they are used; elsewhere what they do is done in software,
// in the order that rte_power_monitor() documents.
#include <gtest/gtest.h>
#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_power_intrinsics.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr uint64_t kSingles = 5'000;
constexpr double kLongestSleep = 0.5;  // seconds

bool cpu_can_wait() {
  rte_cpu_intrinsics can{};
  rte_cpu_get_intrinsics_support(&can);
  return can.power_monitor != 0;
}

struct Watcher {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> had{0};
  std::atomic<uint64_t> late{0};  // sleeps that ended by their time although a packet was there
  uint64_t sleeps = 0;            // the condition let it sleep
  uint64_t kept_awake = 0;        // a packet came between the poll and the condition
  int refused = 0;                // what rte_power_monitor() gave

  uint32_t value(const rte_power_monitor_cond& condition) const {
    return std::atomic_ref(*static_cast<uint32_t*>(const_cast<void*>(condition.addr)))
        .load(std::memory_order_acquire);
  }

  // UMONITOR; one look, since a store before it wakes nobody; UMWAIT.
  void stand_in(const rte_power_monitor_cond& condition, uint64_t deadline) const {
    const uint32_t armed = value(condition);
    if (condition.fn(armed, condition.opaque) != 0) return;
    while (value(condition) == armed && rte_rdtsc() < deadline && !stop) std::this_thread::yield();
  }

  void sleep(uint16_t port, const rte_power_monitor_cond& condition) {
    const uint64_t deadline = rte_rdtsc() + static_cast<uint64_t>(kLongestSleep * rte_get_tsc_hz());
    if (cpu_can_wait()) {
      if (const int result = rte_power_monitor(&condition, deadline); result != 0) refused = result;
    } else {
      stand_in(condition, deadline);
    }
    // The condition has to have changed with the packet, else the core would go on sleeping beside it.
    late += rte_rdtsc() >= deadline && rte_eth_rx_queue_count(port, 0) > 0 &&
            condition.fn(value(condition), condition.opaque) == 0;
  }

  void work(uint16_t port) {
    ASSERT_EQ(rte_thread_register(), 0);
    rte_mbuf* got[32];
    while (!stop) {
      if (const uint16_t n = rte_eth_rx_burst(port, 0, got, 32); n != 0) {
        rte_pktmbuf_free_bulk(got, n);
        had += n;
        continue;
      }
      rte_power_monitor_cond condition{};
      ASSERT_EQ(rte_eth_get_monitor_addr(port, 0, &condition), 0);
      if (condition.fn(value(condition), condition.opaque) != 0) {
        ++kept_awake;
        continue;
      }
      ++sleeps;
      sleep(port, condition);
    }
    rte_thread_unregister();
  }
};

class PowerMonitor : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("monitor", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev();
    port_ = std::make_unique<EalPort>("net_zcnbrh_monitor", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  void TearDown() override {
    port_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(PowerMonitor, EachPacketEndsTheSleepOfACoreThatPollsOnlyThen) {
  Watcher watcher;
  {
    std::jthread core([&] { watcher.work(port_->id()); });
    std::mt19937 random(1);
    for (uint64_t i = 1; i <= kSingles && watcher.late == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 100));
      EXPECT_TRUE(eventually([&] { return wire_.send(i); }));
      // Every third one alone: no other could end the sleep for it.
      if (i % 3 == 0 && !eventually([&] { return watcher.had >= i; })) {
        ADD_FAILURE() << "packet " << i << " ended no sleep";
        break;
      }
    }
    EXPECT_TRUE(eventually([&] { return watcher.late != 0 || watcher.had >= kSingles; }));
    watcher.stop = true;
  }
  EXPECT_EQ(watcher.late, 0U) << "a packet came and the core slept on";
  EXPECT_EQ(watcher.had, kSingles);
  EXPECT_EQ(watcher.refused, 0);
  EXPECT_GT(watcher.sleeps, kSingles / 10);
  RecordProperty("sleeps_by", cpu_can_wait() ? "UMWAIT" : "software");
}

// DPDK itself says so where the CPU has no such instruction; with it, it sleeps until the deadline and no
// longer.
TEST_F(PowerMonitor, TheConditionIsOneThatDpdkTakes) {
  rte_power_monitor_cond condition{};
  ASSERT_EQ(rte_eth_get_monitor_addr(port_->id(), 0, &condition), 0);
  EXPECT_EQ(rte_power_monitor(&condition, rte_rdtsc() + rte_get_tsc_hz() / 100), cpu_can_wait() ? 0 : -ENOTSUP);
}

}  // namespace
}  // namespace zcnbrh::testing
