// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Transmit offloads in software: random packets in every shape of mbuf come out right to the byte, shared
// data is not written, and what cannot be done is refused.
#include <gtest/gtest.h>
#include <rte_errno.h>

#include "tests/dpdk/offload_fixture.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kAllTx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                            RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_OUTER_IPV4_CKSUM |
                            RTE_ETH_TX_OFFLOAD_OUTER_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
                            RTE_ETH_TX_OFFLOAD_QINQ_INSERT | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;

TEST_F(Offload, RandomPacketsInEveryShapeComeOutRight) {
  start(0, kAllTx);
  MbufMaker maker(pool_, foreign_);
  for (int round = 0; round < 20000; ++round) {
    const MadePacket packet = make_packet(random_options(random_), random_);
    const auto shape = static_cast<Shape>(random_() % static_cast<unsigned>(Shape::kCount));
    rte_mbuf* m = maker.make(packet.bytes, shape, random_);
    ASSERT_NE(m, nullptr);
    packet.describe(*m);
    if (random_() % 2 == 0) {
      ASSERT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), 1) << rte_strerror(rte_errno);
    }
    ASSERT_EQ(send(m), 1);
    const Bytes came = receive_bytes();
    ASSERT_EQ(came, packet.on_wire) << "round " << round << ", " << to_string(shape);
    ASSERT_TRUE(maker.untouched()) << "shared data was written, " << to_string(shape);
  }
  EXPECT_GT(port_->sum("bounce_copies"), 0U);
}

// A packet that did not fit the ring is offered again as it came back.
TEST_F(Offload, APacketOfferedTwiceIsCompletedOnce) {
  start(0, kAllTx);
  MadeOptions options;
  options.tags = 1;
  options.payload = 100;
  std::vector<MadePacket> packets;
  uint16_t sent = 0;
  std::vector<rte_mbuf*> burst;
  for (int i = 0; i < 400; ++i) {  // the ring takes 256
    packets.push_back(make_packet(options, random_));
    burst.push_back(direct(packets.back().bytes));
    packets.back().describe(*burst.back());
  }
  uint16_t received = 0;
  while (sent < burst.size()) {
    const uint16_t n =
        rte_eth_tx_burst(port_->id(), 0, burst.data() + sent, static_cast<uint16_t>(burst.size() - sent));
    sent = static_cast<uint16_t>(sent + n);
    for (Bytes came = receive_bytes(); !came.empty(); came = receive_bytes())
      ASSERT_EQ(came, packets[received++].on_wire);
  }
  for (Bytes came = receive_bytes(); !came.empty(); came = receive_bytes())
    ASSERT_EQ(came, packets[received++].on_wire);
  EXPECT_EQ(received, 400);
}

TEST_F(Offload, OneRequestWithoutItsOffloadIsNoRequest) {
  for (const uint64_t offload : {RTE_ETH_TX_OFFLOAD_TCP_CKSUM, RTE_ETH_TX_OFFLOAD_UDP_CKSUM}) {
    start(0, offload);
    for (const bool tcp : {false, true}) {
      MadeOptions options;
      options.tcp = tcp;
      options.payload = 50;
      MadePacket packet = make_packet(options, random_);
      packet.flags &= ~RTE_MBUF_F_TX_IP_CKSUM;
      rte_mbuf* m = direct(packet.bytes);
      packet.describe(*m);
      const bool served = tcp == (offload == RTE_ETH_TX_OFFLOAD_TCP_CKSUM);
      rte_errno = 0;
      EXPECT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), served ? 1 : 0);
      EXPECT_EQ(rte_errno, served ? 0 : ENOTSUP);
      ASSERT_EQ(send(m), 1);
      const Bytes came = receive_bytes();
      const size_t field = 14 + 20 + (tcp ? 16 : 6);
      EXPECT_EQ(came[field] == packet.on_wire[field] && came[field + 1] == packet.on_wire[field + 1], served);
    }
    port_.reset();
  }
}

TEST_F(Offload, PrepareWritesThePseudoHeaderOnlyIntoOwnData) {
  start(0, kAllTx);
  MadeOptions options;
  options.payload = 10;
  const MadePacket packet = make_packet(options, random_);
  Bytes seeded = packet.bytes;
  const uint16_t pseudo = reference_sum(seeded, 26, 34, IPPROTO_UDP + 18);
  seeded[24] = seeded[25] = 0;
  seeded[40] = static_cast<uint8_t>(pseudo >> 8);
  seeded[41] = static_cast<uint8_t>(pseudo);
  MbufMaker maker(pool_, foreign_);
  for (const Shape shape : {Shape::kDirect, Shape::kChain, Shape::kShared, Shape::kIndirect}) {
    rte_mbuf* m = maker.make(packet.bytes, shape, random_);
    packet.describe(*m);
    ASSERT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), 1);
    const bool own = shape == Shape::kDirect || shape == Shape::kChain;
    EXPECT_EQ(bytes_of(m), own ? seeded : packet.bytes) << to_string(shape);
    rte_pktmbuf_free(m);
    EXPECT_TRUE(maker.untouched());
  }
}

// Packets of several frames that nobody may write to: gathered with their tags, and completed over the pieces.
TEST_F(Offload, SharedJumboPacketsAreCompletedInTheirCopy) {
  rte_mempool* large = rte_pktmbuf_pool_create("large", 63, 0, 0, 10000, SOCKET_ID_ANY);
  ASSERT_NE(large, nullptr);
  {
    start(RTE_ETH_RX_OFFLOAD_SCATTER, kAllTx, 9000);
    MbufMaker maker(large, foreign_);
    for (int round = 0; round < 400; ++round) {
      MadeOptions options = random_options(random_);
      options.payload = 1000 + random_() % 7000;
      const MadePacket packet = make_packet(options, random_);
      static constexpr Shape kShapes[] = {Shape::kDirect, Shape::kShared, Shape::kIndirect, Shape::kChain,
                                          Shape::kExternal};
      const Shape shape = kShapes[random_() % std::size(kShapes)];
      rte_mbuf* m = maker.make(packet.bytes, shape, random_);
      ASSERT_NE(m, nullptr);
      packet.describe(*m);
      ASSERT_EQ(send(m), 1);
      ASSERT_EQ(receive_bytes(), packet.on_wire) << "round " << round << ", " << to_string(shape);
      ASSERT_TRUE(maker.untouched());
      rte_eth_tx_done_cleanup(port_->id(), 0, 0);
    }
    port_.reset();
  }
  EXPECT_EQ(rte_mempool_avail_count(large), 63U);
  rte_mempool_free(large);
}

struct Refused {
  const char* name;
  void (*spoil)(MadePacket& packet);
  int error;
};

TEST_F(Offload, PrepareRefusesWhatCannotBeDone) {
  start(0, kAllTx);
  const Refused rows[] = {
      {"TSO", [](MadePacket& p) { p.flags |= RTE_MBUF_F_TX_TCP_SEG; }, ENOTSUP},
      {"SCTP", [](MadePacket& p) { p.flags = (p.flags & ~RTE_MBUF_F_TX_L4_MASK) | RTE_MBUF_F_TX_SCTP_CKSUM; },
       ENOTSUP},
      {"time stamp", [](MadePacket& p) { p.flags |= RTE_MBUF_F_TX_IEEE1588_TMST; }, ENOTSUP},
      {"no IP version", [](MadePacket& p) { p.flags &= ~RTE_MBUF_F_TX_IPV4; }, EINVAL},
      {"IPv4 checksum of IPv6", [](MadePacket& p) { p.flags |= RTE_MBUF_F_TX_IPV6; }, EINVAL},
      {"headers beyond the packet", [](MadePacket& p) { p.l3 = 400; }, EINVAL},
      {"no layer 3 length", [](MadePacket& p) { p.l3 = 0; }, EINVAL},
      {"IP longer than the packet", [](MadePacket& p) { p.bytes[16] = 0x7f; }, EINVAL},
      {"IP shorter than its headers", [](MadePacket& p) { p.bytes[16] = 0, p.bytes[17] = 20; }, EINVAL},
      {"outer checksum without outer header", [](MadePacket& p) { p.flags |= RTE_MBUF_F_TX_OUTER_UDP_CKSUM; },
       EINVAL},
  };
  for (const Refused& row : rows) {
    MadeOptions options;
    options.payload = 30;
    MadePacket good = make_packet(options, random_);
    MadePacket bad = good;
    row.spoil(bad);
    rte_mbuf* burst[3] = {direct(good.bytes), direct(bad.bytes), direct(good.bytes)};
    good.describe(*burst[0]);
    bad.describe(*burst[1]);
    good.describe(*burst[2]);
    rte_errno = 0;
    EXPECT_EQ(rte_eth_tx_prepare(port_->id(), 0, burst, 3), 1) << row.name;
    EXPECT_EQ(rte_errno, row.error) << row.name;
    // Sent without a look at that answer, it is dropped and counted, or goes without what nobody serves.
    const uint64_t invalid = port_->sum("tx_q0_invalid");
    ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, burst, 3), 3) << row.name;
    EXPECT_EQ(receive_bytes(), good.on_wire) << row.name;
    const bool dropped = port_->sum("tx_q0_invalid") != invalid;
    EXPECT_TRUE(row.error == ENOTSUP || dropped || row.spoil == rows[4].spoil) << row.name;
    if (!dropped) {
      EXPECT_EQ(receive_bytes().size(), bad.bytes.size()) << row.name;
    }
    EXPECT_EQ(receive_bytes(), good.on_wire) << row.name;
  }
}

TEST_F(Offload, ATagDoesNotMakeAPacketOutgrowItsFrame) {
  start(0, kAllTx);
  MbufMaker maker(pool_, foreign_);
  rte_mbuf* m = maker.make(Bytes(8, 1), Shape::kDirect, random_);  // no room for two MAC addresses
  m->ol_flags = RTE_MBUF_F_TX_VLAN;
  ASSERT_EQ(send(m), 1);
  EXPECT_EQ(receive_bytes(), Bytes());
  EXPECT_EQ(port_->sum("tx_q0_invalid"), 1U);
}

}  // namespace
}  // namespace zcnbrh::testing
