// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Real packets through the driver's own bursts: 100,000 numbered packets of mixed sizes each way against a
// kernel peer behind a veth pair; every byte, every number in order, nothing lost, every buffer back.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/support/net_namespace.h"
#include "tests/support/packet_peer.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kPackets = 100'000;  // each way, over all streams
constexpr uint64_t kFewer = 20'000;     // for rows whose layout another row has already
constexpr uint32_t kWindow = 128;
constexpr unsigned kBuffers = 8191;

struct Row {
  const char* name;
  const char* devargs;
  uint16_t queues;
  uint16_t data_room;  // bytes, headroom included
  uint64_t packets = kPackets;
};

const Row kRows[] = {
    {"OneQueue", "", 1, RTE_MBUF_DEFAULT_BUF_SIZE},
    {"OneQueueAligned", "chunks=aligned", 1, 4096 - 64 - sizeof(rte_mbuf)},
    {"FourQueuesOneUmem", "queue_count=4", 4, RTE_MBUF_DEFAULT_BUF_SIZE},
    {"FourQueuesFourUmems", "queue_count=4,shared_umem=0", 4, RTE_MBUF_DEFAULT_BUF_SIZE},
    {"FourQueuesAlignedSharedByPool", "queue_count=4,shared_umem=1,chunks=aligned", 4,
     4096 - 64 - sizeof(rte_mbuf)},
    {"FourQueuesAlignedFourUmems", "queue_count=4,shared_umem=0,chunks=aligned", 4,
     4096 - 64 - sizeof(rte_mbuf)},
    {"History", "ledger=1", 1, RTE_MBUF_DEFAULT_BUF_SIZE, kFewer},
    {"BusyPoll", "busy_budget=64", 1, RTE_MBUF_DEFAULT_BUF_SIZE, kFewer},
    {"Gate", "on_empty=drop", 1, RTE_MBUF_DEFAULT_BUF_SIZE, kFewer},
};

class Traffic : public ::testing::TestWithParam<Row> {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_EQ(there_.error(), "");
    ASSERT_EQ(NetNamespace::connect(here_, "zt0", there_, "zt1", GetParam().queues), "");
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("traffic", kBuffers, 256, 0, GetParam().data_room, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override { rte_mempool_free(pool_); }

  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
};

// One numbered stream each way.
struct Stream {
  explicit Stream(uint16_t number, const NetNamespace& there, uint64_t packets)
      : in(number), out(static_cast<uint16_t>(number + 100)), total(packets) {
    PacketPeer::Plan plan;
    plan.netns_fd = there.fd();
    plan.ifname = "zt1";
    plan.sends = in;
    plan.expects = out;
    plan.send_count = plan.expect_count = packets;
    plan.window = kWindow / 2;
    peer = std::make_unique<PacketPeer>(plan);
  }

  bool finished() const { return received == total && sent == total && peer->done(); }

  NumberedPackets in, out;
  uint64_t total;
  uint64_t received = 0;
  uint64_t sent = 0;
  std::unique_ptr<PacketPeer> peer;
};

// What is wrong with a packet that came, or "".
std::string take(std::vector<std::unique_ptr<Stream>>& streams, const rte_mbuf* m) {
  const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
  for (auto& s : streams) {
    if (!s->in.owns(data, m->pkt_len)) continue;
    std::string wrong = s->in.check(s->received, data, m->pkt_len);
    s->peer->confirm(++s->received);
    return wrong;
  }
  return "";  // somebody else's: the kernel's own chatter
}

void send_one(Stream& s, uint16_t port, uint16_t queue, rte_mempool* pool) {
  if (s.sent == s.total || s.sent - s.peer->received() >= kWindow / 2) return;
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) return;
  const uint32_t length = s.out.write(s.sent, rte_pktmbuf_mtod(m, uint8_t*));
  m->data_len = static_cast<uint16_t>(length);
  m->pkt_len = length;
  if (rte_eth_tx_burst(port, queue, &m, 1) == 1)
    ++s.sent;
  else
    rte_pktmbuf_free(m);
}

TEST_P(Traffic, EveryByteInOrderBothWays) {
  const Row& row = GetParam();
  PortPlan plan;
  plan.devargs = "iface=zt0" + std::string(*row.devargs != 0 ? "," : "") + row.devargs;
  plan.rx_queues = plan.tx_queues = row.queues;
  EalPort port("net_zcnbrh_traffic", plan, pool_);
  ASSERT_EQ(port.error(), "");
  std::vector<std::unique_ptr<Stream>> streams;
  for (uint16_t i = 0; i < row.queues; ++i)
    streams.push_back(std::make_unique<Stream>(i, there_, row.packets / row.queues));

  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool all = false;
  while (!all && std::chrono::steady_clock::now() < give_up) {
    all = true;
    for (uint16_t q = 0; q < row.queues; ++q) {
      rte_mbuf* burst[32];
      const uint16_t n = rte_eth_rx_burst(port.id(), q, burst, 32);
      for (uint16_t i = 0; i < n; ++i) ASSERT_EQ(take(streams, burst[i]), "");
      rte_pktmbuf_free_bulk(burst, n);
      send_one(*streams[q], port.id(), q, pool_);
      all &= streams[q]->finished();
    }
  }
  for (auto& s : streams) {
    EXPECT_EQ(s->peer->finish(), "");
    EXPECT_EQ(s->received, s->total);
    EXPECT_EQ(s->peer->received(), s->total);
  }
  EXPECT_EQ(port.sum("violations"), 0U);
  EXPECT_EQ(port.sum("invalid_descs"), 0U);
  EXPECT_EQ(port.sum("bounce_copies"), 0U);
  rte_eth_stats stats{};
  rte_eth_stats_get(port.id(), &stats);
  EXPECT_EQ(stats.imissed, 0U);
  EXPECT_EQ(stats.oerrors + stats.ierrors, 0U);
  port.close();
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers) << "buffers did not come back";
}

INSTANTIATE_TEST_SUITE_P(Rows, Traffic, ::testing::ValuesIn(kRows),
                         [](const ::testing::TestParamInfo<Row>& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace zcnbrh::testing
