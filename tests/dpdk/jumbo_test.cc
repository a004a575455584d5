// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packets longer than a buffer through the driver, on the loop backend where what is sent comes back on the
// same queue: any chain an application may send arrives byte for byte, and every buffer is back at the end.
#include <gtest/gtest.h>
#include <rte_bus_vdev.h>

#include <cstring>
#include <memory>
#include <random>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/made_packet.h"

namespace zcnbrh::testing {
namespace {

constexpr uint16_t kMtu = 9000;
constexpr uint32_t kLongest = kMtu + RTE_ETHER_HDR_LEN;
constexpr unsigned kBuffers = 2047;
constexpr char kName[] = "net_zcnbrh_jumbo";

using Bytes = std::vector<uint8_t>;

Bytes pattern(size_t length, uint32_t seed) {
  Bytes out(length);
  uint32_t state = seed * 2654435761U + 1;
  for (uint8_t& byte : out) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24);
  }
  return out;
}

class Jumbo : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(eal_ready()); }
  void TearDown() override {
    if (name_ != nullptr) {
      EXPECT_EQ(sum("violations"), 0U);
      EXPECT_EQ(sum("xsk_invalid_descs"), 0U) << "an invalid descriptor reached a ring";
      rte_eth_dev_stop(id_);
      rte_eth_dev_close(id_);
      rte_vdev_uninit(name_);
    }
    for (rte_mempool* pool : pools_) {
      EXPECT_EQ(rte_mempool_avail_count(pool), pool->size) << pool->name;
      rte_mempool_free(pool);
    }
  }

  rte_mempool* make_pool(const char* name, unsigned count, uint16_t room) {
    rte_mempool* pool = rte_pktmbuf_pool_create(name, count, 0, 0, room, SOCKET_ID_ANY);
    EXPECT_NE(pool, nullptr) << name;
    if (pool != nullptr) pools_.push_back(pool);
    return pool;
  }
  // A started port that receives into `pool`; the first call's negative result, or 0.
  int start(rte_mempool* pool, uint16_t mtu = kMtu, const char* devargs = "iface=loop,tx_bounce=64",
            const char* name = kName) {
    if (int r = rte_vdev_init(name, devargs); r != 0) return r;
    name_ = name;
    rte_eth_dev_get_port_by_name(name, &id_);
    rte_eth_conf conf{};
    conf.rxmode.mtu = mtu;
    conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | tx_offloads_;
    if (int r = rte_eth_dev_configure(id_, 1, 1, &conf); r != 0) return r;
    if (int r = rte_eth_rx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr, pool); r != 0) return r;
    if (int r = rte_eth_tx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr); r != 0) return r;
    return rte_eth_dev_start(id_);
  }

  uint64_t sum(const std::string& ending) const {
    std::vector<rte_eth_xstat> values(static_cast<size_t>(rte_eth_xstats_get(id_, nullptr, 0)));
    std::vector<rte_eth_xstat_name> names(values.size());
    rte_eth_xstats_get(id_, values.data(), static_cast<unsigned>(values.size()));
    rte_eth_xstats_get_names(id_, names.data(), static_cast<unsigned>(names.size()));
    uint64_t total = 0;
    for (const rte_eth_xstat& value : values)
      if (std::string_view(names[value.id].name).ends_with(ending)) total += value.value;
    return total;
  }

  // `bytes` in mbufs of `pool` with at most `each` in a segment.
  static rte_mbuf* chain(rte_mempool* pool, const Bytes& bytes, uint32_t each) {
    rte_mbuf* head = nullptr;
    for (size_t at = 0; at < bytes.size(); at += each) {
      rte_mbuf* m = rte_pktmbuf_alloc(pool);
      const auto length = static_cast<uint16_t>(std::min<size_t>(each, bytes.size() - at));
      std::memcpy(rte_pktmbuf_append(m, length), bytes.data() + at, length);
      if (head == nullptr)
        head = m;
      else
        EXPECT_EQ(rte_pktmbuf_chain(head, m), 0);
    }
    return head;
  }

  static Bytes content(rte_mbuf* m) {
    Bytes out;
    uint16_t segments = 0;
    const char* why = nullptr;
    EXPECT_EQ(rte_mbuf_check(m, 1, &why), 0) << why;
    for (rte_mbuf* segment = m; segment != nullptr; segment = segment->next, ++segments) {
      const auto* data = rte_pktmbuf_mtod(segment, const uint8_t*);
      EXPECT_LE(segment->data_off + segment->data_len, segment->buf_len);
      EXPECT_EQ(rte_mbuf_refcnt_read(segment), 1);
      out.insert(out.end(), data, data + segment->data_len);
    }
    EXPECT_EQ(m->nb_segs, segments);
    EXPECT_EQ(m->pkt_len, out.size());
    return out;
  }

  uint16_t send(rte_mbuf* m) const { return rte_eth_tx_burst(id_, 0, &m, 1); }
  Bytes receive() {
    rte_mbuf* m = nullptr;
    if (rte_eth_rx_burst(id_, 0, &m, 1) != 1) return {};
    Bytes out = content(m);
    EXPECT_EQ(m->port, id_);
    segments_ = m->nb_segs;
    rte_pktmbuf_free(m);
    return out;
  }
  // What is sent comes back; `copies` of it were bounce copies.
  void arrives(rte_mbuf* m, const Bytes& as, uint64_t copies) {
    const uint64_t before = sum("bounce_copies");
    ASSERT_EQ(send(m), 1);
    ASSERT_EQ(receive(), as);
    EXPECT_EQ(sum("bounce_copies") - before, copies);
  }

  std::vector<rte_mempool*> pools_;
  uint64_t tx_offloads_ = 0;
  const char* name_ = nullptr;  // of the port that is there
  uint16_t id_ = RTE_MAX_ETHPORTS;
  uint16_t segments_ = 0;  // of the last packet received
};

TEST_F(Jumbo, SaysWhatItTakes) {
  ASSERT_EQ(start(make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE)), 0);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id_, &info), 0);
  EXPECT_GE(info.max_mtu, kMtu);
  EXPECT_EQ(info.max_rx_pktlen, info.max_mtu + RTE_ETHER_HDR_LEN + 4U);
  EXPECT_NE(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER, 0U);
  EXPECT_NE(info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0U);
  EXPECT_EQ(info.tx_desc_lim.nb_mtu_seg_max, 18);
  rte_eth_rxq_info queue{};
  ASSERT_EQ(rte_eth_rx_queue_info_get(id_, 0, &queue), 0);
  EXPECT_EQ(queue.scattered_rx, 1);
  rte_eth_burst_mode mode{};
  ASSERT_EQ(rte_eth_rx_burst_mode_get(id_, 0, &mode), 0);
  EXPECT_NE(std::strstr(mode.info, "scattered"), nullptr) << mode.info;
}

TEST_F(Jumbo, AtAnMtuThatFitsABufferThePlainBurstsRun) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(rte_vdev_init(kName, "iface=loop"), 0);
  name_ = kName;
  rte_eth_dev_get_port_by_name(kName, &id_);
  rte_eth_conf conf{};
  ASSERT_EQ(rte_eth_dev_configure(id_, 1, 1, &conf), 0);
  ASSERT_EQ(rte_eth_rx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr, pool), 0);
  ASSERT_EQ(rte_eth_tx_queue_setup(id_, 0, 256, SOCKET_ID_ANY, nullptr), 0);
  ASSERT_EQ(rte_eth_dev_start(id_), 0);
  rte_eth_rxq_info queue{};
  ASSERT_EQ(rte_eth_rx_queue_info_get(id_, 0, &queue), 0);
  EXPECT_EQ(queue.scattered_rx, 0);
  rte_eth_burst_mode mode{};
  ASSERT_EQ(rte_eth_rx_burst_mode_get(id_, 0, &mode), 0);
  EXPECT_EQ(std::strstr(mode.info, "scattered"), nullptr) << mode.info;
}

TEST_F(Jumbo, EveryLengthComesBackWhole) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  for (uint32_t length = 60; length <= kLongest; ++length) {
    const Bytes bytes = pattern(length, length);
    ASSERT_EQ(send(chain(pool, bytes, 1800)), 1);
    ASSERT_EQ(receive(), bytes) << length;
    ASSERT_EQ(segments_, (length + 2047) / 2048) << length;
  }
  EXPECT_EQ(sum("bounce_copies"), 0U);
}

TEST_F(Jumbo, OneToTwentySegmentsArriveUpToEighteenByAddress) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  for (uint32_t segments = 1; segments <= 20; ++segments)
    for (const uint32_t each : {14U, 60U, 450U})
      arrives(chain(pool, pattern(segments * each, segments), each), pattern(segments * each, segments),
              segments > 18);
}

TEST_F(Jumbo, ChainsOfAllKindsOfMbufsAreGatheredWhereTheyMustBe) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  rte_mempool* late = make_pool("late", 63, 9000);  // after the start: outside the UMEM
  const Bytes bytes = pattern(8000, 7);
  const auto part = [&bytes](size_t from, size_t length) {
    return Bytes(bytes.begin() + static_cast<long>(from), bytes.begin() + static_cast<long>(from + length));
  };
  rte_mbuf* mixed = chain(pool, part(0, 1500), 1500);
  ASSERT_EQ(rte_pktmbuf_chain(mixed, chain(late, part(1500, 5000), 5000)), 0);
  ASSERT_EQ(rte_pktmbuf_chain(mixed, chain(pool, part(6500, 1500), 700)), 0);
  arrives(mixed, bytes, 1);
  arrives(chain(late, bytes, 8000), bytes, 1);

  rte_mbuf* original = chain(pool, bytes, 1600);
  rte_mbuf* clone = rte_pktmbuf_clone(original, pool);
  ASSERT_NE(clone, nullptr);
  arrives(clone, bytes, 1);
  arrives(original, bytes, 0);

  rte_mbuf* shared = chain(pool, bytes, 1600);
  rte_mbuf_refcnt_update(shared->next, 1);
  rte_mbuf* kept = shared->next;
  arrives(shared, bytes, 1);
  rte_pktmbuf_free_seg(kept);

  rte_mbuf* empty_inside = chain(pool, part(0, 4000), 1600);
  ASSERT_EQ(rte_pktmbuf_chain(empty_inside, rte_pktmbuf_alloc(pool)), 0);
  ASSERT_EQ(rte_pktmbuf_chain(empty_inside, chain(pool, part(4000, 4000), 1600)), 0);
  arrives(empty_inside, bytes, 1);

  rte_mbuf* short_head = chain(pool, part(0, 13), 13);
  ASSERT_EQ(rte_pktmbuf_chain(short_head, chain(pool, part(13, 7987), 1600)), 0);
  arrives(short_head, bytes, 1);
}

TEST_F(Jumbo, SentBuffersGoBackToTheirPoolAsFreshOnes) {
  rte_mempool* pool = make_pool("jumbo", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  for (uint32_t i = 0; i < 300; ++i) {
    ASSERT_EQ(send(chain(pool, pattern(9000, i), 1500)), 1);
    ASSERT_EQ(receive(), pattern(9000, i));
  }
  rte_mbuf* all[511];
  unsigned count = 0;
  while (count < 511 && (all[count] = rte_mbuf_raw_alloc(pool)) != nullptr) {
    EXPECT_EQ(all[count]->next, nullptr);
    EXPECT_EQ(all[count]->nb_segs, 1);
    ++count;
  }
  for (unsigned i = 0; i < count; ++i) rte_mbuf_raw_free(all[i]);
}

TEST_F(Jumbo, WhatIsLongerThanTheKernelTakesIsDroppedAndCounted) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  rte_mempool* late = make_pool("late", 63, 32000);
  rte_mbuf* m = chain(late, pattern(60000, 1), 30000);
  ASSERT_EQ(send(m), 1);
  EXPECT_EQ(receive(), Bytes());
  EXPECT_EQ(sum("tx_q0_invalid"), 1U);
}

TEST_F(Jumbo, BackPressureNeverTakesHalfAChain) {
  rte_mempool* pool = make_pool("jumbo", 4095, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  std::vector<rte_mbuf*> burst;
  for (uint32_t i = 0; i < 100; ++i) burst.push_back(chain(pool, pattern(15 * 60, i), 60));
  const uint16_t taken = rte_eth_tx_burst(id_, 0, burst.data(), 100);
  EXPECT_EQ(taken, 17) << "256 descriptors, 15 each";
  for (uint32_t i = 0; i < taken; ++i) EXPECT_EQ(receive(), pattern(15 * 60, i));
  EXPECT_EQ(receive(), Bytes());
  rte_pktmbuf_free_bulk(burst.data() + taken, 100U - taken);
}

TEST_F(Jumbo, ABurstCountsPacketsAndNotBuffers) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  ASSERT_EQ(start(pool), 0);
  for (uint32_t i = 0; i < 20; ++i) ASSERT_EQ(send(chain(pool, pattern(9000, i), 1800)), 1);
  for (uint32_t i = 0; i < 20; i += 4) {
    rte_mbuf* got[4];
    ASSERT_EQ(rte_eth_rx_burst(id_, 0, got, 4), 4);
    for (uint32_t k = 0; k < 4; ++k) EXPECT_EQ(content(got[k]), pattern(9000, i + k));
    rte_pktmbuf_free_bulk(got, 4);
  }
}

// --- with offloads in software ---

TEST_F(Jumbo, ChecksumsAndTagsOfLongPacketsAreRightInEveryShape) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  tx_offloads_ = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |
                 RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM |
                 RTE_ETH_TX_OFFLOAD_VLAN_INSERT | RTE_ETH_TX_OFFLOAD_QINQ_INSERT;
  ASSERT_EQ(start(pool), 0);
  rte_mempool* late = make_pool("late", 127, 9500);
  std::mt19937 random(7);
  for (int round = 0; round < 3000; ++round) {
    MadeOptions options = random_options(random);
    options.payload = random() % 8800;
    const MadePacket packet = make_packet(options, random);
    const bool by_copy = round % 2 == 1;
    rte_mbuf* m = chain(by_copy ? late : pool, packet.bytes, by_copy ? 9000 : 60 + random() % 1800);
    if (!by_copy && m->nb_segs > 18) {
      rte_pktmbuf_free(m);
      continue;
    }
    packet.describe(*m);
    const uint64_t before = sum("bounce_copies");
    ASSERT_EQ(send(m), 1);
    ASSERT_EQ(receive(), packet.on_wire) << "round " << round << ", " << packet.on_wire.size() << " bytes";
    if (by_copy) {
      ASSERT_EQ(sum("bounce_copies") - before, 1U);
    }
  }
}

// --- elements longer than a chunk, as Open vSwitch has them ---

TEST_F(Jumbo, LargeElementsReceiveIntoAChunkAndGoOutAsSeveralDescriptors) {
  rte_mempool* pool = make_pool("large", 1023, 10240);
  ASSERT_EQ(start(pool), 0);
  for (uint32_t length = 60; length <= kLongest; length += 7) {
    const Bytes bytes = pattern(length, length);
    ASSERT_EQ(send(chain(pool, bytes, kLongest)), 1);  // one mbuf
    ASSERT_EQ(receive(), bytes) << length;
    ASSERT_EQ(segments_, (length + 3775) / 3776) << length;
  }
  EXPECT_EQ(sum("bounce_copies"), 0U);
  EXPECT_GT(sum("tx_q0_chained"), 500U);
}

TEST_F(Jumbo, LargeElementsOfAnotherPoolGoByAddressToo) {
  rte_mempool* pool = make_pool("jumbo", kBuffers, RTE_MBUF_DEFAULT_BUF_SIZE);
  rte_mempool* large = make_pool("large", 511, 10240);
  ASSERT_EQ(start(pool), 0);
  const Bytes bytes = pattern(9000, 3);
  arrives(chain(large, bytes, 9000), bytes, 0);
  rte_mbuf* m = chain(pool, Bytes(bytes.begin(), bytes.begin() + 1000), 1000);
  ASSERT_EQ(rte_pktmbuf_chain(m, chain(large, Bytes(bytes.begin() + 1000, bytes.end()), 8000)), 0);
  arrives(m, bytes, 0);
}

TEST_F(Jumbo, LargeElementsInFlightAtCloseComeBackOnce) {
  rte_mempool* pool = make_pool("large", 511, 10240);
  ASSERT_EQ(start(pool, kMtu, "iface=loop,peer=nobody", "net_zcnbrh_silent"), 0);
  for (uint32_t i = 0; i < 50; ++i) ASSERT_EQ(send(chain(pool, pattern(9000, i), 9000)), 1);
}  // TearDown() counts

TEST_F(Jumbo, BuffersWhoseSizeIsNoMultipleOfEight) {
  rte_mempool* pool = make_pool("odd", kBuffers, 2173);
  ASSERT_EQ(start(pool), 0);
  for (const uint32_t length : {60U, 2045U, 2046U, 4090U, 9000U}) {
    const Bytes bytes = pattern(length, length);
    ASSERT_EQ(send(chain(pool, bytes, 1800)), 1);
    ASSERT_EQ(receive(), bytes) << length;
  }
}

}  // namespace
}  // namespace zcnbrh::testing
