// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What zero-copy asks of a pool on plain pages, IOMMU or not: no chunk may cross from one page into the next,
// since they are not neighbours for a device (pool_against_zero_copy() in the driver's queue_umem.cc, which
// says so of exactly these two answers). testpmd builds no such pool, so they are populated by hand.
#include <gtest/gtest.h>
#include <rte_log.h>
#include <rte_mbuf_pool_ops.h>
#include <sys/mman.h>

#include <memory>

#include "drivers/net/zcnbrh/pool_memory.h"
#include "lib/base/mapping.h"
#include "tests/dpdk/eal_port.h"

int zcnbrh_logtype = RTE_LOGTYPE_USER1;  // the driver has its own

namespace zcnbrh::testing {
namespace {

using pmd::PoolMemory;
constexpr unsigned kBuffers = 64;
constexpr size_t kArea = size_t{1} << 20;

struct FreePool {
  void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
};
using Pool = std::unique_ptr<rte_mempool, FreePool>;

// Elements of `room` bytes of data one after the other, from `shift` bytes into the memory.
Pool by_hand(const Mapping& memory, uint16_t room, size_t shift) {
  rte_pktmbuf_pool_private data{};
  data.mbuf_data_room_size = room;
  Pool pool(rte_mempool_create_empty("guard", kBuffers, sizeof(rte_mbuf) + room, 0, sizeof data, SOCKET_ID_ANY,
                                     RTE_MEMPOOL_F_NO_SPREAD | RTE_MEMPOOL_F_NO_IOVA_CONTIG));
  if (pool == nullptr || rte_mempool_set_ops_byname(pool.get(), "ring_mp_mc", nullptr) != 0) return nullptr;
  rte_pktmbuf_pool_init(pool.get(), &data);
  if (rte_mempool_populate_virt(pool.get(), reinterpret_cast<char*>(memory.data()) + shift,
                                memory.size() - shift, 4096, nullptr, nullptr) < static_cast<int>(kBuffers))
    return nullptr;
  rte_mempool_obj_iter(pool.get(), rte_pktmbuf_init, nullptr);
  return pool;
}

class PageGuard : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    memory_ =
        Mapping::create(nullptr, kArea, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0).value();
  }
  Mapping memory_;
};

TEST_F(PageGuard, ElementsThatCrossPlainPagesAreSeen) {
  const Pool pool = by_hand(memory_, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  ASSERT_NE(pool, nullptr);
  auto memory = PoolMemory::adopt(pool.get(), false);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_TRUE((*memory)->in_place());
  EXPECT_FALSE((*memory)->page_safe()) << "2432 bytes do not divide a page";
  EXPECT_TRUE((*memory)->on_small_pages());
}

TEST_F(PageGuard, ElementsOfAPageEachAreGood) {
  const Pool pool = by_hand(memory_, 4096 - 64 - sizeof(rte_mbuf), 0);
  ASSERT_NE(pool, nullptr);
  auto memory = PoolMemory::adopt(pool.get(), false);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_EQ((*memory)->element_bytes(), 4096U);
  EXPECT_TRUE((*memory)->page_safe());
  EXPECT_TRUE((*memory)->on_small_pages());
}

TEST_F(PageGuard, TheSameElementsHalfAPageLaterAreNot) {
  const Pool pool = by_hand(memory_, 4096 - 64 - sizeof(rte_mbuf), 2048);
  ASSERT_NE(pool, nullptr);
  auto memory = PoolMemory::adopt(pool.get(), false);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_FALSE((*memory)->page_safe());
}

TEST_F(PageGuard, OurOpsLayThemOutGood) {
  const Pool any(rte_pktmbuf_pool_create("guard_any", 255, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY));
  PortPlan plan;
  plan.devargs = "iface=loop";
  plan.rx_desc = plan.tx_desc = 64;
  const EalPort port("net_zcnbrh_guard", plan, any.get());  // its probe registers them
  ASSERT_EQ(port.error(), "");
  const Pool pool(rte_pktmbuf_pool_create_by_ops("guard_ops", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                                 SOCKET_ID_ANY, "zcnbrh"));
  ASSERT_NE(pool, nullptr);
  auto memory = PoolMemory::adopt(pool.get(), false);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_TRUE((*memory)->page_safe());
}

}  // namespace
}  // namespace zcnbrh::testing
