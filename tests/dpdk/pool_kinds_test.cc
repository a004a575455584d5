// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Mempools whose memory is not EAL's own: a shared mapping is taken into the UMEM by a second mapping of it,
// private memory is the UMEM where it is; what cannot be taken in receives by copy, and loses nothing while it
// is empty.
#include <gtest/gtest.h>
#include <rte_mbuf_pool_ops.h>
#include <sys/mman.h>

#include <cstring>
#include <memory>
#include <numeric>

#include "lib/base/mapping.h"
#include "tests/dpdk/eal_port.h"

namespace zcnbrh::testing {
namespace {

using Bytes = std::vector<uint8_t>;
constexpr unsigned kBuffers = 511;

Bytes pattern(size_t length, unsigned seed) {
  Bytes out(length);
  std::iota(out.begin(), out.end(), static_cast<uint8_t>(seed));
  return out;
}

struct FreePool {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

Pool make_pool(const char* name) {
  return Pool(rte_pktmbuf_pool_create(name, kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
}

// As rte_pktmbuf_pool_create() does it, but for the memory.
Pool make_empty(const char* name) {
  rte_pktmbuf_pool_private data{};
  data.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE;
  Pool pool(rte_mempool_create_empty(name, kBuffers, sizeof(rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, 0,
                                     sizeof data, SOCKET_ID_ANY, 0));
  if (pool == nullptr || rte_mempool_set_ops_byname(pool.get(), "ring_mp_mc", nullptr) != 0) return nullptr;
  rte_pktmbuf_pool_init(pool.get(), &data);
  return pool;
}

Pool make_anonymous_shared(const char* name) {
  Pool pool = make_empty(name);
  if (pool == nullptr || rte_mempool_populate_anon(pool.get()) != static_cast<int>(kBuffers)) return nullptr;
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

// In `memory`, which outlives it.
Pool make_in(const char* name, std::span<uint8_t> memory) {
  Pool pool = make_empty(name);
  if (pool == nullptr ||
      rte_mempool_populate_iova(pool.get(), reinterpret_cast<char*>(memory.data()), RTE_BAD_IOVA, memory.size(),
                                nullptr, nullptr) < static_cast<int>(kBuffers))
    return nullptr;
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

Pool make_pinned(const char* name, std::span<uint8_t> memory) {
  rte_pktmbuf_extmem memories[] = {{memory.data(), RTE_BAD_IOVA, memory.size(), RTE_MBUF_DEFAULT_BUF_SIZE}};
  return Pool(rte_pktmbuf_pool_create_extbuf(name, kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY,
                                             memories, 1));
}

constexpr size_t kPoolBytes = size_t{2} << 20;
constexpr size_t kBeside = size_t{20} << 20;  // more than a UMEM's tail is long

// Private memory between addresses that are free, or in use.
class PrivateMemory {
 public:
  enum Neighbours { kFree, kFreeBelow, kUsed };
  explicit PrivateMemory(Neighbours neighbours, size_t bytes = kPoolBytes) {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
    auto* at = static_cast<uint8_t*>(mmap(nullptr, 2 * kBeside + bytes, PROT_NONE, kFlags, -1, 0));
    below_ = Mapping(at, kBeside);
    memory_ = Mapping(mmap(at + kBeside, bytes, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, -1, 0), bytes);
    above_ = Mapping(at + kBeside + bytes, kBeside);
    if (neighbours != kUsed) below_.reset();
    if (neighbours == kFree) above_.reset();
  }
  std::span<uint8_t> bytes() const { return memory_.bytes(); }

 private:
  Mapping below_, memory_, above_;
};

class PoolKinds : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    ours_ = make_pool("kinds_ours");
    ASSERT_NE(ours_, nullptr);
  }
  void start(rte_mempool* rx, uint16_t descriptors = 128) {
    PortPlan plan;
    plan.devargs = "iface=loop,tx_bounce=32";
    plan.rx_desc = plan.tx_desc = descriptors;
    port_ = std::make_unique<EalPort>("net_zcnbrh_kinds", plan, rx);
    ASSERT_EQ(port_->error(), "");
  }
  bool send(rte_mempool* pool, const Bytes& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (m == nullptr) return false;
    std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return rte_eth_tx_burst(port_->id(), 0, &m, 1) == 1;
  }
  rte_mbuf* next() {
    rte_mbuf* m = nullptr;
    return rte_eth_rx_burst(port_->id(), 0, &m, 1) == 1 ? m : nullptr;
  }
  Bytes receive(const rte_mempool* into) {
    rte_mbuf* m = next();
    if (m == nullptr) return {};
    EXPECT_EQ(m->pool, into);
    EXPECT_EQ(m->port, port_->id());
    EXPECT_EQ(m->nb_segs, 1);
    EXPECT_EQ(m->pkt_len, m->data_len);
    EXPECT_EQ(rte_mbuf_refcnt_read(m), 1);
    const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
    Bytes out(data, data + m->pkt_len);
    rte_pktmbuf_free(m);
    return out;
  }
  // Packets of `from` arrive in mbufs of `into`.
  void carries(rte_mempool* from, rte_mempool* into, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      ASSERT_TRUE(send(from, pattern(60 + i % 1400, i))) << i;
      ASSERT_EQ(receive(into), pattern(60 + i % 1400, i)) << i;
    }
  }
  void close_whole(const Pool& pool) {
    EXPECT_EQ(port_->sum("violations"), 0U);
    port_.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), kBuffers);
    EXPECT_EQ(rte_mempool_avail_count(ours_.get()), kBuffers);
  }

  Pool ours_;
  std::unique_ptr<EalPort> port_;
};

TEST_F(PoolKinds, SharedAnonymousMemoryIsTakenIn) {
  const Pool pool = make_anonymous_shared("kinds_shared");
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  carries(pool.get(), pool.get(), 1200);
  carries(ours_.get(), pool.get(), 1200);
  EXPECT_EQ(port_->sum("bounce_copies"), 0U);
  EXPECT_EQ(port_->sum("rx_q0_copied"), 0U);
  close_whole(pool);
}

// Private memory has no second mapping: the UMEM is where it is, with our frames behind or before it.
TEST_F(PoolKinds, PrivateMemoryIsTheUmemItself) {
  for (const auto neighbours : {PrivateMemory::kFree, PrivateMemory::kFreeBelow}) {
    const PrivateMemory memory(neighbours);
    const Pool pool = make_in("kinds_private", memory.bytes());
    ASSERT_NE(pool, nullptr);
    start(pool.get());
    carries(pool.get(), pool.get(), 1200);
    EXPECT_EQ(port_->sum("rx_q0_copied"), 0U);
    EXPECT_EQ(port_->sum("bounce_copies"), 0U);
    carries(ours_.get(), pool.get(), 1200);
    EXPECT_EQ(port_->sum("bounce_copies"), 1200U) << "of a pool elsewhere, so no part of this UMEM";
    // Again and again: the addresses beside it are given back.
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
      ASSERT_EQ(rte_eth_rx_queue_setup(port_->id(), 0, 128, SOCKET_ID_ANY, nullptr, pool.get()), 0);
      ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
      carries(pool.get(), pool.get(), 200);
    }
    EXPECT_EQ(port_->sum("rx_q0_copied"), 0U);
    close_whole(pool);
  }
}

TEST_F(PoolKinds, PrivatePoolsNearEachOtherAreOneUmem) {
  const PrivateMemory memory(PrivateMemory::kFree, 2 * kPoolBytes);
  const Pool first = make_in("kinds_first", memory.bytes().first(kPoolBytes));
  const Pool second = make_in("kinds_second", memory.bytes().last(kPoolBytes));
  ASSERT_TRUE(first != nullptr && second != nullptr);
  start(first.get());
  PortPlan plan;
  plan.devargs = "iface=loop,tx_bounce=32";
  plan.rx_desc = plan.tx_desc = 128;
  EalPort other("net_zcnbrh_kinds2", plan, second.get());
  ASSERT_EQ(other.error(), "");
  carries(first.get(), first.get(), 600);
  carries(second.get(), first.get(), 600);
  EXPECT_EQ(port_->sum("bounce_copies") + port_->sum("rx_q0_copied"), 0U);
  // What one port received into its pool goes out at the other.
  for (unsigned i = 0; i < 600; ++i) {
    ASSERT_TRUE(send(first.get(), pattern(100, i)));
    rte_mbuf* m = next();
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(rte_eth_tx_burst(other.id(), 0, &m, 1), 1);
    ASSERT_EQ(rte_eth_rx_burst(other.id(), 0, &m, 1), 1);
    EXPECT_EQ(m->pool, second.get());
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(m, void*), pattern(100, i).data(), 100), 0);
    rte_pktmbuf_free(m);
  }
  EXPECT_EQ(other.sum("bounce_copies") + other.sum("rx_q0_copied"), 0U);
  other.close();
  EXPECT_EQ(rte_mempool_avail_count(second.get()), kBuffers);
  close_whole(first);
}

TEST_F(PoolKinds, PrivateMemoryBetweenOthersReceivesByCopy) {
  const PrivateMemory memory(PrivateMemory::kUsed);
  const Pool pool = make_in("kinds_private", memory.bytes());
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  carries(ours_.get(), pool.get(), 1200);
  EXPECT_EQ(port_->sum("bounce_copies"), 0U) << "other pools still go by address";
  EXPECT_EQ(port_->sum("rx_q0_copied"), 1200U);
  carries(pool.get(), pool.get(), 500);
  EXPECT_EQ(port_->sum("bounce_copies"), 500U);
  close_whole(pool);
}

TEST_F(PoolKinds, PinnedExternalBuffersReceiveByCopy) {
  const PrivateMemory memory(PrivateMemory::kUsed);
  const Pool pool = make_pinned("kinds_pinned", memory.bytes());
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  carries(ours_.get(), pool.get(), 1200);
  EXPECT_EQ(port_->sum("rx_q0_copied"), 1200U);
  carries(pool.get(), pool.get(), 500);
  EXPECT_EQ(port_->sum("bounce_copies"), 500U);
  close_whole(pool);
}

TEST_F(PoolKinds, ACopyingQueueWaitsWithPacketsWhileItsPoolIsEmpty) {
  const PrivateMemory memory(PrivateMemory::kUsed);
  const Pool pool = make_in("kinds_private", memory.bytes());
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  std::vector<rte_mbuf*> held(kBuffers);
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool.get(), held.data(), kBuffers), 0) << "none is in the kernel's hands";
  for (unsigned i = 0; i < 100; ++i) ASSERT_TRUE(send(ours_.get(), pattern(80, i)));
  for (unsigned i = 0; i < 50; ++i) ASSERT_EQ(next(), nullptr);
  EXPECT_GE(port_->sum("rx_q0_alloc_failed"), 50U);
  rte_pktmbuf_free(held.back());
  held.pop_back();
  EXPECT_EQ(receive(pool.get()), pattern(80, 0)) << "one buffer, one packet";
  rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
  for (unsigned i = 1; i < 100; ++i) EXPECT_EQ(receive(pool.get()), pattern(80, i));
  EXPECT_EQ(next(), nullptr);
  carries(ours_.get(), pool.get(), 300);
  close_whole(pool);
}

TEST_F(PoolKinds, ACopyingQueueTakesBurstsAndStopsWithPacketsUnread) {
  const PrivateMemory memory(PrivateMemory::kUsed);
  const Pool pool = make_in("kinds_private", memory.bytes());
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < 100; ++i) ASSERT_TRUE(send(ours_.get(), pattern(70, i)));
    rte_mbuf* burst[128];
    ASSERT_EQ(rte_eth_rx_burst(port_->id(), 0, burst, 128), 100);
    for (unsigned i = 0; i < 100; ++i)
      EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(burst[i], void*), pattern(70, i).data(), 70), 0);
    rte_pktmbuf_free_bulk(burst, 100);
  }
  for (unsigned i = 0; i < 100; ++i) ASSERT_TRUE(send(ours_.get(), pattern(70, i)));
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_EQ(next(), nullptr) << "what was not read is gone";
  carries(ours_.get(), pool.get(), 500);
  close_whole(pool);
}

TEST_F(PoolKinds, AnEmptyPoolIsRefilledAndTrafficResumes) {
  const Pool pool = make_pool("kinds_empty");
  ASSERT_NE(pool, nullptr);
  start(pool.get());
  std::vector<rte_mbuf*> held(kBuffers - 128);
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(pool.get(), held.data(), static_cast<unsigned>(held.size())), 0);
  // Every posted buffer is received and held; then the kernel has none to fill.
  for (unsigned i = 0; i < 128; ++i) {
    ASSERT_TRUE(send(ours_.get(), pattern(90, i)));
    rte_mbuf* m = next();
    ASSERT_NE(m, nullptr) << "packet " << i << " was not delivered though it had its buffer";
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(m, void*), pattern(90, i).data(), 90), 0);
    held.push_back(m);
  }
  ASSERT_EQ(held.size(), kBuffers);
  EXPECT_EQ(port_->sum("rx_q0_posted"), 0U);
  EXPECT_GT(port_->sum("rx_q0_alloc_failed"), 0U);
  for (unsigned i = 0; i < 1000; ++i) EXPECT_EQ(next(), nullptr);  // for as long as it takes
  rte_pktmbuf_free_bulk(held.data(), kBuffers);
  EXPECT_EQ(next(), nullptr);  // posts what is missing
  EXPECT_EQ(port_->sum("rx_q0_posted"), 128U);
  carries(ours_.get(), pool.get(), 1000);
  close_whole(pool);
}

TEST_F(PoolKinds, APoolTooSmallForTheRingIsRefusedOrTopsUpLater) {
  const Pool tiny(rte_pktmbuf_pool_create("kinds_tiny", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
  ASSERT_NE(tiny, nullptr);
  PortPlan plan;
  plan.devargs = "iface=loop";
  const EalPort refused("net_zcnbrh_tiny", plan, tiny.get());
  EXPECT_EQ(refused.error(), "start: -12") << "ENOMEM";
  EXPECT_EQ(rte_mempool_avail_count(tiny.get()), 63U) << "the refusal keeps none";
}

}  // namespace
}  // namespace zcnbrh::testing
