// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The driver's own functions (rte_pmd_zcnbrh.h) as a program calls them, found in the driver that EAL has
// loaded. What they change under traffic is in plugin_test.py.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>

#include "drivers/net/zcnbrh/rte_pmd_zcnbrh.h"
#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr enum rte_pmd_zcnbrh_topic kTopics[] = {
    RTE_PMD_ZCNBRH_MODE,   RTE_PMD_ZCNBRH_CREDITS, RTE_PMD_ZCNBRH_RINGS, RTE_PMD_ZCNBRH_UMEM,
    RTE_PMD_ZCNBRH_LEDGER, RTE_PMD_ZCNBRH_BPF,     RTE_PMD_ZCNBRH_WHY,   RTE_PMD_ZCNBRH_TRACE};

// As the header says: EAL keeps a driver's symbols to itself.
template <typename Function>
Function* look_up(Function* /*type*/, const char* name) {
  void* driver = dlopen("librte_net_zcnbrh.so", RTLD_NOW | RTLD_NOLOAD);
  return driver != nullptr ? reinterpret_cast<Function*>(dlsym(driver, name)) : nullptr;
}
#define API(name) look_up(static_cast<decltype(&rte_pmd_zcnbrh_##name)>(nullptr), "rte_pmd_zcnbrh_" #name)

class OwnApi : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    ASSERT_NE(report_ = API(report), nullptr);
    ASSERT_NE(error_ = API(error), nullptr);
    ASSERT_NE(queue_get_ = API(queue_get), nullptr);
    pool_ = rte_pktmbuf_pool_create("own_api", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override {
    port_.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  void open(const std::string& keys = "") {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + keys;
    port_ = std::make_unique<EalPort>("net_zcnbrh_own", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  rte_pmd_zcnbrh_queue queue(uint16_t number = 0) {
    rte_pmd_zcnbrh_queue out{};
    EXPECT_EQ(queue_get_(port_->id(), number, &out, sizeof out), 0) << error_();
    return out;
  }
  bool error_says(const char* words) { return std::string(error_()).find(words) != std::string::npos; }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
  decltype(&rte_pmd_zcnbrh_report) report_ = nullptr;
  decltype(&rte_pmd_zcnbrh_error) error_ = nullptr;
  decltype(&rte_pmd_zcnbrh_queue_get) queue_get_ = nullptr;
};

TEST_F(OwnApi, KnowsItsVersionAndPorts) {
  EXPECT_EQ(API(api_version)(), RTE_PMD_ZCNBRH_API_VERSION);
  uint16_t ports[4] = {};
  EXPECT_EQ(API(ports)(ports, 4), 0);
  open();
  EXPECT_EQ(API(ports)(ports, 4), 1);
  EXPECT_EQ(ports[0], port_->id());
  EXPECT_EQ(API(ports)(nullptr, 0), 1);
}

TEST_F(OwnApi, ReportsGoIntoWhatRoomThereIs) {
  open();
  for (const auto topic : kTopics) {
    const int length = report_(port_->id(), topic, nullptr, 0);
    ASSERT_GT(length, 0) << error_();
    std::string all(static_cast<size_t>(length) + 64, '?');
    ASSERT_EQ(report_(port_->id(), topic, all.data(), all.size()), length);
    EXPECT_EQ(std::strlen(all.c_str()), static_cast<size_t>(length));
    char little[16];
    std::memset(little, '?', sizeof little);
    EXPECT_EQ(report_(port_->id(), topic, little, 8), length);
    EXPECT_EQ(std::string(little), all.substr(0, 7));
    EXPECT_EQ(little[8], '?');
  }
  EXPECT_EQ(report_(port_->id(), static_cast<enum rte_pmd_zcnbrh_topic>(99), nullptr, 0), -EINVAL);
  EXPECT_TRUE(error_says("topic 99"));
}

TEST_F(OwnApi, RefusesWhatIsNoPortOfTheDriver) {
  EXPECT_EQ(report_(RTE_MAX_ETHPORTS - 1, RTE_PMD_ZCNBRH_MODE, nullptr, 0), -ENODEV);
  EXPECT_TRUE(error_says("this program has no net_zcnbrh port")) << error_();
  EXPECT_EQ(report_(UINT16_MAX, RTE_PMD_ZCNBRH_MODE, nullptr, 0), -ENODEV);
  std::string seen;
  std::thread([&] { seen = error_(); }).join();
  EXPECT_EQ(seen, "") << "another thread's error";
}

TEST_F(OwnApi, AQueueIsToldAsItRunsAndAnOlderProgramGetsItsPart) {
  open(",on_empty=drop,window=100");
  const auto state = queue();
  EXPECT_EQ(state.open, 1);
  EXPECT_EQ(state.zero_copy, 0);
  EXPECT_EQ(state.window, 100U);
  EXPECT_EQ(state.widest_window, 512U);
  EXPECT_EQ(state.on_empty, RTE_PMD_ZCNBRH_ON_EMPTY_DROP);
  EXPECT_EQ(state.rx_posted, 512U);
  EXPECT_EQ(state.tx_in_flight, 0U);
  rte_pmd_zcnbrh_queue part;
  std::memset(&part, 0x5a, sizeof part);
  ASSERT_EQ(queue_get_(port_->id(), 0, &part, 4), 0);
  EXPECT_EQ(part.open, 1);
  EXPECT_EQ(part.on_empty, 0x5a);
  EXPECT_EQ(queue_get_(port_->id(), 1, &part, sizeof part), -EINVAL);
  EXPECT_TRUE(error_says("has queues 0..0"));
}

TEST_F(OwnApi, SettersRefuseAndLeaveTheQueueAsItWas) {
  open(",on_empty=drop");
  const auto before = queue();
  EXPECT_EQ(API(window_set)(port_->id(), 0, 0), -EINVAL);
  EXPECT_EQ(API(window_set)(port_->id(), 0, 513), -ERANGE);
  EXPECT_EQ(API(window_set)(port_->id(), 1, 5), -EINVAL);
  EXPECT_EQ(API(on_empty_set)(port_->id(), RTE_PMD_ZCNBRH_ON_EMPTY_OFF), -EBUSY);
  EXPECT_EQ(API(on_empty_set)(port_->id(), static_cast<enum rte_pmd_zcnbrh_on_empty>(3)), -EINVAL);
  EXPECT_EQ(API(kick_set)(port_->id(), 0, static_cast<enum rte_pmd_zcnbrh_kick>(3)), -EINVAL);
  EXPECT_EQ(API(busy_budget_set)(port_->id(), 2, 5), -EINVAL);
  const auto after = queue();
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
}

TEST_F(OwnApi, HoldsOnAStoppedPortAndOverARestart) {
  open(",on_empty=drop");
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(API(window_set)(port_->id(), 0, 7), 0) << error_();
  ASSERT_EQ(API(busy_budget_set)(port_->id(), 0, 33), 0) << error_();
  ASSERT_EQ(API(on_empty_set)(port_->id(), RTE_PMD_ZCNBRH_ON_EMPTY_OFF), 0) << error_();
  EXPECT_EQ(queue().open, 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_EQ(queue().window, 0U);
  EXPECT_EQ(queue().busy_budget, 33U);
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(API(on_empty_set)(port_->id(), RTE_PMD_ZCNBRH_ON_EMPTY_PASS), 0) << error_();
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_EQ(queue().window, 7U);
  EXPECT_EQ(queue().on_empty, RTE_PMD_ZCNBRH_ON_EMPTY_PASS);
}

TEST_F(OwnApi, IsCalledFromAnyThreadWhileBurstsRun) {
  open(",on_empty=drop");
  ASSERT_EQ(API(trace_set)(port_->id(), 1), 0);
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> received{0};
  std::thread polls([&] {
    rte_mbuf* packets[32];
    while (!stop) {
      const uint16_t n = rte_eth_rx_burst(port_->id(), 0, packets, 32);
      received += n;
      uint16_t sent = 0;
      while (sent < n) sent += rte_eth_tx_burst(port_->id(), 0, packets + sent, n - sent);
    }
  });
  uint64_t given = 0;
  const auto asks = [&](int number) {
    ASSERT_EQ(API(window_set)(port_->id(), 0, 64U + number), 0) << error_();
    ASSERT_EQ(API(busy_budget_set)(port_->id(), 0, number % 2 == 0 ? 16 : 0), 0) << error_();
    ASSERT_EQ(API(on_empty_set)(port_->id(),
                                number % 2 == 0 ? RTE_PMD_ZCNBRH_ON_EMPTY_PASS : RTE_PMD_ZCNBRH_ON_EMPTY_DROP),
              0)
        << error_();
    ASSERT_EQ(API(kick_set)(port_->id(), 0, RTE_PMD_ZCNBRH_KICK_INLINE), 0) << error_();
    ASSERT_EQ(API(trace_set)(port_->id(), number % 3 != 0), 0);
    for (const auto topic : kTopics) ASSERT_GT(report_(port_->id(), topic, nullptr, 0), 0);
  };
  for (int number = 0; number < 20; ++number) {
    for (int i = 0; i < 8; ++i) given += wire_.send(given) ? 1 : 0;
    asks(number);
    EXPECT_TRUE(eventually([&] { return received == given; })) << received << " of " << given;
  }
  stop = true;
  polls.join();
  EXPECT_TRUE(eventually([&, back = uint64_t{0}]() mutable {
    back += wire_.receive().size();
    return back == given;
  }));
  EXPECT_EQ(port_->sum("violations"), 0U);
}

}  // namespace
}  // namespace zcnbrh::testing
