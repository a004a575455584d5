// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Several mempools: one UMEM covers those there are at start, so what is in any of them goes out by address,
// also between ports that receive into different pools. net_af_xdp copies every mbuf of another pool than the
// queue's own (`dpdk-testpmd --mbuf-size=2048,4096` with two af_xdp vdevs).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <numeric>

#include "tests/dpdk/eal_port.h"

namespace zcnbrh::testing {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes pattern(size_t length, unsigned seed) {
  Bytes out(length);
  std::iota(out.begin(), out.end(), static_cast<uint8_t>(seed));
  return out;
}

struct FreePool {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

class Window : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(eal_ready()); }

  static Pool make_pool(const char* name, unsigned buffers, uint16_t data_room, uint16_t private_bytes = 0) {
    return Pool(rte_pktmbuf_pool_create(name, buffers, 0, private_bytes, data_room, SOCKET_ID_ANY));
  }
  static std::unique_ptr<EalPort> start(const std::string& name, rte_mempool* pool,
                                        const std::string& more = "") {
    PortPlan plan;
    plan.devargs = "iface=loop,tx_bounce=16" + more;
    plan.rx_desc = plan.tx_desc = 128;
    auto port = std::make_unique<EalPort>("net_zcnbrh_" + name, plan, pool);
    EXPECT_EQ(port->error(), "");
    return port;
  }
  static rte_mbuf* packet(rte_mempool* pool, const Bytes& bytes) {
    rte_mbuf* m = rte_pktmbuf_alloc(pool);
    if (m == nullptr) return nullptr;
    std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return m;
  }
  static bool send(EalPort& port, rte_mbuf* m) { return rte_eth_tx_burst(port.id(), 0, &m, 1) == 1; }
  static rte_mbuf* next(EalPort& port) {
    rte_mbuf* m = nullptr;
    return rte_eth_rx_burst(port.id(), 0, &m, 1) == 1 ? m : nullptr;
  }
  static Bytes receive(EalPort& port) {
    rte_mbuf* m = next(port);
    if (m == nullptr) return {};
    const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
    Bytes out(data, data + m->pkt_len);
    rte_pktmbuf_free(m);
    return out;
  }
  // Every packet that went out did so without a copy, and no frame was in doubt.
  static void all_in_place(EalPort& port) {
    EXPECT_EQ(port.sum("bounce_copies"), 0U);
    EXPECT_EQ(port.sum("violations"), 0U);
    EXPECT_EQ(port.sum("xsk_invalid_descs"), 0U);
  }
  // UMEM windows over a pool: mappings of its first page's file that a child would not inherit.
  static size_t count_windows(const Pool& pool) {
    const auto at = reinterpret_cast<uintptr_t>(STAILQ_FIRST(&pool->mem_list)->addr);
    struct Area {
      uintptr_t start, end, offset;
      unsigned long inode;
      bool ours;
    };
    std::vector<Area> areas;
    std::ifstream maps("/proc/self/smaps");
    for (std::string line; std::getline(maps, line);) {
      Area area{};
      if (std::sscanf(line.c_str(), "%lx-%lx %*4s %lx %*s %lu", &area.start, &area.end, &area.offset,
                      &area.inode) == 4)
        areas.push_back(area);
      else if (line.starts_with("VmFlags:"))
        areas.back().ours = (line + " ").find(" dc ") != std::string::npos;
    }
    const auto pools =
        std::find_if(areas.begin(), areas.end(), [at](const Area& a) { return a.start <= at && at < a.end; });
    const uintptr_t in_file = pools->offset + (at - pools->start);
    return static_cast<size_t>(std::count_if(areas.begin(), areas.end(), [&](const Area& a) {
      return a.ours && a.inode == pools->inode && a.offset <= in_file && in_file - a.offset < a.end - a.start;
    }));
  }
  static void is_whole(const Pool& pool) {
    EXPECT_EQ(rte_mempool_avail_count(pool.get()), pool->size) << pool->name;
  }
};

TEST_F(Window, WhatIsInAnyPoolGoesByAddress) {
  const Pool small = make_pool("pools_small", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  const Pool large = make_pool("pools_large", 255, 9000);
  const Pool private_area = make_pool("pools_private", 255, RTE_MBUF_DEFAULT_BUF_SIZE, 192);
  auto port = start("any", small.get());
  // One after the other, and in one burst whose completions come back mixed.
  for (unsigned i = 0; i < 900; ++i) {
    rte_mempool* from = (i % 3 == 0 ? small : i % 3 == 1 ? large : private_area).get();
    ASSERT_TRUE(send(*port, packet(from, pattern(60 + i, i)))) << i;
    ASSERT_EQ(receive(*port), pattern(60 + i, i)) << i;
  }
  std::vector<rte_mbuf*> burst;
  for (unsigned i = 0; i < 96; ++i)
    burst.push_back(packet((i % 3 == 0 ? small : i % 3 == 1 ? large : private_area).get(), pattern(100, i)));
  ASSERT_EQ(rte_eth_tx_burst(port->id(), 0, burst.data(), 96), 96);
  for (unsigned i = 0; i < 96; ++i) EXPECT_EQ(receive(*port), pattern(100, i));
  all_in_place(*port);
  port->close();
  is_whole(small);
  is_whole(large);
  is_whole(private_area);
}

TEST_F(Window, EachQueueReceivesIntoItsOwnPool) {
  const Pool first = make_pool("pools_first", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  const Pool second = make_pool("pools_second", 511, 3000);
  auto a = start("first", first.get());
  auto b = start("second", second.get());
  for (unsigned i = 0; i < 200; ++i) {
    ASSERT_TRUE(send(*a, packet(second.get(), pattern(1000, i))));
    ASSERT_TRUE(send(*b, packet(first.get(), pattern(1200, i))));
    rte_mbuf* at_a = next(*a);
    rte_mbuf* at_b = next(*b);
    ASSERT_TRUE(at_a != nullptr && at_b != nullptr);
    EXPECT_EQ(at_a->pool, first.get());
    EXPECT_EQ(at_b->pool, second.get());
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(at_a, void*), pattern(1000, i).data(), 1000), 0);
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(at_b, void*), pattern(1200, i).data(), 1200), 0);
    rte_pktmbuf_free(at_a);
    rte_pktmbuf_free(at_b);
  }
  all_in_place(*a);
  all_in_place(*b);
  a.reset();
  b.reset();
  is_whole(first);
  is_whole(second);
}

// What a receives goes out at b, which receives into another pool, and back.
class Forwarding : public Window, public ::testing::WithParamInterface<const char*> {};

TEST_P(Forwarding, GoesOnByAddressWhateverThePools) {
  const Pool first = make_pool("pools_first", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  const Pool second = make_pool("pools_second", 511, 2560);
  auto a = start("fwd_a", first.get(), GetParam());
  auto b = start("fwd_b", second.get(), GetParam());
  for (unsigned i = 0; i < 2000; ++i) {
    ASSERT_TRUE(send(*a, packet(first.get(), pattern(60 + i % 1400, i))));
    rte_mbuf* m = next(*a);
    ASSERT_NE(m, nullptr);
    ASSERT_TRUE(send(*b, m));  // of a's pool, out at b
    m = next(*b);
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(m->pool, second.get());
    ASSERT_TRUE(send(*a, m));  // and of b's pool, out at a
    ASSERT_EQ(receive(*a), pattern(60 + i % 1400, i));
  }
  all_in_place(*a);
  all_in_place(*b);
  // Closing one takes nothing from the other.
  b.reset();
  rte_eth_tx_burst(a->id(), 0, nullptr, 0);  // takes back what it has sent
  is_whole(second);
  ASSERT_TRUE(send(*a, packet(second.get(), pattern(77, 7))));
  EXPECT_EQ(receive(*a), pattern(77, 7));
  all_in_place(*a);
  a.reset();
  is_whole(first);
  is_whole(second);
}
INSTANTIATE_TEST_SUITE_P(UmemSharing, Forwarding, ::testing::Values("", ",shared_umem=1", ",shared_umem=0"),
                         [](const auto& info) {
                           return std::string(*info.param == 0                           ? "ByDefault"
                                              : std::strstr(info.param, "=1") != nullptr ? "OneForAll"
                                                                                         : "OneAQueue");
                         });

TEST_F(Window, PoolsOfOneShapeShareAUmemAcrossPorts) {
  const Pool first = make_pool("pools_first", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  const Pool second = make_pool("pools_second", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  auto a = start("share_a", first.get());
  auto b = start("share_b", second.get());
  EXPECT_EQ(count_windows(first), 1U);
  EXPECT_EQ(count_windows(second), 1U);
  auto own = start("share_c", second.get(), ",shared_umem=0");
  EXPECT_EQ(count_windows(first), 2U);
  a.reset();  // the first, which registered it; the other goes on
  ASSERT_TRUE(send(*b, packet(first.get(), pattern(300, 3))));
  EXPECT_EQ(receive(*b), pattern(300, 3));
  all_in_place(*b);
  EXPECT_EQ(count_windows(first), 2U);
  b.reset();
  own.reset();
  EXPECT_EQ(count_windows(first), 0U);
  is_whole(first);
  is_whole(second);
}

TEST_F(Window, APoolMadeAfterStartIsCopiedUntilTheNextStart) {
  const Pool first = make_pool("pools_first", 511, RTE_MBUF_DEFAULT_BUF_SIZE);
  auto port = start("late", first.get());
  const Pool late = make_pool("pools_late", 255, RTE_MBUF_DEFAULT_BUF_SIZE);
  for (unsigned i = 0; i < 100; ++i) {
    ASSERT_TRUE(send(*port, packet(late.get(), pattern(200, i))));
    EXPECT_EQ(receive(*port), pattern(200, i));
  }
  EXPECT_EQ(port->sum("bounce_copies"), 100U);
  ASSERT_EQ(rte_eth_dev_stop(port->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port->id()), 0);
  const uint64_t before = port->sum("bounce_copies");
  for (unsigned i = 0; i < 100; ++i) {
    ASSERT_TRUE(send(*port, packet(late.get(), pattern(200, i))));
    EXPECT_EQ(receive(*port), pattern(200, i));
  }
  EXPECT_EQ(port->sum("bounce_copies"), before) << "picked up by the restart";
  port->close();
  is_whole(first);
  is_whole(late);
}

}  // namespace
}  // namespace zcnbrh::testing
