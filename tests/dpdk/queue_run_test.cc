// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Queues that are stopped, started and set up anew while their port runs, with bursts going on in another
// thread. Every packet is accounted for: the application had it, the kernel's stack had it, or the driver
// counted it as given back unread; and in the other direction each number arrives once and in order.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;

class QueueRun : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("run", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    other_ = rte_pktmbuf_pool_create("other", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }
  void TearDown() override {
    port_.reset();
    for (rte_mempool* pool : {pool_, other_}) {
      EXPECT_EQ(rte_mempool_avail_count(pool), kBuffers);
      rte_mempool_free(pool);
    }
  }
  void open(const std::string& keys = "") {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + keys;
    plan.rx_desc = plan.tx_desc = 256;
    port_ = std::make_unique<EalPort>("net_zcnbrh_run", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  uint16_t id() const { return port_->id(); }
  uint8_t rx_state() const {
    rte_eth_rxq_info info{};
    rte_eth_rx_queue_info_get(id(), 0, &info);
    return info.queue_state;
  }
  uint8_t tx_state() const {
    rte_eth_txq_info info{};
    rte_eth_tx_queue_info_get(id(), 0, &info);
    return info.queue_state;
  }
  // One burst; the numbers of what came.
  std::vector<uint64_t> receive(uint16_t queue = 0) {
    rte_mbuf* got[32];
    std::vector<uint64_t> numbers;
    const uint16_t n = rte_eth_rx_burst(id(), queue, got, 32);
    for (uint16_t i = 0; i < n; ++i) numbers.push_back(Wire::number_of(rte_pktmbuf_mtod(got[i], uint8_t*)));
    if (n != 0) rte_pktmbuf_free_bulk(got, n);
    return numbers;
  }
  bool receives(uint64_t number) {
    if (!wire_.send(number)) return false;
    return eventually([&] { return receive() == std::vector<uint64_t>{number}; });
  }
  bool sends(uint64_t number) {
    if (!send(number)) return false;
    return eventually([&] { return wire_.receive() == std::vector<uint64_t>{number}; });
  }
  bool send(uint64_t number, rte_mempool* from = nullptr) {
    rte_mbuf* m = rte_pktmbuf_alloc(from != nullptr ? from : pool_);
    if (m == nullptr) return false;
    Wire::write(number, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, Wire::kLength)));
    if (rte_eth_tx_burst(id(), 0, &m, 1) == 1) return true;
    rte_pktmbuf_free(m);
    return false;
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  rte_mempool* other_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

// Runs `turn` again and again in a thread of its own until it is destroyed.
class Loop {
 public:
  explicit Loop(std::function<void()> turn)
      : thread_([this, turn = std::move(turn)] {
          while (!stop_.load(std::memory_order_relaxed)) turn();
        }) {}
  ~Loop() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(QueueRun, AStoppedRxQueuesPacketsGoToTheKernelAndTxGoesOn) {
  open();
  ASSERT_TRUE(receives(1));
  ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
  EXPECT_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STOPPED);
  ASSERT_TRUE(wire_.send(2));
  EXPECT_TRUE(eventually([&] { return wire_.receive_near() == std::vector<uint64_t>{2}; }));
  EXPECT_TRUE(receive().empty());
  EXPECT_TRUE(sends(3));
  ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  EXPECT_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STARTED);
  EXPECT_TRUE(receives(4));
  EXPECT_TRUE(wire_.receive_near().empty());
}

TEST_F(QueueRun, WhatWasReceivedUnreadIsGivenBackAtStopAndCounted) {
  open();
  for (uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(wire_.send(i));
  ASSERT_TRUE(eventually([&] { return rte_eth_rx_queue_count(id(), 0) == 10; }));
  ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
  EXPECT_EQ(port_->sum("rx_q0_flushed"), 10U);
  ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  EXPECT_TRUE(receive().empty());
  EXPECT_TRUE(receives(11));
}

TEST_F(QueueRun, AStoppedTxQueueTakesNothingAndRxGoesOn) {
  open();
  ASSERT_TRUE(sends(1));
  ASSERT_EQ(rte_eth_dev_tx_queue_stop(id(), 0), 0);
  EXPECT_EQ(tx_state(), RTE_ETH_QUEUE_STATE_STOPPED);
  EXPECT_FALSE(send(2));
  EXPECT_TRUE(receives(3));
  ASSERT_EQ(rte_eth_dev_tx_queue_start(id(), 0), 0);
  EXPECT_TRUE(sends(4));
}

TEST_F(QueueRun, TxStopSendsWhatWasTakenAndGivesTheBuffersBack) {
  open();
  const unsigned before = rte_mempool_avail_count(pool_);
  for (uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(send(i));
  ASSERT_EQ(rte_eth_dev_tx_queue_stop(id(), 0), 0);
  EXPECT_EQ(rte_mempool_avail_count(pool_), before);
  std::vector<uint64_t> arrived;
  EXPECT_TRUE(eventually([&] {
    for (const uint64_t number : wire_.receive()) arrived.push_back(number);
    return arrived.size() == 20;
  }));
}

TEST_F(QueueRun, DeferredQueuesStandUntilTheyAreStarted) {
  open();
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  rte_eth_rxconf rx{};
  rx.rx_deferred_start = 1;
  rte_eth_txconf tx{};
  tx.tx_deferred_start = 1;
  ASSERT_EQ(rte_eth_rx_queue_setup(id(), 0, 256, SOCKET_ID_ANY, &rx, pool_), 0);
  ASSERT_EQ(rte_eth_tx_queue_setup(id(), 0, 256, SOCKET_ID_ANY, &tx), 0);
  for (int turn = 0; turn < 2; ++turn) {  // deferred again at the port's next start
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
    EXPECT_EQ(rx_state(), RTE_ETH_QUEUE_STATE_STOPPED);
    EXPECT_EQ(tx_state(), RTE_ETH_QUEUE_STATE_STOPPED);
    ASSERT_TRUE(wire_.send(1));
    EXPECT_TRUE(eventually([&] { return wire_.receive_near() == std::vector<uint64_t>{1}; }));
    EXPECT_TRUE(receive().empty());
    EXPECT_FALSE(send(2));
    ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
    ASSERT_EQ(rte_eth_dev_tx_queue_start(id(), 0), 0);
    EXPECT_TRUE(receives(3));
    EXPECT_TRUE(sends(4));
    ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  }
}

TEST_F(QueueRun, StopAndStartUnderABurstLoseNothing) {
  open();
  std::atomic<uint64_t> had{0}, sent{0}, taken{0};
  {
    Loop rx([&] { had += receive().size(); });
    Loop tx([&] { taken += send(1); });
    Loop peer([&] {
      sent += wire_.send(0);
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    });
    for (int turn = 0; turn < 100; ++turn) {
      ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
      ASSERT_EQ(rte_eth_dev_tx_queue_stop(id(), 0), 0);
      ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
      ASSERT_EQ(rte_eth_dev_tx_queue_start(id(), 0), 0);
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  }
  uint64_t stack = 0;
  const auto accounted = [&] {
    had += receive().size();
    stack += wire_.receive_near().size();
    return had + stack + port_->sum("rx_q0_flushed");
  };
  EXPECT_TRUE(eventually([&] { return accounted() >= sent; })) << accounted() << " of " << sent;
  EXPECT_EQ(accounted(), sent) << had << " had, " << stack << " in the stack";
  EXPECT_GT(had, 0U);
  EXPECT_GT(stack, 0U);
  EXPECT_GT(taken, 0U);
  EXPECT_EQ(port_->sum("violations"), 0U);
}

// No burst runs within the calls themselves: rte_eth_dev_stop() exchanges function and queue pointers one after
// the other (eth_dev_fp_ops_reset()), so a burst then may meet one without the other, with any driver.
TEST_F(QueueRun, PortStopAmongBurstsGivesEveryBufferBack) {
  open();
  std::mutex between;
  const auto polling = [&between](const std::function<void()>& burst) {
    return [&between, burst] {
      {
        const std::lock_guard<std::mutex> lock(between);
        burst();
      }
      std::this_thread::yield();
    };
  };
  Loop rx(polling([&] { receive(); }));
  Loop tx(polling([&] { send(1); }));
  for (int turn = 0; turn < 50; ++turn) {
    wire_.send(0);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard<std::mutex> lock(between);
    ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
  }
}

// What the other direction sees while a side is set up anew: `set_up` runs with 200 numbers on their way out of
// a thread of its own. Every one arrives, once and in order.
class SetUpAtRunTime : public QueueRun {
 protected:
  void with_tx_running(const std::function<void()>& set_up) {
    uint64_t next = 0;
    std::vector<uint64_t> arrived;
    std::atomic<uint64_t> taken{0};
    {
      Loop tx([&] {
        if (send(next)) taken = ++next;
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      });
      ASSERT_TRUE(eventually([&] { return taken >= 50; }));
      set_up();
      const uint64_t now = taken;
      ASSERT_TRUE(eventually([&] { return taken >= now + 50; })) << "TX did not go on";
    }
    eventually([&] {
      for (const uint64_t number : wire_.receive()) arrived.push_back(number);
      return arrived.size() >= next;
    });
    ASSERT_EQ(arrived.size(), next);
    for (uint64_t i = 0; i < next; ++i) ASSERT_EQ(arrived[i], i);
  }
  void with_rx_running(const std::function<void()>& set_up) {
    std::atomic<uint64_t> came{0}, had{0};
    std::atomic<bool> in_order{true};
    const uint64_t flushed = port_->sum("rx_q0_flushed");
    wire_.receive_near();
    uint64_t next = 0;
    {
      Loop rx([&] {
        for (const uint64_t number : receive()) {
          if (number < came) in_order = false;
          came = number + 1;
          ++had;
        }
      });
      Loop peer([&] {
        next += wire_.send(next);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
      });
      ASSERT_TRUE(eventually([&] { return came >= 50; }));
      set_up();
      const uint64_t now = came;
      ASSERT_TRUE(eventually([&] { return came >= now + 50; })) << "RX did not go on";
    }
    EXPECT_TRUE(in_order);
    uint64_t stack = 0;
    const auto accounted = [&] {
      had += receive().size();
      stack += wire_.receive_near().size();
      return had + stack + port_->sum("rx_q0_flushed") - flushed;
    };
    eventually([&] { return accounted() >= next; });
    EXPECT_EQ(accounted(), next) << had << " had, " << stack << " in the stack";
  }
  int set_up_rx(uint16_t descriptors, rte_mempool* pool) {
    return rte_eth_rx_queue_setup(id(), 0, descriptors, SOCKET_ID_ANY, nullptr, pool);
  }
};

TEST_F(SetUpAtRunTime, RxWithTheSameSizeLeavesTheSocketAlone) {
  open();
  ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
  const unsigned before = rte_mempool_avail_count(pool_);
  with_tx_running([&] { ASSERT_EQ(set_up_rx(256, pool_), 0); });
  EXPECT_EQ(tx_state(), RTE_ETH_QUEUE_STATE_STARTED);
  EXPECT_TRUE(eventually([&] {
    rte_eth_tx_done_cleanup(id(), 0, 0);
    return rte_mempool_avail_count(pool_) == before;  // the frames stay posted
  }));
  ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  EXPECT_TRUE(receives(7));
}

TEST_F(SetUpAtRunTime, RxWithALargerRingAndWithAnotherPool) {
  open();
  for (const uint16_t descriptors : {300, 1024, 64}) {
    for (rte_mempool* pool : {pool_, other_}) {
      ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
      with_tx_running([&] { ASSERT_EQ(set_up_rx(descriptors, pool), 0); });
      ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
      EXPECT_TRUE(receives(descriptors));
      rte_eth_rxq_info info{};
      ASSERT_EQ(rte_eth_rx_queue_info_get(id(), 0, &info), 0);
      EXPECT_EQ(info.nb_desc, descriptors);
      EXPECT_EQ(info.mp, pool);
      EXPECT_EQ(port_->sum("rx_q0_posted") + port_->sum("rx_q0_deficit"), descriptors);
    }
  }
}

TEST_F(SetUpAtRunTime, TxOfAnySizeWhileRxRuns) {
  open();
  for (const uint16_t descriptors : {256, 128, 1024}) {
    ASSERT_EQ(rte_eth_dev_tx_queue_stop(id(), 0), 0);
    with_rx_running(
        [&] { ASSERT_EQ(rte_eth_tx_queue_setup(id(), 0, descriptors, SOCKET_ID_ANY, nullptr), 0); });
    ASSERT_EQ(rte_eth_dev_tx_queue_start(id(), 0), 0);
    wire_.receive();
    EXPECT_TRUE(sends(9));
    rte_eth_txq_info info{};
    ASSERT_EQ(rte_eth_tx_queue_info_get(id(), 0, &info), 0);
    EXPECT_EQ(info.nb_desc, descriptors);
  }
}

TEST_F(SetUpAtRunTime, AQueueThatRunsIsRefused) {
  open();
  EXPECT_EQ(set_up_rx(256, pool_), -EBUSY);
  EXPECT_EQ(rte_eth_tx_queue_setup(id(), 0, 256, SOCKET_ID_ANY, nullptr), -EBUSY);
  EXPECT_TRUE(receives(1));
  EXPECT_TRUE(sends(2));
}

TEST_F(SetUpAtRunTime, ARefusedSetUpLeavesBothSidesAsTheyWere) {
  open();
  rte_mempool* tiny = rte_pktmbuf_pool_create("tiny", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  ASSERT_EQ(rte_eth_dev_rx_queue_stop(id(), 0), 0);
  with_tx_running([&] { EXPECT_EQ(set_up_rx(512, tiny), -ENOMEM); });
  EXPECT_EQ(rte_mempool_avail_count(tiny), 63U);
  ASSERT_EQ(set_up_rx(256, pool_), 0);
  ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  EXPECT_TRUE(receives(5));
  EXPECT_TRUE(sends(6));
  rte_mempool_free(tiny);
}

TEST_F(SetUpAtRunTime, AQueueThatWasNotThereAtStart) {
  open();
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  rte_eth_conf conf{};
  ASSERT_EQ(rte_eth_dev_configure(id(), 0, 1, &conf), 0);  // releases RX queue 0
  ASSERT_EQ(rte_eth_dev_configure(id(), 1, 1, &conf), 0);
  ASSERT_EQ(rte_eth_tx_queue_setup(id(), 0, 256, SOCKET_ID_ANY, nullptr), 0);
  // A port that has only its TX queue set up; RX comes later.
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  with_tx_running([&] { ASSERT_EQ(set_up_rx(256, pool_), 0); });
  ASSERT_EQ(rte_eth_dev_rx_queue_start(id(), 0), 0);
  EXPECT_TRUE(receives(5));
}

TEST_F(SetUpAtRunTime, CapabilitiesSayThatItCanBeDone) {
  open();
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id(), &info), 0);
  EXPECT_NE(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP, 0U);
  EXPECT_NE(info.dev_capa & RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP, 0U);
}

}  // namespace
}  // namespace zcnbrh::testing
