// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Two ports of the driver on the ends of one wire, both in zero-copy: numbered packets of mixed sizes in both
// directions at once; every byte, every number in order, nothing lost, every buffer back. Run in the lab's
// guest by ends_test.py.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/lab/two_ends.h"
#include "tests/support/packet_peer.h"

namespace zcnbrh::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kPackets = 20'000;  // each way
constexpr uint64_t kWindow = 96;       // packets under way each way
constexpr auto kPatience = std::chrono::seconds(120);

struct Row {
  const char* name;
  const char* devargs;
  uint16_t data_room = RTE_MBUF_DEFAULT_BUF_SIZE;
};

const Row kRows[] = {
    {"Defaults", ""},
    {"UmemEach", ",shared_umem=0"},
    {"BusyPoll", ",busy_budget=64"},
    {"Aligned", ",chunks=aligned", 4096 - 64 - sizeof(rte_mbuf)},
    {"GateAndHistory", ",on_empty=drop,ledger=1"},
};

// The packets from one port to the other.
struct Direction {
  NumberedPackets packets;
  uint16_t from, to;
  uint64_t sent = 0, received = 0;

  bool finished() const { return received == kPackets; }

  void send(rte_mempool* pool) {
    if (sent == kPackets || sent - received >= kWindow) return;
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (m == nullptr) return;
    const uint32_t length = packets.write(sent, rte_pktmbuf_mtod(m, uint8_t*));
    m->data_len = static_cast<uint16_t>(length);
    m->pkt_len = length;
    if (rte_eth_tx_burst(from, 0, &m, 1) == 1)
      ++sent;
    else
      rte_pktmbuf_free(m);
  }

  // The first thing that is wrong, or "".
  std::string receive() {
    rte_mbuf* burst[32];
    const uint16_t n = rte_eth_rx_burst(to, 0, burst, 32);
    std::string wrong;
    for (uint16_t i = 0; i < n && wrong.empty(); ++i) {
      const auto* data = rte_pktmbuf_mtod(burst[i], const uint8_t*);
      if (burst[i]->port != to) wrong = "port " + std::to_string(burst[i]->port) + " in a packet of another";
      if (packets.owns(data, burst[i]->pkt_len) && wrong.empty())
        wrong = packets.check(received++, data, burst[i]->pkt_len);
    }
    rte_pktmbuf_free_bulk(burst, n);
    return wrong;
  }
};

class Ends : public TwoEnds, public ::testing::WithParamInterface<Row> {
 protected:
  uint16_t data_room() const override { return GetParam().data_room; }
};

TEST_P(Ends, EveryByteInOrderBothWaysInZeroCopy) {
  const char* keys = GetParam().devargs;
  EalPort one("net_zcnbrh_one", plan(first_, keys), pool_),
      other("net_zcnbrh_other", plan(second_, keys), pool_);
  ASSERT_EQ(one.error(), "");
  ASSERT_EQ(other.error(), "");
  for (uint16_t port : {one.id(), other.id()}) rte_eth_promiscuous_enable(port);
  ASSERT_TRUE(links_settle(one.id(), other.id()));

  Direction there{NumberedPackets(1), one.id(), other.id()}, back{NumberedPackets(2), other.id(), one.id()};
  const auto give_up = Clock::now() + kPatience;
  while (!(there.finished() && back.finished()) && Clock::now() < give_up) {
    for (Direction* direction : {&there, &back}) {
      direction->send(pool_);
      ASSERT_EQ(direction->receive(), "");
    }
  }
  EXPECT_EQ(there.received, kPackets);
  EXPECT_EQ(back.received, kPackets);
  for (const EalPort* port : {&one, &other}) {
    EXPECT_EQ(port->sum("violations"), 0U);
    EXPECT_EQ(port->sum("invalid_descs"), 0U);
    EXPECT_EQ(port->sum("bounce_copies"), 0U);
    rte_eth_stats stats{};
    rte_eth_stats_get(port->id(), &stats);
    EXPECT_EQ(stats.imissed + stats.oerrors + stats.ierrors, 0U);
  }
  one.close();
  other.close();
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers) << "buffers did not come back";
}

INSTANTIATE_TEST_SUITE_P(Rows, Ends, ::testing::ValuesIn(kRows), [](const ::testing::TestParamInfo<Row>& info) {
  return std::string(info.param.name);
});

}  // namespace
}  // namespace zcnbrh::testing
