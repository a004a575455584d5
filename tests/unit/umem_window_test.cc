// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/umem_window.h"

#include <gtest/gtest.h>
#include <numa.h>
#include <numaif.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "lib/base/cacheline.h"
#include "tests/support/child.h"
#include "tests/support/memfd.h"
#include "tests/support/resources.h"

namespace zcnbrh::testing {
namespace {

constexpr size_t kPage = kPageSize;

class UmemWindowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = Resources::now();
    space_ = Mapping::create(nullptr, 64 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                 .value();
  }
  void TearDown() override {
    pieces_.clear();
    space_.reset();
    EXPECT_EQ(Resources::now(), before_);
  }
  // A piece of `pages`, mapped at page `at` of the test's own address space.
  MemoryRun piece(size_t at, size_t pages) {
    pieces_.push_back(MemoryFile::make(pages * kPage, 0, space_.data() + at * kPage));
    return {pieces_.back().data(), pages * kPage, pieces_.back().fd.get(), 0, kPage};
  }
  // One region.
  static std::vector<WindowRegion> one(std::vector<MemoryRun> runs) { return {std::move(runs)}; }
  static void refused(std::vector<MemoryRun> runs, size_t tail, int code) {
    const Resources before = Resources::now();
    const auto window = UmemWindow::map(one(std::move(runs)), tail, -1);
    ASSERT_FALSE(window);
    EXPECT_EQ(window.error().code, code) << window.error().text();
    EXPECT_EQ(Resources::now(), before);
  }

  Mapping space_;
  std::vector<MemoryFile> pieces_;
  Resources before_;
};

TEST_F(UmemWindowTest, IsTheVeryMemoryOfTheApplication) {
  const MemoryRun run = piece(0, 4);
  auto window = UmemWindow::map(one({run}), 0, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->size(), 4 * kPage);
  EXPECT_NE(window->base(), run.base);
  run.base[5000] = 42;
  EXPECT_EQ(window->base()[5000], 42);
  window->base()[9000] = 43;
  EXPECT_EQ(run.base[9000], 43);
}

TEST_F(UmemWindowTest, PiecesKeepTheirDistancesAndHolesAreFilled) {
  const MemoryRun first = piece(2, 2);
  const MemoryRun second = piece(7, 3);
  auto window = UmemWindow::map(one({first, second}), 0, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->size(), 8 * kPage);
  EXPECT_EQ(window->offset_of(0, first.base), 0U);
  second.base[kPage + 1] = 77;
  EXPECT_EQ(window->base()[window->offset_of(0, second.base + kPage + 1)], 77);
  uint8_t* hole = window->base() + 2 * kPage;
  EXPECT_TRUE(std::all_of(hole, hole + 3 * kPage, [](uint8_t byte) { return byte == 0; }));
  std::fill(hole, hole + 3 * kPage, 0xFF);
  EXPECT_EQ(first.base[2 * kPage - 1], 0);
  EXPECT_EQ(second.base[0], 0);
}

TEST_F(UmemWindowTest, AHoleCanBeNamedAsARunWithoutAFile) {
  const MemoryRun first = piece(0, 1);
  const MemoryRun hole = {first.base + kPage, kPage, -1, 0, kPage, false};
  const MemoryRun last = piece(2, 1);
  auto window = UmemWindow::map(one({first, hole, last}), 0, -1);
  ASSERT_TRUE(window) << window.error().text();
  window->base()[kPage] = 1;
  last.base[0] = 9;
  EXPECT_EQ(window->base()[2 * kPage], 9);
}

TEST_F(UmemWindowTest, ThePieceStartsAtItsOffsetInTheFile) {
  pieces_.push_back(MemoryFile::make(4 * kPage));
  MemoryFile& file = pieces_.back();
  file.data()[3 * kPage] = 5;
  auto window =
      UmemWindow::map(one({{file.data() + 3 * kPage, kPage, file.fd.get(), 3 * kPage, kPage}}), 0, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->base()[0], 5);
}

TEST_F(UmemWindowTest, RegionsLieBackToBackWhateverTheirDistanceAndOrder) {
  const MemoryRun high = piece(40, 3);
  const MemoryRun low = piece(1, 2);
  const MemoryRun beside = piece(3, 1);  // touches `low`, but need not stay there
  auto window = UmemWindow::map(std::vector<WindowRegion>{{high}, {low}, {beside}}, 2 * kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->size(), 8 * kPage);
  EXPECT_EQ(window->tail_offset(), 6 * kPage);
  EXPECT_EQ(window->offset_of(0, high.base), 0U);
  EXPECT_EQ(window->offset_of(1, low.base), 3 * kPage);
  EXPECT_EQ(window->offset_of(2, beside.base + 9), 5 * kPage + 9);
  uint8_t value = 1;
  size_t region = 0;
  for (const MemoryRun& run : {high, low, beside}) {
    for (size_t at : {size_t{0}, run.length - 1}) {
      run.base[at] = ++value;
      EXPECT_EQ(window->base()[window->offset_of(region, run.base + at)], value);
    }
    ++region;
  }
  window->base()[6 * kPage] = 99;
  EXPECT_EQ(beside.base[kPage - 1], value) << "the tail is nobody else's";
}

TEST_F(UmemWindowTest, ARegionKeepsItsHolesAndTheNextFollows) {
  const MemoryRun first = piece(0, 1);
  const MemoryRun third = piece(2, 1);
  const MemoryRun other = piece(20, 1);
  auto window = UmemWindow::map(std::vector<WindowRegion>{{first, third}, {other}}, 0, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->size(), 4 * kPage);
  EXPECT_EQ(window->offset_of(0, third.base), 2 * kPage);
  EXPECT_EQ(window->offset_of(1, other.base), 3 * kPage);
  window->base()[kPage] = 7;
  EXPECT_EQ(first.base[0] + third.base[0] + other.base[0], 0);
}

TEST_F(UmemWindowTest, AHugePageBehindSmallOnesKeepsItsPlace) {
  constexpr size_t kHuge = size_t{2} << 20;
  const MemoryRun small = piece(0, 1);
  pieces_.push_back(MemoryFile::make(kHuge, MFD_HUGETLB));
  MemoryFile& file = pieces_.back();
  if (!file.mapping) GTEST_SKIP() << "no free huge page; vm.nr_hugepages";
  const MemoryRun huge = {file.data(), kHuge, file.fd.get(), 0, kHuge};
  auto window = UmemWindow::map(std::vector<WindowRegion>{{small}, {huge}}, kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->offset_of(1, huge.base) % kHuge, 0U);
  file.data()[kHuge - 1] = 8;
  EXPECT_EQ(window->base()[window->offset_of(1, huge.base) + kHuge - 1], 8);
  uint8_t* filling = window->base() + kPage;
  std::fill(filling, filling + kPage, 0xEE);  // between the two: ours, and mapped
  EXPECT_EQ(small.base[kPage - 1] + file.data()[0], 0);
}

TEST_F(UmemWindowTest, ARegionWithoutMemoryIsRefused) {
  const auto window = UmemWindow::map(std::vector<WindowRegion>{{piece(0, 1)}, {}}, kPage, -1);
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().code, EINVAL);
}

TEST_F(UmemWindowTest, SharedMemoryWithoutAFileIsTheVeryMemoryToo) {
  auto shared =
      Mapping::create(nullptr, 8 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0).value();
  MemoryRun run = {shared.data() + 2 * kPage, 4 * kPage, -1, 0, kPage, true};
  {
    auto window = UmemWindow::map(one({run}), kPage, -1);
    ASSERT_TRUE(window) << window.error().text();
    run.base[5000] = 42;
    EXPECT_EQ(window->base()[5000], 42);
    window->base()[9000] = 43;
    EXPECT_EQ(run.base[9000], 43);
    shared.data()[0] = 1;
    EXPECT_EQ(window->base()[0], 0) << "only the piece";
  }
  EXPECT_EQ(run.base[9000], 43) << "the application's mapping stays";
}

TEST_F(UmemWindowTest, PrivateMemoryCannotBeMappedTwice) {
  auto memory =
      Mapping::create(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0).value();
  memory.data()[0] = 9;
  refused({{memory.data(), 2 * kPage, -1, 0, kPage, true}}, kPage, EINVAL);
  EXPECT_EQ(memory.data()[0], 9);
}

TEST_F(UmemWindowTest, TheTailLiesBehindAndIsOurs) {
  const MemoryRun run = piece(0, 2);
  auto window = UmemWindow::map(one({run}), kPage + 1, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->tail_offset(), 2 * kPage);
  EXPECT_EQ(window->size(), 4 * kPage) << "rounded up to a page";
  std::fill(window->base() + window->tail_offset(), window->base() + window->size(), 0xAA);
  EXPECT_EQ(run.base[2 * kPage - 1], 0);
}

TEST_F(UmemWindowTest, WithoutPiecesItIsTheTailAlone) {
  auto window = UmemWindow::map({}, 3 * kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->tail_offset(), 0U);
  EXPECT_EQ(window->size(), 3 * kPage);
  EXPECT_EQ(window->regions(), 0U);
  window->base()[3 * kPage - 1] = 1;
}

TEST_F(UmemWindowTest, AChildOfForkDoesNotHaveIt) {
  auto window = UmemWindow::map(one({piece(0, 2)}), kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  for (uint64_t at = 0; at < window->size(); at += kPage) window->base()[at] = 42;
  EXPECT_TRUE(true_in_child([&] {
    for (uint64_t at = 0; at < window->size(); at += kPage)
      if (!page_is_missing(window->base() + at, 42)) return false;
    return true;
  }));
  window->base()[0] = 1;  // and the parent still does
}

TEST_F(UmemWindowTest, MovingItKeepsTheMemory) {
  auto window = UmemWindow::map(one({piece(0, 1)}), kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  uint8_t* base = window->base();
  const UmemWindow moved = std::move(*window);
  EXPECT_EQ(moved.base(), base);
  base[kPage] = 3;
  EXPECT_EQ(moved.base()[moved.tail_offset()], 3);
}

TEST_F(UmemWindowTest, NothingAtAllIsRefused) { refused({}, 0, EINVAL); }

TEST_F(UmemWindowTest, PiecesThatOverlapAreRefused) {
  const MemoryRun run = piece(0, 4);
  MemoryRun second = run;
  second.base += kPage;
  refused({run, second}, 0, EINVAL);
}

TEST_F(UmemWindowTest, PiecesOutOfOrderAreRefused) { refused({piece(5, 1), piece(0, 1)}, 0, EINVAL); }

TEST_F(UmemWindowTest, PiecesThatAreNotWholePagesAreRefused) {
  const MemoryRun whole = piece(0, 2);
  MemoryRun bad = whole;
  bad.base += 64;
  refused({bad}, 0, EINVAL);
  bad = whole;
  bad.length -= 1;
  refused({bad}, 0, EINVAL);
  bad = whole;
  bad.fd_offset = 100;
  refused({bad}, 0, EINVAL);
  bad = whole;
  bad.length = 0;
  refused({bad}, 0, EINVAL);
  bad = whole;
  bad.page_size = 3000;
  refused({bad}, 0, EINVAL);
}

TEST_F(UmemWindowTest, AFileThatCannotBeMappedLeavesNothing) {
  const MemoryRun good = piece(0, 1);
  MemoryRun bad = piece(3, 1);
  bad.fd = 1 << 20;
  refused({good, bad}, kPage, EBADF);
}

TEST_F(UmemWindowTest, HugePagesKeepTheirPlaceWithinAHugePage) {
  constexpr size_t kHuge = size_t{2} << 20;
  pieces_.push_back(MemoryFile::make(kHuge, MFD_HUGETLB));
  MemoryFile& file = pieces_.back();
  if (!file.mapping) GTEST_SKIP() << "no free huge page; vm.nr_hugepages";
  auto window = UmemWindow::map(one({{file.data(), kHuge, file.fd.get(), 0, kHuge}}), kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(window->base()) % kHuge, 0U);
  file.data()[kHuge - 1] = 8;
  EXPECT_EQ(window->base()[kHuge - 1], 8);
}

TEST_F(UmemWindowTest, TheTailBehindHugePagesIsOnTheNodeAskedFor) {
  constexpr size_t kHuge = size_t{2} << 20;
  if (::numa_available() < 0) GTEST_SKIP() << "no NUMA in this kernel";
  pieces_.push_back(MemoryFile::make(kHuge, MFD_HUGETLB));
  MemoryFile& file = pieces_.back();
  if (!file.mapping) GTEST_SKIP() << "no free huge page; vm.nr_hugepages";
  auto window = UmemWindow::map(one({{file.data(), kHuge, file.fd.get(), 0, kHuge}}), kPage, ::numa_max_node());
  ASSERT_TRUE(window) << window.error().text();
  int policy = -1;
  ASSERT_EQ(::get_mempolicy(&policy, nullptr, 0, window->base() + window->tail_offset(), MPOL_F_ADDR), 0);
  EXPECT_EQ(policy, MPOL_PREFERRED);
}

class BesideTest : public ::testing::Test {
 protected:
  // Private memory of 8 pages. On each side 4 pages that can be made free, and one that stays in use.
  void SetUp() override {
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS;
    auto* at = static_cast<uint8_t*>(::mmap(nullptr, 18 * kPage, PROT_NONE, kFlags, -1, 0));
    memory_ = at + 5 * kPage;
    ASSERT_EQ(::mmap(memory_, 8 * kPage, PROT_READ | PROT_WRITE, kFlags | MAP_FIXED, -1, 0), memory_);
    kept_[0] = Mapping(at, kPage);
    below_ = Mapping(at + kPage, 4 * kPage);
    kept_[1] = Mapping(memory_, 8 * kPage);
    above_ = Mapping(memory_ + 8 * kPage, 4 * kPage);
    kept_[2] = Mapping(memory_ + 12 * kPage, kPage);
  }
  void free_above() { above_.reset(); }
  void free_below() { below_.reset(); }

  Mapping kept_[3], below_, above_;
  uint8_t* memory_ = nullptr;
};

TEST_F(BesideTest, OurFramesGoBehindTheMemory) {
  free_above();
  auto window = UmemWindow::beside(memory_, 8 * kPage, 3 * kPage + 1, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->base(), memory_);
  EXPECT_EQ(window->size(), 12 * kPage);
  EXPECT_EQ(window->tail_offset(), 8 * kPage);
  EXPECT_EQ(window->offset_of(0, memory_ + 77), 77U);
  std::fill(window->base(), window->base() + window->size(), 0x11);
  EXPECT_EQ(memory_[5], 0x11);
  EXPECT_GE(window->tail_fd(), 0);
}

TEST_F(BesideTest, OrBeforeIt) {
  free_below();
  auto window = UmemWindow::beside(memory_, 8 * kPage, 2 * kPage, -1);
  ASSERT_TRUE(window) << window.error().text();
  EXPECT_EQ(window->base(), memory_ - 2 * kPage);
  EXPECT_EQ(window->size(), 10 * kPage);
  EXPECT_EQ(window->tail_offset(), 0U);
  EXPECT_EQ(window->offset_of(0, memory_), 2 * kPage);
  std::fill(window->base(), window->base() + window->size(), 0x12);
  EXPECT_EQ(memory_[8 * kPage - 1], 0x12);
}

TEST_F(BesideTest, NothingIsPutOverWhatIsThere) {
  const Resources before = Resources::now();
  auto window = UmemWindow::beside(memory_, 8 * kPage, kPage, -1);
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().code, EADDRINUSE);
  free_above();
  free_below();
  EXPECT_FALSE(UmemWindow::beside(memory_, 8 * kPage, 5 * kPage, -1))
      << "it is one page too long for either side";
  // Given back with the window, for the next one.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(UmemWindow::beside(memory_, 8 * kPage, 4 * kPage, -1));
  EXPECT_EQ(Resources::now().fds, before.fds);
}

TEST_F(BesideTest, FramesMayBeAPartOfIt) {
  const UmemWindow window = UmemWindow::within(memory_, 8 * kPage, memory_ + 6 * kPage);
  EXPECT_EQ(window.base(), memory_);
  EXPECT_EQ(window.size(), 8 * kPage);
  EXPECT_EQ(window.tail_offset(), 6 * kPage);
  EXPECT_EQ(window.tail_fd(), -1);
}

}  // namespace
}  // namespace zcnbrh::testing
