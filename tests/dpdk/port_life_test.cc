// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A port's life in every order, on a real netdev: after each turn every buffer is in its pool again.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;

class PortLife : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_EQ(NetNamespace::connect(here_, "zl0", there_, "zl1", 4), "");
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = make_pool("life", kBuffers);
  }
  void TearDown() override {
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }

  static rte_mempool* make_pool(const char* name, unsigned buffers, uint16_t room = RTE_MBUF_DEFAULT_BUF_SIZE) {
    return rte_pktmbuf_pool_create(name, buffers, 0, 0, room, SOCKET_ID_ANY);
  }
  std::unique_ptr<EalPort> open(PortPlan plan = {}) {
    plan.devargs = "iface=zl0,queue_count=4" + plan.devargs;
    return std::make_unique<EalPort>("net_zcnbrh_life", plan, pool_);
  }
  bool no_program_left() { return here_.shell("! ip -d link show zl0 | grep -q 'prog/xdp'"); }

  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
};

TEST_F(PortLife, StartStopManyTimesHoldsNoMoreThanItsDescriptors) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(rte_eth_dev_stop(port->id()), 0);
    ASSERT_EQ(rte_eth_dev_start(port->id()), 0);
    ASSERT_EQ(rte_mempool_avail_count(pool_), kBuffers - 512);
  }
}

TEST_F(PortLife, AStoppedPortIsConfiguredAnew) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  const struct { uint16_t rx, tx; } shapes[] = {{4, 4}, {1, 3}, {3, 1}, {0, 2}, {2, 0}, {1, 1}};
  for (const auto& shape : shapes) {
    ASSERT_EQ(rte_eth_dev_stop(port->id()), 0);
    ASSERT_EQ(port->setup_queues(shape.rx, shape.tx), 0) << shape.rx << " RX, " << shape.tx << " TX";
    ASSERT_EQ(rte_eth_dev_start(port->id()), 0) << shape.rx << " RX, " << shape.tx << " TX";
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers - 512U * shape.rx);
  }
}

TEST_F(PortLife, CloseWithoutStopAndUnplugGiveEverythingBack) {
  for (int i = 0; i < 10; ++i) {
    auto port = open({",shared_umem=0", 4, 4});
    ASSERT_EQ(port->error(), "");
    port->close();
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    EXPECT_TRUE(no_program_left());
  }
}

TEST_F(PortLife, CountsGoOnAcrossReconfiguration) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  const auto sent = [&] {
    rte_eth_stats stats{};
    rte_eth_stats_get(port->id(), &stats);
    return stats.opackets;
  };
  for (uint64_t i = 1; i <= 3; ++i) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    rte_pktmbuf_append(m, 60);
    ASSERT_EQ(rte_eth_tx_burst(port->id(), 0, &m, 1), 1);
    EXPECT_EQ(sent(), i);
    ASSERT_EQ(rte_eth_dev_stop(port->id()), 0);
    ASSERT_EQ(port->setup_queues(1, 1), 0);
    ASSERT_EQ(rte_eth_dev_start(port->id()), 0);
    EXPECT_EQ(sent(), i);
  }
  rte_eth_stats_reset(port->id());
  EXPECT_EQ(sent(), 0U);
}

TEST_F(PortLife, APoolWithTooFewBuffersIsSaidAndMadeGoodLater) {
  rte_mempool* small = make_pool("small", 255);
  std::vector<rte_mbuf*> held(255 - 100);
  ASSERT_EQ(rte_pktmbuf_alloc_bulk(small, held.data(), static_cast<unsigned>(held.size())), 0);
  {
    EalPort port("net_zcnbrh_small", {"iface=zl0", 1, 1, 200, 128}, small);
    ASSERT_EQ(port.error(), "");
    EXPECT_EQ(port.sum("rx_q0_posted"), 100U);
    EXPECT_EQ(port.sum("rx_q0_deficit"), 100U);
    rte_pktmbuf_free_bulk(held.data(), static_cast<unsigned>(held.size()));
    rte_mbuf* none[8];
    rte_eth_rx_burst(port.id(), 0, none, 8);
    EXPECT_EQ(port.sum("rx_q0_posted"), 200U);
  }
  EXPECT_EQ(rte_mempool_avail_count(small), 255U);
  rte_mempool_free(small);
}

TEST_F(PortLife, APoolWithUnder64BuffersIsAnError) {
  rte_mempool* tiny = make_pool("tiny", 63);
  {
    EalPort port("net_zcnbrh_tiny", {"iface=zl0", 1, 1, 128, 128}, tiny);
    EXPECT_EQ(port.error(), "start: " + std::to_string(-ENOMEM));
    EXPECT_EQ(rte_mempool_avail_count(tiny), 63U);
    EXPECT_TRUE(no_program_left());
  }
  rte_mempool_free(tiny);
}

TEST_F(PortLife, BuffersUnder2048BytesAreRefused) {
  rte_mempool* narrow = make_pool("narrow", 255, 1024);
  EalPort port("net_zcnbrh_narrow", {"iface=zl0"}, narrow);
  EXPECT_EQ(port.error(), "queue setup");
  port.close();
  rte_mempool_free(narrow);
}

TEST_F(PortLife, TwoPortsShareOnePoolAndOneNetdev) {
  EalPort a("net_zcnbrh_a", {"iface=zl0,start_queue=0,queue_count=2", 2, 2}, pool_);
  ASSERT_EQ(a.error(), "");
  {
    EalPort b("net_zcnbrh_b", {"iface=zl0,start_queue=2,queue_count=2", 2, 2}, pool_);
    ASSERT_EQ(b.error(), "");
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers - 4 * 512);
  }
  EXPECT_FALSE(no_program_left()) << "closing one port took the other's program";
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers - 2 * 512);
}

TEST_F(PortLife, AQueueInUseIsARefusalThatLeavesTheOtherAlone) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  EalPort second("net_zcnbrh_second", {"iface=zl0"}, pool_);
  EXPECT_EQ(second.error(), "start: " + std::to_string(-EBUSY));
  second.close();
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers - 512);
  EXPECT_FALSE(no_program_left());
}

TEST_F(PortLife, TheNetdevGoesAwayAndTheBuffersComeBack) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  ASSERT_TRUE(here_.shell("ip link del zl0"));
  rte_mbuf* burst[8];
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(rte_eth_rx_burst(port->id(), 0, burst, 8), 0);
  rte_eth_link link{};
  rte_eth_link_get_nowait(port->id(), &link);
  EXPECT_EQ(link.link_status, RTE_ETH_LINK_DOWN);
  port->close();
  EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
}

TEST_F(PortLife, AForkedChildGetsNothingAndHarmsNothing) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  const pid_t child = ::fork();
  if (child == 0) {
    rte_mbuf* m = nullptr;
    ::_exit(rte_eth_rx_burst(port->id(), 0, &m, 1) == 0 && rte_eth_tx_burst(port->id(), 0, &m, 0) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  rte_mbuf* m = rte_pktmbuf_alloc(pool_);
  rte_pktmbuf_append(m, 60);
  EXPECT_EQ(rte_eth_tx_burst(port->id(), 0, &m, 1), 1);
}

// A veth end whose peer has more TX queues than it has RX queues refuses native XDP (veth_xdp_set()).
TEST_F(PortLife, ADriverThatRefusesNativeXdpIsServedInSkbMode) {
  ASSERT_TRUE(
      here_.shell("ip link add zs0 numrxqueues 1 numtxqueues 1 type veth peer name zs1 numrxqueues 4 "
                  "numtxqueues 4 && ip link set zs0 up && ip link set zs1 up"));
  {
    EalPort strict("net_zcnbrh_strict", {"iface=zs0,allow_skb=0"}, pool_);
    EXPECT_EQ(strict.error(), "start: " + std::to_string(-EOPNOTSUPP));
  }
  EalPort port("net_zcnbrh_skb", {"iface=zs0"}, pool_);
  ASSERT_EQ(port.error(), "");
  EXPECT_TRUE(here_.shell("ip -d link show zs0 | grep -q xdpgeneric"));
  const int socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex("zs1"));
  const std::vector<uint8_t> frame(60, 0xff);
  ASSERT_EQ(::sendto(socket, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 60);
  ::close(socket);
  rte_mbuf* m = nullptr;
  for (int i = 0; m == nullptr && i < 1000; ++i) {
    rte_eth_rx_burst(port.id(), 0, &m, 1);
    ::usleep(1000);
  }
  ASSERT_NE(m, nullptr);
  EXPECT_EQ(m->pkt_len, 60U);
  rte_pktmbuf_free(m);
}

TEST_F(PortLife, PoolsMadeAfterProbeKeepElementsInsidePages) {
  auto port = open();
  ASSERT_EQ(port->error(), "");
  for (const uint16_t room : {500, 1600, 2176, 3904 - 128, 9000}) {
    rte_mempool* pool = make_pool("layout", 300, room);
    ASSERT_NE(pool, nullptr);
    EXPECT_EQ(pool->populated_size, 300U);
    struct Crossing {
      unsigned count = 0;
    } crossing;
    rte_mempool_obj_iter(
        pool,
        [](rte_mempool* mp, void* opaque, void* object, unsigned) {
          const auto start = reinterpret_cast<uintptr_t>(object) - mp->header_size;
          const size_t bytes = mp->header_size + mp->elt_size;
          const uintptr_t end = start + (bytes < 4096 ? bytes : 4096);  // a chunk is at most a page
          static_cast<Crossing*>(opaque)->count += start / 4096 != (end - 1) / 4096;
        },
        &crossing);
    EXPECT_EQ(crossing.count, 0U) << "data room " << room;
    EXPECT_EQ(rte_mempool_avail_count(pool), 300U);
    rte_mempool_free(pool);
  }
}

}  // namespace
}  // namespace zcnbrh::testing
