// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Any mbuf an application may send arrives byte for byte, or is dropped and counted; and the driver never
// lends the kernel a buffer that is not wholly and solely its own to lend. On the loop backend, where what
// is sent comes back on the same queue.
#include <gtest/gtest.h>
#include <rte_malloc.h>

#include <cstring>
#include <numeric>

#include "tests/dpdk/eal_port.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 1023;

using Bytes = std::vector<uint8_t>;

Bytes pattern(size_t length, uint8_t seed) {
  Bytes out(length);
  std::iota(out.begin(), out.end(), seed);
  return out;
}

class Mbufs : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("mbufs", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
    PortPlan plan;
    plan.devargs = "iface=loop,tx_bounce=16";
    plan.rx_desc = plan.tx_desc = 128;
    port_ = std::make_unique<EalPort>("net_zcnbrh_mbufs", plan, pool_);
    ASSERT_EQ(port_->error(), "");
    // After the start, so that it is no part of the UMEM.
    other_ = rte_pktmbuf_pool_create("others", 255, 0, 0, 9000, SOCKET_ID_ANY);
    ASSERT_NE(other_, nullptr);
  }
  void TearDown() override {
    if (port_ == nullptr) return;
    EXPECT_EQ(port_->sum("violations"), 0U);
    EXPECT_EQ(port_->sum("xsk_invalid_descs"), 0U) << "an invalid descriptor reached a ring";
    port_.reset();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    EXPECT_EQ(rte_mempool_avail_count(other_), 255U);
    rte_mempool_free(pool_);
    rte_mempool_free(other_);
  }

  static rte_mbuf* segment(rte_mempool* pool, const Bytes& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return m;
  }

  uint16_t send(rte_mbuf* m) { return rte_eth_tx_burst(port_->id(), 0, &m, 1); }

  // The next packet that came back, or nothing.
  Bytes receive() {
    rte_mbuf* m = nullptr;
    if (rte_eth_rx_burst(port_->id(), 0, &m, 1) != 1) return {};
    EXPECT_EQ(m->port, port_->id());
    EXPECT_EQ(m->nb_segs, 1);
    EXPECT_EQ(m->next, nullptr);
    EXPECT_EQ(m->ol_flags, 0U);
    EXPECT_EQ(m->pkt_len, m->data_len);
    EXPECT_EQ(m->data_off, RTE_PKTMBUF_HEADROOM);
    EXPECT_EQ(rte_mbuf_refcnt_read(m), 1);
    const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
    Bytes out(data, data + m->pkt_len);
    rte_pktmbuf_free(m);
    return out;
  }

  void arrives(rte_mbuf* m, const Bytes& as, uint64_t bounces) {
    const uint64_t before = port_->sum("bounce_copies");
    ASSERT_EQ(send(m), 1);
    EXPECT_EQ(receive(), as);
    EXPECT_EQ(port_->sum("bounce_copies") - before, bounces);
  }

  void is_dropped(rte_mbuf* m) {
    const uint64_t before = port_->sum("tx_q0_invalid");
    ASSERT_EQ(send(m), 1) << "an invalid packet is taken, dropped and counted";
    EXPECT_EQ(receive(), Bytes());
    EXPECT_EQ(port_->sum("tx_q0_invalid") - before, 1U);
  }

  rte_mempool* pool_ = nullptr;
  rte_mempool* other_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(Mbufs, DirectGoesByAddress) { arrives(segment(pool_, pattern(60, 1)), pattern(60, 1), 0); }

TEST_F(Mbufs, DirectWithMovedDataGoesByAddress) {
  rte_mbuf* m = segment(pool_, pattern(100, 2));
  rte_pktmbuf_adj(m, 14);
  arrives(m, pattern(86, 2 + 14), 0);
}

TEST_F(Mbufs, DirectWithoutHeadroomGoesByAddress) {
  rte_mbuf* m = segment(pool_, pattern(60, 3));
  std::memcpy(rte_pktmbuf_prepend(m, RTE_PKTMBUF_HEADROOM), pattern(RTE_PKTMBUF_HEADROOM, 9).data(),
              RTE_PKTMBUF_HEADROOM);
  Bytes as = pattern(RTE_PKTMBUF_HEADROOM, 9);
  const Bytes tail = pattern(60, 3);
  as.insert(as.end(), tail.begin(), tail.end());
  arrives(m, as, 0);
}

// An offset before the chunk is a large number, which the length makes small again.
TEST_F(Mbufs, DataThatBeginsBeforeItsChunkIsCopied) {
  rte_mbuf* m = segment(pool_, pattern(60, 4));
  void* const own = m->buf_addr;
  auto* early = reinterpret_cast<uint8_t*>(m) - pool_->header_size - 8;
  m->buf_addr = early - m->data_off;
  arrives(m, Bytes(early, early + 60), 1);
  m->buf_addr = own;
}

TEST_F(Mbufs, ChainIsGathered) {
  rte_mbuf* head = segment(pool_, pattern(500, 1));
  for (uint8_t i = 2; i < 5; ++i)
    ASSERT_EQ(rte_pktmbuf_chain(head, segment(i == 3 ? other_ : pool_, pattern(400, i))), 0);
  Bytes as = pattern(500, 1);
  for (uint8_t i = 2; i < 5; ++i) {
    const Bytes part = pattern(400, i);
    as.insert(as.end(), part.begin(), part.end());
  }
  arrives(head, as, 1);
}

TEST_F(Mbufs, ChainWithAnEmptySegmentIsGathered) {
  rte_mbuf* head = segment(pool_, {});
  ASSERT_EQ(rte_pktmbuf_chain(head, segment(pool_, pattern(70, 5))), 0);
  arrives(head, pattern(70, 5), 1);
}

TEST_F(Mbufs, IndirectIsCopied) {
  rte_mbuf* direct = segment(pool_, pattern(200, 6));
  rte_mbuf* clone = rte_pktmbuf_clone(direct, pool_);
  ASSERT_NE(clone, nullptr);
  arrives(clone, pattern(200, 6), 1);
  arrives(direct, pattern(200, 6), 0);  // the clone is gone, so it is referred to once again
}

TEST_F(Mbufs, SharedIsCopiedAndStaysTheOthers) {
  rte_mbuf* m = segment(pool_, pattern(90, 7));
  rte_mbuf_refcnt_update(m, 1);
  arrives(m, pattern(90, 7), 1);
  EXPECT_EQ(rte_mbuf_refcnt_read(m), 1);
  arrives(m, pattern(90, 7), 0);
}

TEST_F(Mbufs, ExternalIsCopiedAndFreed) {
  static int freed;
  freed = 0;
  auto* memory = static_cast<uint8_t*>(rte_malloc(nullptr, 4096, 64));
  uint16_t room = 4096;
  rte_mbuf_ext_shared_info* info = rte_pktmbuf_ext_shinfo_init_helper(
      memory, &room,
      [](void* at, void*) {
        ++freed;
        rte_free(at);
      },
      nullptr);
  rte_mbuf* m = rte_pktmbuf_alloc(pool_);
  rte_pktmbuf_attach_extbuf(m, memory, rte_malloc_virt2iova(memory), room, info);
  const Bytes bytes = pattern(300, 8);
  std::memcpy(rte_pktmbuf_append(m, 300), bytes.data(), bytes.size());
  arrives(m, bytes, 1);
  EXPECT_EQ(freed, 1);
}

TEST_F(Mbufs, ForeignPoolIsCopied) { arrives(segment(other_, pattern(1400, 9)), pattern(1400, 9), 1); }

TEST_F(Mbufs, EmptyIsDroppedAndCounted) { is_dropped(segment(pool_, {})); }

TEST_F(Mbufs, LongerThanAChunkIsDroppedAndCounted) { is_dropped(segment(other_, pattern(5000, 1))); }

TEST_F(Mbufs, ChainLongerThanAChunkIsDroppedAndCounted) {
  rte_mbuf* head = segment(pool_, pattern(2000, 1));
  ASSERT_EQ(rte_pktmbuf_chain(head, segment(pool_, pattern(2000, 2))), 0);
  is_dropped(head);
}

TEST_F(Mbufs, LengthBeyondTheBufferIsDroppedAndCounted) {
  rte_mbuf* m = segment(other_, pattern(60, 1));
  m->data_len = UINT16_MAX;
  m->pkt_len = UINT16_MAX;
  is_dropped(m);
}

TEST_F(Mbufs, InvalidOnesDoNotStopABurst) {
  rte_mbuf* burst[] = {segment(pool_, pattern(60, 1)), segment(pool_, {}), segment(pool_, pattern(60, 2))};
  ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, burst, 3), 3);
  EXPECT_EQ(receive(), pattern(60, 1));
  EXPECT_EQ(receive(), pattern(60, 2));
  rte_eth_stats stats{};
  rte_eth_stats_get(port_->id(), &stats);
  EXPECT_EQ(stats.oerrors, 1U);
  EXPECT_EQ(stats.opackets, 2U);
}

TEST_F(Mbufs, MoreCopiesThanBounceFramesAllGetThrough) {
  for (int i = 0; i < 200; ++i)
    arrives(segment(other_, pattern(64, static_cast<uint8_t>(i))), pattern(64, static_cast<uint8_t>(i)), 1);
}

TEST_F(Mbufs, TakenPacketsAreNeverMoreThanTheRingHolds) {
  std::vector<rte_mbuf*> burst;
  burst.reserve(400);
  for (int i = 0; i < 400; ++i) burst.push_back(segment(pool_, pattern(60, static_cast<uint8_t>(i))));
  const uint16_t taken = rte_eth_tx_burst(port_->id(), 0, burst.data(), 400);
  EXPECT_EQ(taken, 128) << "nb_tx_desc";
  rte_pktmbuf_free_bulk(burst.data() + taken, 400U - taken);
  for (int i = 0; i < taken; ++i) EXPECT_EQ(receive(), pattern(60, static_cast<uint8_t>(i)));
  EXPECT_EQ(receive(), Bytes());
}

TEST_F(Mbufs, ReceiveHoldsAtMostNbRxDescBuffers) {
  EXPECT_EQ(port_->sum("rx_q0_posted"), 128U);
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers - 128);
}

}  // namespace
}  // namespace zcnbrh::testing
