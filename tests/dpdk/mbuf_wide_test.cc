// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What the driver's wide bursts make of mbufs against the plain C++ beside them: the same bytes in every mbuf,
// the same descriptors, and the same mbuf left to be looked at alone. Mbufs in plain memory; no EAL.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "drivers/net/zcnbrh/mbuf_policy.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint32_t kElements = 64;
constexpr uint32_t kHeader = 64;
constexpr uint32_t kElement = 2432;
constexpr uint32_t kChunk = 2304;
constexpr uint32_t kBuffer = kHeader + sizeof(struct rte_mbuf);  // of the data buffer in an element

class MbufWide : public ::testing::Test {
 protected:
  MbufWide() : memory_(kElements * kElement) {}
  void SetUp() override {
    if (widest_simd() != Simd::kAvx2) GTEST_SKIP() << "this machine has no AVX2";
  }

  static ChunkOffset chunk(uint32_t i) { return ChunkOffset{uint64_t{i} * kElement}; }
  static struct rte_mbuf* mbuf(std::vector<uint8_t>& memory, uint32_t i) {
    return reinterpret_cast<struct rte_mbuf*>(memory.data() + raw(chunk(i)) + kHeader);
  }
  static PoolView view(std::vector<uint8_t>& memory, struct rte_mempool* pool) {
    PoolView out;
    out.pool = pool;
    out.mbufs = memory.data() + kHeader;
    out.header = kHeader;
    out.chunk_size = out.element = kChunk;
    return out;
  }
  uint32_t upto(uint64_t n) { return static_cast<uint32_t>(random_() % (n + 1)); }

  // A free mbuf as its pool has it, then filled in for sending.
  void make_sendable(uint32_t i) {
    struct rte_mbuf* m = mbuf(memory_, i);
    std::memset(static_cast<void*>(m), 0, sizeof *m);
    m->buf_addr = reinterpret_cast<uint8_t*>(m) + sizeof *m;
    m->buf_iova = random_();
    m->data_off = static_cast<uint16_t>(upto(256));
    m->nb_segs = 1;
    rte_mbuf_refcnt_set(m, 1);
    m->port = static_cast<uint16_t>(random_());
    m->ol_flags = random_() & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL | kFlag);
    m->packet_type = static_cast<uint32_t>(random_());
    m->data_len = static_cast<uint16_t>(1 + upto(1499));
    m->pkt_len = static_cast<uint32_t>(random_());
    m->vlan_tci = static_cast<uint16_t>(random_());
    m->hash.rss = static_cast<uint32_t>(random_());
    m->buf_len = static_cast<uint16_t>(random_());
    m->pool = pool_;
  }
  void make_odd(struct rte_mbuf* m) {
    switch (upto(9)) {
      case 0:
        m->nb_segs = static_cast<uint16_t>(2 + upto(300));
        break;
      case 1:
        rte_mbuf_refcnt_set(m, static_cast<uint16_t>(2 + upto(300)));
        break;
      case 2:
        m->ol_flags |= RTE_MBUF_F_INDIRECT;
        break;
      case 3:
        m->ol_flags |= RTE_MBUF_F_EXTERNAL;
        break;
      case 4:
        m->ol_flags |= kFlag;
        break;
      case 5:
        m->pool = reinterpret_cast<struct rte_mempool*>(uintptr_t{128});
        break;
      case 6:
        m->data_len = 0;
        break;
      case 7:  // ends on the chunk's last byte, or one further
        m->data_off = static_cast<uint16_t>(upto(1000));
        m->data_len = static_cast<uint16_t>(kChunk - kBuffer - m->data_off + upto(1));
        break;
      case 8:  // a buffer elsewhere that no flag tells of
        m->buf_addr = reinterpret_cast<uint8_t*>(m) - 100000 + upto(200000);
        break;
      default:
        m->nb_segs = 0;
    }
  }

  static constexpr uint64_t kFlag = RTE_MBUF_F_TX_IP_CKSUM;
  struct rte_mempool* const pool_ = reinterpret_cast<struct rte_mempool*>(uintptr_t{64});
  std::vector<uint8_t> memory_;
  std::mt19937_64 random_{7};
};

TEST_F(MbufWide, ReceivedMbufsAreTheSameByteForByte) {
  for (int round = 0; round < 3000; ++round) {
    for (uint8_t& byte : memory_) byte = static_cast<uint8_t>(byte * 5 + round);
    std::vector<uint8_t> other = memory_;
    const AddressFormat format = AddressFormat::unaligned();
    RxMbufPolicy plain, wide;
    plain.view = view(memory_, pool_);
    wide.view = view(other, pool_);
    plain.rearm = wide.rearm = rearm_word(static_cast<uint16_t>(random_()));
    plain.buffer_at = wide.buffer_at = kBuffer;
    uint32_t order[kElements];
    for (uint32_t i = 0; i < kElements; ++i) order[i] = i;
    std::shuffle(order, order + kElements, random_);
    const uint32_t count = upto(kRun);
    xdp_desc descs[kRun];
    ChunkOffset chunks[kRun];
    for (uint32_t i = 0; i < count; ++i) {
      chunks[i] = chunk(order[i]);
      // Some as an older kernel in aligned mode gives them: the data's own address.
      const uint32_t offset = kBuffer + upto(500);
      const uint64_t address = i % 5 == 0 ? raw(chunks[i]) + offset : format.encode(chunks[i], offset);
      descs[i] = {address, upto(2000), 0};
    }
    struct rte_mbuf *a[kRun], *b[kRun];
    const uint64_t bytes = plain.deliver_run(SimdTag<Simd::kNone>{}, a, descs, chunks, count);
    ASSERT_EQ(wide.deliver_run(SimdTag<Simd::kAvx2>{}, b, descs, chunks, count), bytes);
    for (uint32_t i = 0; i < count; ++i) {
      ASSERT_EQ(a[i], mbuf(memory_, order[i]));
      ASSERT_EQ(b[i], mbuf(other, order[i]));
      ASSERT_EQ(a[i]->pkt_len, descs[i].len);
      ASSERT_EQ(a[i]->data_len, descs[i].len);
      ASSERT_EQ(a[i]->ol_flags, 0U);
      ASSERT_EQ(a[i]->data_off, AddressFormat::data(descs[i].addr) - raw(chunks[i]) - kBuffer);
    }
    ASSERT_EQ(memory_, other);
  }
}

TEST_F(MbufWide, MbufsToSendMakeTheSameDescriptors) {
  for (int round = 0; round < 20000; ++round) {
    struct rte_mbuf* packets[kRun];
    const uint32_t count = 1 + upto(kRun - 1);
    for (uint32_t i = 0; i < count; ++i) {
      make_sendable(i);
      packets[i] = mbuf(memory_, i);
      if (i != 0 && random_() % (round % 3 == 0 ? 1000 : 16) == 0) make_odd(packets[i]);
    }
    std::shuffle(packets + 1, packets + count, random_);
    const auto format = round % 2 == 0 ? AddressFormat::unaligned() : AddressFormat::aligned(2048);
    const uint64_t without = round % 5 == 0 ? 0 : kFlag;
    TxMbufPolicy plain, wide;
    plain.last = wide.last = view(memory_, pool_);
    xdp_desc a[kRun] = {}, b[kRun] = {};
    ChunkOffset c[kRun], d[kRun];
    const PlannedRun one =
        plain.plan_run_without(SimdTag<Simd::kNone>{}, without, packets, count, format, a, c);
    const PlannedRun two = wide.plan_run_without(SimdTag<Simd::kAvx2>{}, without, packets, count, format, b, d);
    ASSERT_EQ(one.count, two.count);
    ASSERT_EQ(one.bytes, two.bytes);
    for (uint32_t i = 0; i < one.count; ++i) {
      ASSERT_EQ(c[i], d[i]);
      ASSERT_EQ(a[i].addr, b[i].addr);
      ASSERT_EQ(a[i].len, b[i].len);
      ASSERT_EQ(a[i].options | b[i].options, 0U);
      // And each as plan() has it, which looks at one alone.
      const TxPlan alone = plain.plan(packets[i], kChunk);
      ASSERT_EQ(alone.verdict, TxVerdict::kByAddress);
      ASSERT_EQ(a[i].addr, format.encode(alone.chunk, alone.offset));
      ASSERT_EQ(a[i].len, alone.length);
    }
  }
}

}  // namespace
}  // namespace zcnbrh::pmd
