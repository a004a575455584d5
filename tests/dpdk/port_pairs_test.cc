// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Ports of one process that meet in a bad moment: one that holds a mempool but could not start, one that is
// closed while another one is set up; and a netdev whose number of queues cannot be asked, or is answered wrong
// (this program's own ioctl() answers for the kernel's).
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <memory>
#include <thread>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"

namespace {

// Of the question for a netdev's channels.
struct Channels {
  int refused = 0;  // errno; 0: see `lie`
  bool lie = false;
  uint32_t count = 0;
  std::atomic<unsigned> asked = 0;
} g_channels;

}  // namespace

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (request == SIOCETHTOOL) {
    auto* answer = reinterpret_cast<ethtool_channels*>(static_cast<struct ifreq*>(argument)->ifr_data);
    if (answer->cmd == ETHTOOL_GCHANNELS) {
      ++g_channels.asked;
      if (g_channels.refused != 0) {
        std::memset(&answer->max_rx, 0xff, sizeof *answer - sizeof answer->cmd);  // nobody may read it
        errno = g_channels.refused;
        return -1;
      }
      if (g_channels.lie) {
        answer->rx_count = answer->tx_count = answer->combined_count = g_channels.count;
        return 0;
      }
    }
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr uint16_t kQueues = 4;

class PortPairs : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    ASSERT_EQ(wire_.error(), "");
    inside_ = std::make_unique<InNamespace>(wire_.here());
    pool_ = rte_pktmbuf_pool_create("pairs", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_NE(pool_, nullptr);
  }
  void TearDown() override {
    g_channels.refused = 0;
    g_channels.lie = false;
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
    EXPECT_TRUE(wire_.here().shell("! ip -d link show zq0 | grep -q prog/xdp")) << "an XDP program is left";
  }
  std::unique_ptr<EalPort> open(const std::string& name, const std::string& keys) {
    PortPlan plan;
    plan.devargs = "iface=" + wire_.netdev() + "," + keys;
    plan.rx_desc = plan.tx_desc = 128;
    return std::make_unique<EalPort>("net_zcnbrh_pair_" + name, plan, pool_);
  }
  void sends(const EalPort& port) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    ASSERT_NE(m, nullptr);
    Wire::write(77, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, Wire::kLength)));
    wire_.receive();
    ASSERT_EQ(rte_eth_tx_burst(port.id(), 0, &m, 1), 1);
    EXPECT_TRUE(eventually([&] {
      rte_eth_tx_burst(port.id(), 0, nullptr, 0);
      return wire_.receive() == std::vector<uint64_t>{77};
    }));
  }

  Wire wire_{kQueues};
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
};

// net_af_xdp looks for a UMEM to share among all queues that have the pool, also those whose set-up failed.
TEST_F(PortPairs, AQueueWithAPoolAndNoUmemIsNobodysPartner) {
  auto first = open("first", "start_queue=0");
  ASSERT_EQ(first->error(), "");
  auto failed = open("failed", "start_queue=0");  // the queue is the first port's
  EXPECT_EQ(failed->error(), "start: " + std::to_string(-EBUSY));
  first.reset();  // so that the failed one is all there is with this pool
  auto other = open("other", "start_queue=1");
  ASSERT_EQ(other->error(), "");
  sends(*other);
  ASSERT_EQ(rte_eth_dev_start(failed->id()), 0) << "its queue is free now";
  sends(*failed);
  sends(*other);
  other.reset();
  sends(*failed);
}

// And its close frees the queues before it takes the port off the list that another one's set-up goes through.
TEST_F(PortPairs, OneIsClosedWhileAnotherIsSetUp) {
  std::atomic<bool> done{false};
  std::atomic<unsigned> closed{0};
  std::thread closer([&] {
    wire_.here().run([&] {
      while (!done) {
        auto port = open("closer", "start_queue=0,shared_umem=1");
        EXPECT_EQ(port->error(), "");
        port.reset();
        ++closed;
      }
    });
  });
  auto kept = open("kept", "start_queue=1,shared_umem=1");
  EXPECT_EQ(kept->error(), "");
  for (int round = 0; round < 300 && (round < 12 || closed < 12); ++round) {
    EXPECT_EQ(rte_eth_dev_stop(kept->id()), 0);
    EXPECT_EQ(kept->setup_queues(1, 1), 0);
    EXPECT_EQ(rte_eth_dev_start(kept->id()), 0);
  }
  done = true;
  closer.join();
  EXPECT_GE(closed, 12U);
  sends(*kept);
}

// net_af_xdp reads an answer that was never written, and an errno of another call.
TEST_F(PortPairs, WithoutAnAnswerTheNetdevsOwnNumberOfQueuesHolds) {
  struct Row {
    int refused;
    bool lie;
    uint32_t count;
  };
  for (const Row& row :
       {Row{EOPNOTSUPP, false, 0}, Row{EPERM, false, 0}, Row{ENODEV, false, 0}, Row{0, true, 0},
        Row{0, true, UINT32_MAX}, Row{0, true, 0x80000000U}, Row{0, true, 1000}}) {
    SCOPED_TRACE("errno " + std::to_string(row.refused) + ", count " + std::to_string(row.count));
    g_channels.refused = row.refused;
    g_channels.lie = row.lie;
    g_channels.count = row.count;
    g_channels.asked = 0;
    errno = EINVAL;  // of another call
    EXPECT_EQ(open("beyond", "queue_count=5")->error(), "probe: " + std::to_string(-EINVAL));
    EXPECT_GT(g_channels.asked, 0U);
    EXPECT_EQ(open("all", "queue_count=4")->error(), "");
  }
}

TEST_F(PortPairs, AnAnswerOfFewerQueuesIsTaken) {
  g_channels.lie = true;
  g_channels.count = 1;  // and as many combined: 2
  EXPECT_EQ(open("beyond", "queue_count=3")->error(), "probe: " + std::to_string(-EINVAL));
  EXPECT_EQ(open("all", "queue_count=2")->error(), "");
}

}  // namespace
}  // namespace zcnbrh::testing
