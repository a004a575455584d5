// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A mempool that is empty for seconds while packets keep coming from a netdev, and is then filled again: what
// has a buffer is delivered, what has none is counted as missed, and nothing stalls afterwards.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr unsigned kBuffers = 1023;
constexpr uint16_t kPosted = 256;
constexpr milliseconds kEmpty{2000};

struct Dry : ::testing::Test {
  void start(const char* keys) {
    ASSERT_TRUE(eal_ready());
    ASSERT_EQ(wire.error(), "");
    pool = rte_pktmbuf_pool_create("dry", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool, nullptr);
    inside = std::make_unique<InNamespace>(wire.here());
    PortPlan plan;
    plan.devargs = "iface=" + wire.netdev() + keys;
    plan.rx_desc = plan.tx_desc = kPosted;
    port = std::make_unique<EalPort>("net_zcnbrh_dry", plan, pool);
    ASSERT_EQ(port->error(), "");
  }
  void TearDown() override {
    EXPECT_EQ(port != nullptr ? port->sum("violations") : 0, 0U);
    port.reset();
    inside.reset();
    if (pool == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool), kBuffers) << "buffers were lost";
    rte_mempool_free(pool);
  }

  // Takes packets for so long, or until one comes with `last`; they are given back unless `held` is to have
  // them.
  void receive(std::chrono::microseconds how_long, uint64_t last = UINT64_MAX,
               std::vector<rte_mbuf*>* held = nullptr) {
    for (const auto end = Clock::now() + how_long; Clock::now() < end;) {
      rte_mbuf* burst[32];
      const uint16_t count = rte_eth_rx_burst(port->id(), 0, burst, 32);
      for (uint16_t i = 0; i < count; ++i) {
        const uint64_t number = Wire::number_of(rte_pktmbuf_mtod(burst[i], uint8_t*));
        in_order = in_order && (received == 0 || number > newest);
        newest = number;
        ++received;
      }
      if (held != nullptr)
        held->insert(held->end(), burst, burst + count);
      else
        rte_pktmbuf_free_bulk(burst, count);
      if (received != 0 && newest == last) return;
    }
  }
  void take_all(std::vector<rte_mbuf*>* held) {
    for (rte_mbuf* m; (m = rte_pktmbuf_alloc(pool)) != nullptr;) held->push_back(m);
  }
  uint64_t missed() const {
    rte_eth_stats stats{};
    rte_eth_stats_get(port->id(), &stats);
    return stats.imissed;
  }

  Wire wire;
  rte_mempool* pool = nullptr;
  std::unique_ptr<InNamespace> inside;
  std::unique_ptr<EalPort> port;
  uint64_t received = 0;
  uint64_t newest = 0;
  bool in_order = true;
};

// Sends numbered packets until it is told to stop.
class Sender {
 public:
  explicit Sender(Wire& wire) : wire_(wire), thread_([this] { run(); }) {}
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { stop(); }
  uint64_t sent() const { return sent_; }
  uint64_t stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  void run() {
    while (!stop_) {
      if (wire_.send(sent_)) ++sent_;
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  Wire& wire_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

TEST_F(Dry, ForSecondsUnderTrafficItLosesWhatIsCountedAndNoMore) {
  start("");
  Sender sender(wire);
  ASSERT_TRUE(eventually([&] { return receive(milliseconds(20)), received >= 100; }));
  EXPECT_EQ(missed(), 0U);

  std::vector<rte_mbuf*> held;
  take_all(&held);  // all but what is posted, which follows packet by packet
  const auto since = Clock::now();
  ASSERT_TRUE(
      eventually([&] { return receive(milliseconds(20), UINT64_MAX, &held), held.size() == kBuffers; }));
  EXPECT_EQ(rte_mempool_avail_count(pool), 0U);
  EXPECT_EQ(port->sum("rx_q0_posted"), 0U);
  const uint64_t failed = port->sum("rx_q0_alloc_failed");
  EXPECT_GT(failed, 0U);
  const uint64_t at_empty = received, sent_at_empty = sender.sent();
  while (Clock::now() - since < kEmpty || sender.sent() < sent_at_empty + 500) receive(milliseconds(20));
  EXPECT_EQ(received, at_empty) << "a packet without a buffer";
  EXPECT_GT(port->sum("rx_q0_alloc_failed"), failed) << "nobody looked whether there are buffers again";
  EXPECT_GE(missed(), 500U);

  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
  ASSERT_TRUE(eventually([&] { return receive(milliseconds(20)), received >= at_empty + 500; })) << "it stalls";
  const uint64_t sent = sender.stop();
  receive(milliseconds(5000), sent - 1);
  receive(milliseconds(1));
  EXPECT_EQ(port->sum("rx_q0_posted"), kPosted);
  EXPECT_EQ(newest, sent - 1);
  EXPECT_EQ(received + missed(), sent) << received << " received";
  EXPECT_TRUE(in_order);
}

// The gate counts packets that the application took, not buffers that it gave back: what it lets in without one
// is missed and counted. Its credit comes back, and the stack has what is beyond the window.
TEST_F(Dry, BehindAGateNothingIsLostUncountedAndItsCreditComesBack) {
  start(",on_empty=pass,window=64");
  std::vector<rte_mbuf*> held;
  take_all(&held);
  uint64_t sent = 0;
  wire.receive_near();
  while (held.size() < kBuffers || sent < 3000) {
    ASSERT_LT(sent, 100000U) << held.size() << " held";
    if (wire.send(sent)) ++sent;
    if (sent % 2 == 0) receive(std::chrono::microseconds(100), sent - 1, &held);
  }
  EXPECT_EQ(received, kPosted);
  EXPECT_EQ(port->sum("rx_q0_posted"), 0U);
  EXPECT_GT(missed(), 64U) << "a window that was lost whole did not come back";
  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
  receive(milliseconds(50));  // posts what is missing, and in a quiet moment the credits are set anew
  EXPECT_EQ(port->sum("rx_q0_posted"), kPosted);
  for (int i = 0; i < 1000; ++i) {
    if (wire.send(sent)) ++sent;
    receive(milliseconds(2000), sent - 1);
    ASSERT_EQ(newest, sent - 1) << "it stalls";
  }
  EXPECT_EQ(received + wire.receive_near().size() + missed(), sent);
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace zcnbrh::testing
