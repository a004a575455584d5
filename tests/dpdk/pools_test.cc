// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Pools with mempool ops `zcnbrh` on huge pages: programs make pools of a few mbufs as well as large ones, and
// no chunk may cross a 4 KiB page. An EAL of its own, since the other tests run without huge pages.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr char kHugePages[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
constexpr unsigned kWanted = 96;  // huge pages of 2 MB

unsigned read_count(const char* name) {
  unsigned count = 0;
  std::ifstream(std::string(kHugePages) + name) >> count;
  return count;
}

// Sees to free huge pages, and gives back what it added when the program ends.
class HugePages {
 public:
  HugePages() : before_(read_count("nr_hugepages")) {
    if (const unsigned free = read_count("free_hugepages"); free < kWanted) write(before_ + kWanted - free);
  }
  ~HugePages() { write(before_); }
  static bool enough() { return read_count("free_hugepages") >= kWanted; }

 private:
  static void write(unsigned count) {
    std::ofstream(std::string(kHugePages) + "nr_hugepages") << count << std::flush;
  }
  unsigned before_;
};

// nullptr, or why EAL is not up.
const char* start_eal() {
  static HugePages pages;
  if (!HugePages::enough()) return "no huge pages to be had";
  const char* driver = std::getenv("ZCNBRH_PMD");
  if (driver == nullptr || ::dlopen(driver, RTLD_NOW) == nullptr) return "no driver: ZCNBRH_PMD";
  std::string words[] = {
      "test", "--in-memory", "--no-pci", "--no-telemetry", "-l", "0", "--vdev=net_zcnbrh0,iface=loop"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0 ? nullptr : "rte_eal_init";
}

struct Shape {
  unsigned count;
  uint16_t room;
};

class Pools : public ::testing::TestWithParam<Shape> {
 protected:
  void SetUp() override {
    static const char* const why_not = start_eal();
    if (why_not != nullptr && std::string(why_not).starts_with("no huge")) GTEST_SKIP() << why_not;
    ASSERT_EQ(why_not, nullptr);
  }
};

TEST_P(Pools, AreMadeAndNoChunkCrossesAPage) {
  const Shape shape = GetParam();
  rte_mempool* pool = rte_pktmbuf_pool_create("pool", shape.count, 0, 0, shape.room, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr) << shape.count << " mbufs with " << shape.room
                           << " bytes: " << rte_strerror(rte_errno);
  // Laid out by ours, then run by DPDK's own: a pool in shared memory may only name ops that every process has
  // under the same number.
  EXPECT_STREQ(rte_mbuf_best_mempool_ops(), "zcnbrh");
  EXPECT_STREQ(rte_mempool_get_ops(pool->ops_index)->name, "ring_mp_mc");
  EXPECT_EQ(pool->populated_size, shape.count);
  struct Walk {
    unsigned seen = 0;
    unsigned crossing = 0;
  } walk;
  rte_mempool_obj_iter(
      pool,
      [](rte_mempool* mp, void* opaque, void* object, unsigned) {
        auto& w = *static_cast<Walk*>(opaque);
        const uintptr_t first = reinterpret_cast<uintptr_t>(object) - mp->header_size;
        const uintptr_t bytes = mp->header_size + mp->elt_size;
        const uintptr_t chunk = bytes < 4096 ? bytes : 4096;
        ++w.seen;
        if (first / 4096 != (first + chunk - 1) / 4096) ++w.crossing;
      },
      &walk);
  EXPECT_EQ(walk.seen, shape.count);
  EXPECT_EQ(walk.crossing, 0U);
  rte_mempool_free(pool);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pools,
                         ::testing::Values(Shape{1, 2176}, Shape{64, 2176}, Shape{511, 2176}, Shape{512, 2176},
                                           Shape{513, 2176}, Shape{1024, 2176}, Shape{8192, 2176},
                                           Shape{64, 1920}, Shape{1024, 3904}, Shape{512, 10240},
                                           Shape{700, 10240}, Shape{3000, 9344}, Shape{100, 65535}),
                         [](const auto& info) {
                           return std::to_string(info.param.count) + "mbufs" + std::to_string(info.param.room);
                         });

}  // namespace
}  // namespace zcnbrh::testing
