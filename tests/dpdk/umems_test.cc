// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// How many UMEMs ports register, by what the kernel is asked: one for all queues and ports that are alike, one
// more where chunks need room for TX metadata, one a queue on a kernel that cannot share. This program has C
// library calls of its own that count, and which the driver's calls meet first. What a kernel can is asked once
// a process, so each case is a process of its own.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "lib/base/uapi_xdp.h"
#include "lib/xdp/features.h"
#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/wire.h"
#include "tests/support/child.h"

namespace {

struct Asked {
  unsigned registrations = 0;
  unsigned with_metadata = 0;
  unsigned unaligned = 0;
  unsigned shared_binds = 0;
  unsigned budgets = 0;
} g_asked;

}  // namespace

extern "C" int setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  const long result = ::syscall(SYS_setsockopt, fd, level, name, value, length);
  if (level == SOL_XDP && name == XDP_UMEM_REG && result == 0) {
    zcnbrh::uapi::XdpUmemReg reg{};
    std::memcpy(&reg, value, std::min<size_t>(length, sizeof reg));
    ++g_asked.registrations;
    g_asked.with_metadata += reg.tx_metadata_len != 0;
    g_asked.unaligned += (reg.flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG) != 0;
  }
  if (level == SOL_XDP && name == zcnbrh::uapi::kXdpMaxTxSkbBudget && result == 0) ++g_asked.budgets;
  return static_cast<int>(result);
}

extern "C" int bind(int fd, const struct sockaddr* address, socklen_t length) noexcept {
  const long result = ::syscall(SYS_bind, fd, address, length);
  if (address != nullptr && address->sa_family == AF_XDP && result == 0)
    g_asked.shared_binds += (reinterpret_cast<const sockaddr_xdp*>(address)->sxdp_flags & XDP_SHARED_UMEM) != 0;
  return static_cast<int>(result);
}

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kChecksum = RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

bool says(bool holds, const char* what) {
  if (!holds) std::fprintf(stderr, "# not so: %s\n", what);
  return holds;
}

// Ports on one netdev, each on queues of its own.
struct Ports {
  static constexpr uint16_t kQueues = 2;
  Wire wire{2 * kQueues};
  InNamespace inside{wire.here()};
  rte_mempool* pool = nullptr;
  rte_mempool* other = nullptr;  // sent from, if there is one
  std::array<std::unique_ptr<EalPort>, 2> port;

  Ports() {
    if (!eal_ready()) return;
    pool = rte_pktmbuf_pool_create("umems", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    g_asked = {};
  }
  Ports(const Ports&) = delete;
  Ports& operator=(const Ports&) = delete;
  ~Ports() {
    for (auto& one : port) one.reset();
    rte_mempool_free(pool);
    rte_mempool_free(other);
  }
  bool start(size_t number, uint64_t tx_offloads = 0, const std::string& keys = "") {
    PortPlan plan;
    plan.devargs =
        "iface=" + wire.netdev() + ",queue_count=2,start_queue=" + std::to_string(number * kQueues) + keys;
    plan.rx_queues = plan.tx_queues = kQueues;
    plan.rx_desc = plan.tx_desc = 128;
    plan.conf.txmode.offloads = tx_offloads;
    port[number] = std::make_unique<EalPort>("net_zcnbrh_umems" + std::to_string(number), plan, pool);
    return says(pool != nullptr && port[number]->error().empty(), port[number]->error().c_str());
  }
  // Packets of each of its queues come out at the other end, and what they are answered by comes in on some
  // queue.
  bool carries(size_t number) {
    const uint16_t id = port[number]->id();
    wire.receive();
    for (uint16_t queue = 0; queue < kQueues; ++queue)
      for (uint64_t i = 0; i < 200; ++i) {
        rte_mbuf* m = rte_pktmbuf_alloc(other != nullptr ? other : pool);
        if (!says(m != nullptr, "an mbuf")) return false;
        Wire::write(i, reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, Wire::kLength)));
        if (!says(rte_eth_tx_burst(id, queue, &m, 1) == 1, "taken by the TX queue")) return false;
        size_t came = 0;
        const bool arrives = eventually([&] {
          rte_eth_tx_burst(id, queue, nullptr, 0);
          for (const uint64_t got : wire.receive()) came += got == i;
          return came == 1;
        });
        if (!says(arrives, "a packet at the other end")) return false;
      }
    return true;
  }
  // All that comes in is taken by one of the queues of the ports that run.
  bool receives(uint64_t packets) {
    uint64_t came = 0;
    for (uint64_t i = 0; i < packets; ++i) {
      if (!wire.send(i)) return says(false, "the kernel took the packet");
      const bool arrived = eventually([&] {
        for (auto& one : port)
          for (uint16_t queue = 0; one != nullptr && queue < kQueues; ++queue) {
            rte_mbuf* m = nullptr;
            if (rte_eth_rx_burst(one->id(), queue, &m, 1) == 0) continue;
            came += Wire::number_of(rte_pktmbuf_mtod(m, uint8_t*)) == i;
            rte_pktmbuf_free(m);
          }
        return came == i + 1;
      });
      if (!says(arrived, "a packet came in")) return false;
    }
    return true;
  }
};

TEST(Umems, OneForQueuesAndPortsThatAreAlike) {
  ASSERT_TRUE(true_in_child([] {
    Ports p;
    return p.start(0) && says(g_asked.registrations == 1 && g_asked.shared_binds == 1, "one for two queues") &&
           p.start(1) && says(g_asked.registrations == 1 && g_asked.shared_binds == 3, "one for two ports") &&
           p.carries(0) && p.carries(1) && p.receives(100);
  }));
}

// TX metadata takes bytes of each chunk, so a port that asks for it has a UMEM of its own, with the same
// memory.
TEST(Umems, OneMoreWhereChunksHaveRoomForTxMetadata) {
  if (const std::string no = lacks(Kernel::real(), Feature::kTxMetadata); !no.empty()) GTEST_SKIP() << no;
  for (const bool asks_first : {true, false}) {
    ASSERT_TRUE(true_in_child([asks_first] {
      ::setenv("ZCNBRH_FORCE_XSK_FEATURES", "2", 1);
      Ports p;
      return p.start(0, asks_first ? kChecksum : 0) && says(g_asked.registrations == 1, "one for two queues") &&
             p.start(1, asks_first ? 0 : kChecksum) && says(g_asked.registrations == 2, "two for two ports") &&
             says(g_asked.with_metadata == 1, "one of them with metadata") &&
             says(g_asked.shared_binds == 2, "each shared by its port's queues") && p.carries(0) &&
             p.carries(1) && p.receives(100);
    })) << asks_first;
  }
  ASSERT_TRUE(true_in_child([] {
    ::setenv("ZCNBRH_FORCE_XSK_FEATURES", "2", 1);
    Ports p;
    return p.start(0, kChecksum) && p.start(1, kChecksum) &&
           says(g_asked.registrations == 1 && g_asked.with_metadata == 1, "one where both ask") &&
           p.carries(0) && p.carries(1);
  }));
}

TEST(Umems, OneAQueueOnAKernelThatCannotShare) {
  ASSERT_TRUE(true_in_child([] {
    ::setenv("ZCNBRH_FORCE_FEATURES", "-shared_umem_queues", 1);
    Ports p;
    return p.start(0) && says(g_asked.registrations == 2 && g_asked.shared_binds == 0, "one a queue") &&
           p.start(1) &&
           says(g_asked.registrations == 4 && g_asked.shared_binds == 0, "also of the second port") &&
           p.carries(0) && p.carries(1) && p.receives(100);
  }));
}

// A second pool whose elements start anywhere makes the chunks unaligned, so that its packets go in place;
// without those they are copied.
TEST(Umems, NoneIsUnalignedOnAKernelWithout) {
  for (const bool without : {false, true})
    ASSERT_TRUE(true_in_child([without] {
      if (without) ::setenv("ZCNBRH_FORCE_FEATURES", "-unaligned_chunks", 1);
      Ports p;
      p.other = rte_pktmbuf_pool_create("other", 511, 0, 0, 9000, SOCKET_ID_ANY);
      return says(p.other != nullptr, "another pool") && p.start(0) &&
             says((g_asked.unaligned == 0) == without, "unaligned where they can be") && p.carries(0) &&
             says((p.port[0]->sum("bounce_copies") == 0) == !without, "copied only where there are none") &&
             p.receives(100);
    })) << without;
}

TEST(Umems, UnalignedChunksThatWereAskedForAreRefusedOnAKernelWithout) {
  ASSERT_TRUE(true_in_child([] {
    ::setenv("ZCNBRH_FORCE_FEATURES", "-unaligned_chunks", 1);
    Ports p;
    const bool refused = !p.start(0, 0, ",chunks=unaligned");
    const bool says_so = says(p.port[0]->error() == "start: -95", "ENOTSUP");
    p.port[0].reset();
    return refused && says_so && says(rte_mempool_avail_count(p.pool) == 4095, "nothing is left with it") &&
           p.start(0) && p.carries(0);
  }));
}

TEST(Umems, NoLargerBudgetOnAKernelWithout) {
  if (const std::string no = lacks(Kernel::real(), Feature::kMaxTxSkbBudget); !no.empty()) GTEST_SKIP() << no;
  for (const bool without : {false, true})
    ASSERT_TRUE(true_in_child([without] {
      if (without) ::setenv("ZCNBRH_FORCE_FEATURES", "-max_tx_skb_budget", 1);
      Ports p;
      return p.start(0) && says((g_asked.budgets == 0) == without, "the budget is set where it can be") &&
             p.carries(0);
    })) << without;
}

}  // namespace
}  // namespace zcnbrh::testing
