// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/numa_memory.h"

#include <gtest/gtest.h>
#include <numa.h>
#include <numaif.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "lib/base/cacheline.h"
#include "lib/base/log.h"
#include "tests/support/child.h"
#include "tests/support/resources.h"

namespace zcnbrh::testing {
namespace {

std::string g_warning;
struct CaughtLog {
  CaughtLog() {
    g_warning.clear();
    set_log_sink([](LogLevel level, const char* line) {
      if (level == LogLevel::kWarning) g_warning += line;
    });
  }
  ~CaughtLog() { set_log_sink(nullptr); }
};

TEST(NumaMemory, IsZeroedPageAlignedAndLargeEnough) {
  const Resources before = Resources::now();
  {
    auto memory = NumaMemory::allocate(10000, kAnyNode);
    ASSERT_TRUE(memory) << memory.error().text();
    EXPECT_GE(memory->size(), 10000U);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory->data()) % kPageSize, 0U);
    EXPECT_TRUE(
        std::all_of(memory->data(), memory->data() + memory->size(), [](uint8_t byte) { return byte == 0; }));
    std::fill(memory->data(), memory->data() + memory->size(), 0xFF);
    EXPECT_NE(Resources::now(), before);
  }
  EXPECT_EQ(Resources::now(), before);
}

TEST(NumaMemory, IsRoundedUpToItsOwnPageSize) {
  auto memory = NumaMemory::allocate(kPageSize + 1, kAnyNode);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_EQ(memory->size(), memory->pages() == PageKind::kHuge2M ? size_t{2} << 20 : 2 * kPageSize);
}

TEST(NumaMemory, AChildOfForkDoesNotHaveIt) {
  auto memory = NumaMemory::allocate(kPageSize, kAnyNode);
  ASSERT_TRUE(memory) << memory.error().text();
  memory->data()[0] = 42;
  EXPECT_TRUE(true_in_child([&] { return page_is_missing(memory->data(), 42); }));
}

TEST(NumaMemory, NothingIsRefused) {
  auto memory = NumaMemory::allocate(0, kAnyNode);
  ASSERT_FALSE(memory);
  EXPECT_EQ(memory.error().code, EINVAL);
}

TEST(NumaMemory, MoreThanThereIsIsAnErrorThatLeavesNothing) {
  const Resources before = Resources::now();
  for (const size_t bytes : {size_t{1} << 50, ~size_t{0} - 100}) {
    auto memory = NumaMemory::allocate(bytes, kAnyNode);
    ASSERT_FALSE(memory);
    EXPECT_NE(memory.error().code, 0);
  }
  EXPECT_EQ(Resources::now(), before);
}

TEST(NumaMemory, ANodeThatTheMachineDoesNotHaveIsAWarning) {
  const CaughtLog log;
  auto memory = NumaMemory::allocate(kPageSize, 4000);
  ASSERT_TRUE(memory) << memory.error().text();
  EXPECT_NE(g_warning.find("4000"), std::string::npos) << g_warning;
  memory->data()[0] = 1;
}

TEST(NumaMemory, IsBoundToTheNodeAskedFor) {
  if (::numa_available() < 0) GTEST_SKIP() << "no NUMA in this kernel";
  const CaughtLog log;
  const int node = ::numa_max_node();
  auto memory = NumaMemory::allocate(kPageSize, node);
  ASSERT_TRUE(memory) << memory.error().text();
  ASSERT_EQ(g_warning, "");
  int policy = -1;
  struct bitmask* nodes = ::numa_allocate_nodemask();
  ASSERT_EQ(::get_mempolicy(&policy, nodes->maskp, nodes->size + 1, memory->data(), MPOL_F_ADDR), 0);
  EXPECT_EQ(policy, MPOL_PREFERRED);
  EXPECT_TRUE(::numa_bitmask_isbitset(nodes, static_cast<unsigned>(node)));
  ::numa_free_nodemask(nodes);
}

}  // namespace
}  // namespace zcnbrh::testing
