// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Mempools that go while their frames are in the kernel's hands: in the fill ring, in the RX ring, in the TX
// ring of a netdev that sends nothing, in the completion ring; with the port running, stopped, and closed. And
// memory that goes back to the system under a mempool that is still there (RTE_MEM_EVENT_FREE without a
// mempool's DESTROY): by rte_free() of the memory it was populated with. Each time another pool is made, at the
// same addresses: it gets no frame that is not its own, and what it sends is its own bytes.
// What is in a TX ring when its pool is freed goes out with the bytes that EAL leaves there (zeros), so it is
// not looked at.
#include <gtest/gtest.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_mbuf_pool_ops.h>
#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/huge_eal.h"
#include "tests/dpdk/pool_elements.h"
#include "tests/dpdk/wire.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 1023;
constexpr unsigned kHeld = 50;
constexpr size_t kMemory = size_t{8} << 20;

rte_mempool* make_pool(const char* name) {
  return rte_pktmbuf_pool_create(name, kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

// In memory of EAL's that the mempool does not own.
rte_mempool* make_in(const char* name, void* memory, size_t bytes) {
  rte_pktmbuf_pool_private data{};
  data.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE;
  rte_mempool* pool = rte_mempool_create_empty(name, kBuffers, sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0,
                                               sizeof data, SOCKET_ID_ANY, 0);
  if (pool == nullptr || rte_mempool_set_ops_byname(pool, "ring_mp_mc", nullptr) != 0) return nullptr;
  rte_pktmbuf_pool_init(pool, &data);
  if (rte_mempool_populate_iova(pool, static_cast<char*>(memory), RTE_BAD_IOVA, bytes, nullptr, nullptr) <
      static_cast<int>(kBuffers))
    return nullptr;
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

constexpr size_t kJustEnough = kBuffers * size_t{2560};  // for a pool

// Blocks of EAL's, the last of which lies where those elements were: a heap has holes elsewhere, too.
std::vector<void*> memory_at(const std::set<void*>& places) {
  std::vector<void*> out;
  for (int tries = 0; tries < 40; ++tries) {
    void* block = rte_malloc("flight", kJustEnough, 0);
    if (block == nullptr) break;
    out.push_back(block);
    if (block <= *places.rbegin() &&
        *places.begin() < static_cast<void*>(static_cast<uint8_t*>(block) + kJustEnough / 2))
      break;
  }
  return out;
}

// Not at the same element by element: in the same pages.
bool overlap(const std::set<void*>& a, const std::set<void*>& b) {
  return *a.begin() <= *b.rbegin() && *b.begin() <= *a.rbegin();
}

class PoolInFlight : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    static const std::string why_not = start_huge_eal({});
    if (why_not.starts_with("no huge")) GTEST_SKIP() << why_not;
    ASSERT_EQ(why_not, "");
    rx_ = make_pool("flight_rx");
    ASSERT_NE(rx_, nullptr);
  }
  void TearDown() override {
    port_.reset();
    if (rx_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(rx_), kBuffers);
    rte_mempool_free(rx_);
  }
  void start() {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev();
    plan.rx_desc = plan.tx_desc = 256;
    port_ = std::make_unique<EalPort>("net_zcnbrh_flight", plan, rx_);
    ASSERT_EQ(port_->error(), "");
  }
  uint16_t id() const { return port_->id(); }
  uint64_t in_flight() const { return port_->sum("tx_q0_in_flight"); }
  uint64_t copies() const { return port_->sum("bounce_copies"); }
  // Numbers first .. first + count - 1.
  void send(rte_mempool* pool, uint64_t first, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      rte_mbuf* m = rte_pktmbuf_alloc(pool);
      ASSERT_NE(m, nullptr);
      Wire::write(first + i, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, Wire::kLength)));
      ASSERT_EQ(rte_eth_tx_burst(id(), 0, &m, 1), 1) << i;
    }
  }
  // All of `count` from `first` on arrive, in order, and no other.
  void arrive(uint64_t first, unsigned count) {
    std::vector<uint64_t> wanted(count), found;
    std::iota(wanted.begin(), wanted.end(), first);
    eventually(
        [&] {
          rte_eth_tx_burst(id(), 0, nullptr, 0);
          const auto more = wire_.receive();
          found.insert(found.end(), more.begin(), more.end());
          return found.size() >= count;
        },
        std::chrono::seconds(10));
    EXPECT_EQ(found, wanted);
  }
  void passes(rte_mempool* pool, uint64_t first, unsigned count) {
    for (unsigned done = 0; done < count; done += kHeld) {
      send(pool, first + done, kHeld);
      arrive(first + done, kHeld);
    }
  }
  void receives(uint64_t number) {
    ASSERT_TRUE(wire_.send(number));
    uint64_t found = 0;
    EXPECT_TRUE(eventually([&] {
      rte_mbuf* m = nullptr;
      if (rte_eth_rx_burst(id(), 0, &m, 1) != 1) return false;
      found = Wire::number_of(rte_pktmbuf_mtod(m, uint8_t*));
      rte_pktmbuf_free(m);
      return true;
    }));
    EXPECT_EQ(found, number);
  }
  void all_back() {
    EXPECT_TRUE(eventually([&] {
      rte_eth_tx_burst(id(), 0, nullptr, 0);
      return in_flight() == 0;
    }));
  }
  bool restart() { return rte_eth_dev_stop(id()) == 0 && rte_eth_dev_start(id()) == 0; }
  bool with_pool(rte_mempool* pool) {
    return rte_eth_rx_queue_setup(id(), 0, 256, SOCKET_ID_ANY, nullptr, pool) == 0;
  }

  // A pool at the addresses of one that is gone is whole, and sends its own bytes. Where the port was started
  // anew since, its UMEM is new, too, and the addresses may be others.
  void another_takes_its_place(const std::set<void*>& places, bool started_anew = false) {
    rte_mempool* late = make_pool("flight_late");
    ASSERT_NE(late, nullptr);
    EXPECT_TRUE(started_anew || overlap(places, elements(late)))
        << "EAL gave other addresses: this shows nothing";
    const uint64_t before = copies();
    passes(late, 5000, 2 * kBuffers);
    EXPECT_GE(copies() - before, 2 * kBuffers) << "it is no part of the UMEM";
    all_back();
    ASSERT_TRUE(restart());
    const uint64_t then = copies();
    passes(late, 9000, 2 * kBuffers);
    EXPECT_EQ(copies(), then) << "the start has taken it in";
    EXPECT_EQ(port_->sum("violations"), 0U);
    EXPECT_EQ(port_->sum("xsk_invalid_descs"), 0U);
    port_.reset();
    holds_its_own(late);
    rte_mempool_free(late);
  }
  // Each of its elements once, and none of another's.
  static void holds_its_own(rte_mempool* pool) {
    EXPECT_EQ(rte_mempool_avail_count(pool), kBuffers);
    std::vector<void*> all(kBuffers);
    ASSERT_EQ(rte_mempool_get_bulk(pool, all.data(), kBuffers), 0);
    EXPECT_EQ(std::set<void*>(all.begin(), all.end()), elements(pool));
    rte_mempool_put_bulk(pool, all.data(), kBuffers);
  }

  Wire wire_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* rx_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(PoolInFlight, InTheTxRingOfARunningPort) {
  rte_mempool* pool = make_pool("flight");
  start();
  passes(pool, 100, 100);
  const std::set<void*> places = elements(pool);
  ASSERT_TRUE(wire_.hold());
  send(pool, 1000, kHeld);
  ASSERT_EQ(in_flight(), kHeld);
  rte_mempool_free(pool);
  EXPECT_EQ(in_flight(), kHeld) << "the kernel has them still, and the UMEM keeps their pages";
  rte_mempool* late = make_pool("flight");
  ASSERT_TRUE(overlap(places, elements(late)));
  ASSERT_TRUE(wire_.let_go());
  all_back();
  holds_its_own(late);  // frames of the former pool did not come back into this one
  rte_mempool_free(late);
  another_takes_its_place(places);
}

TEST_F(PoolInFlight, InTheTxRingOfAPortThatWasStopped) {
  rte_mempool* pool = make_pool("flight");
  start();
  const std::set<void*> places = elements(pool);
  ASSERT_TRUE(wire_.hold());
  send(pool, 1000, kHeld);
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  rte_mempool_free(pool);
  ASSERT_TRUE(wire_.let_go());
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  wire_.receive();
  all_back();
  another_takes_its_place(places, true);
}

TEST_F(PoolInFlight, InTheTxRingOfAPortThatIsStoppedAfterwards) {
  rte_mempool* pool = make_pool("flight");
  start();
  const std::set<void*> places = elements(pool);
  ASSERT_TRUE(wire_.hold());
  send(pool, 1000, kHeld);
  rte_mempool_free(pool);
  ASSERT_EQ(rte_eth_dev_stop(id()), 0);
  ASSERT_TRUE(wire_.let_go());
  ASSERT_EQ(rte_eth_dev_start(id()), 0);
  wire_.receive();
  all_back();
  another_takes_its_place(places, true);
}

TEST_F(PoolInFlight, InTheTxRingOfAPortThatIsClosedFirst) {
  rte_mempool* pool = make_pool("flight");
  start();
  ASSERT_TRUE(wire_.hold());
  send(pool, 1000, kHeld);
  port_.reset();
  EXPECT_EQ(rte_mempool_avail_count(pool), kBuffers) << "the socket is gone, so all are back";
  rte_mempool_free(pool);
}

TEST_F(PoolInFlight, InTheTxRingOfAPortThatIsClosedAfterwards) {
  rte_mempool* pool = make_pool("flight");
  start();
  ASSERT_TRUE(wire_.hold());
  send(pool, 1000, kHeld);
  rte_mempool_free(pool);
  rte_mempool* late = make_pool("flight");
  port_.reset();
  EXPECT_EQ(rte_mempool_avail_count(late), kBuffers);
  rte_mempool_free(late);
}

TEST_F(PoolInFlight, InTheCompletionRing) {
  for (const bool stopped : {false, true}) {
    rte_mempool* pool = make_pool("flight");
    start();
    const std::set<void*> places = elements(pool);
    send(pool, 1000, kHeld);  // the kernel is done with them; nobody has asked
    ASSERT_NE(in_flight(), 0U);
    if (stopped) {
      ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    }
    rte_mempool_free(pool);
    EXPECT_EQ(in_flight(), 0U) << "they went back into the pool before it went";
    if (stopped) {
      ASSERT_EQ(rte_eth_dev_start(id()), 0);
    }
    arrive(1000, kHeld);
    another_takes_its_place(places, true);
  }
}

// The queue's own pool: posted frames, packets received and not read, and frames it has sent.
TEST_F(PoolInFlight, InEveryRingAtOnce) {
  for (const bool stopped : {false, true}) {
    start();
    for (uint64_t i = 0; i < 30; ++i) ASSERT_TRUE(wire_.send(i));
    send(rx_, 1, 20);
    ASSERT_TRUE(wire_.hold());
    send(rx_, 100, kHeld);
    if (stopped) {
      ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    }
    rte_mempool_free(rx_);
    rte_mbuf* m = nullptr;
    if (!stopped) {
      EXPECT_EQ(rte_eth_rx_burst(id(), 0, &m, 1), 0);
      EXPECT_EQ(rte_eth_dev_stop(id()), 0);
    }
    ASSERT_TRUE(wire_.let_go());
    rx_ = make_pool("flight_rx");
    ASSERT_TRUE(with_pool(rx_));
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
    wire_.receive();
    for (uint64_t i = 0; i < 300; ++i) receives(i);
    passes(rx_, 400, 2 * kBuffers);
    EXPECT_EQ(copies(), 0U);
    EXPECT_EQ(port_->sum("violations"), 0U);
    port_.reset();
    EXPECT_EQ(rte_mempool_avail_count(rx_), kBuffers);
  }
}

TEST_F(PoolInFlight, ItsMemoryIsFreedUnderIt) {
  for (const bool held : {false, true}) {
    void* memory = rte_malloc("flight", kMemory, size_t{2} << 20);
    rte_mempool* pool = make_in(held ? "flight_held" : "flight_free", memory, kMemory);
    ASSERT_NE(pool, nullptr);
    start();
    passes(pool, 100, 2 * kBuffers);
    ASSERT_EQ(copies(), 0U);
    const std::set<void*> places = elements(pool);
    if (held) {
      ASSERT_TRUE(wire_.hold());
      send(pool, 1000, kHeld);
    }
    rte_free(memory);  // the mempool is there, and never says that it goes: DPDK itself could not free it now
    if (held) {
      EXPECT_EQ(in_flight(), kHeld);
      ASSERT_TRUE(wire_.let_go());
    }
    all_back();
    wire_.receive();
    // Another pool in that very memory.
    std::vector<void*> taken = memory_at(places);
    rte_mempool* late = make_in("flight_again", taken.back(), kJustEnough);
    ASSERT_NE(late, nullptr);
    EXPECT_TRUE(overlap(places, elements(late))) << "EAL gave other addresses: this shows nothing";
    passes(late, 2000, 2 * kBuffers);
    EXPECT_GE(copies(), 2 * kBuffers) << "it is no part of the UMEM";
    passes(rx_, 5000, 100);
    // At the next start it is taken in, and the one without memory is not looked at.
    ASSERT_TRUE(restart());
    const uint64_t before = copies();
    passes(late, 7000, 2 * kBuffers);
    EXPECT_EQ(copies(), before);
    EXPECT_FALSE(with_pool(pool)) << "a queue cannot have it";
    EXPECT_EQ(port_->sum("violations"), 0U);
    port_.reset();
    holds_its_own(late);
    rte_mempool_free(late);
    for (void* each : taken) rte_free(each);
  }
}

TEST_F(PoolInFlight, MemoryOfAQueuesOwnPoolIsFreedUnderIt) {
  for (const bool running : {true, false}) {
    void* memory = rte_malloc("flight", kMemory, size_t{2} << 20);
    rte_mempool* whole = rx_;
    rx_ = make_in(running ? "flight_own1" : "flight_own2", memory, kMemory);
    ASSERT_NE(rx_, nullptr);
    start();
    for (uint64_t i = 0; i < 50; ++i) receives(i);
    if (!running) {
      ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    }
    rte_free(memory);
    rx_ = whole;  // the other one stays for ever
    if (running) {
      ASSERT_TRUE(wire_.send(77));
      rte_mbuf* m = nullptr;
      for (int i = 0; i < 100; ++i) ASSERT_EQ(rte_eth_rx_burst(id(), 0, &m, 1), 0) << "the queue has stopped";
      ASSERT_EQ(rte_eth_dev_stop(id()), 0);
    }
    EXPECT_LT(rte_eth_dev_start(id()), 0) << "into memory that is gone";
    ASSERT_TRUE(with_pool(rx_));
    ASSERT_EQ(rte_eth_dev_start(id()), 0);
    for (uint64_t i = 0; i < 300; ++i) receives(i);
    passes(rx_, 400, 500);
    EXPECT_EQ(port_->sum("violations"), 0U);
    port_.reset();
  }
}

// An external heap cannot be taken away while a port has frames of ours in it; afterwards it can.
TEST_F(PoolInFlight, AnExternalHeapStaysWhileAPortUsesIt) {
  constexpr size_t kBytes = size_t{16} << 20;
  void* area = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(area, MAP_FAILED);
  ASSERT_EQ(rte_malloc_heap_create("flight_heap"), 0);
  ASSERT_EQ(rte_malloc_heap_memory_add("flight_heap", area, kBytes, nullptr, 0, 4096), 0);
  rte_mempool* whole = rx_;
  rx_ = rte_pktmbuf_pool_create("flight_heap", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                rte_malloc_heap_get_socket("flight_heap"));
  ASSERT_NE(rx_, nullptr);
  start();
  for (uint64_t i = 0; i < 100; ++i) receives(i);
  passes(rx_, 100, 2 * kBuffers);
  EXPECT_EQ(copies() + port_->sum("rx_q0_copied"), 0U);
  rte_mempool_free(rx_);  // running: the queue is closed, and gives our frames back with it
  port_.reset();
  rx_ = whole;
  EXPECT_EQ(rte_malloc_heap_memory_remove("flight_heap", area, kBytes), 0) << rte_strerror(rte_errno);
  EXPECT_EQ(rte_malloc_heap_destroy("flight_heap"), 0);
  EXPECT_EQ(munmap(area, kBytes), 0);
}

}  // namespace
}  // namespace zcnbrh::testing
