// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/segment_map.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "lib/base/unique_fd.h"

namespace zcnbrh {
namespace {

constexpr size_t kPage = 65536;  // a multiple of any machine's page
constexpr size_t kPages = 8;

// A file whose page n is full of `first` + n.
UniqueFd file_of(char first) {
  UniqueFd fd(::memfd_create("segment_map_test", MFD_CLOEXEC));
  char page[kPage];
  for (size_t i = 0; i < kPages; ++i) {
    std::memset(page, static_cast<char>(first + static_cast<char>(i)), sizeof page);
    EXPECT_EQ(::write(fd.get(), page, sizeof page), static_cast<ssize_t>(sizeof page));
  }
  return fd;
}

// Addresses that nobody uses, each of them free again.
uintptr_t free_addresses() {
  void* at = ::mmap(nullptr, kPages * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ::munmap(at, kPages * kPage);
  return reinterpret_cast<uintptr_t>(at);
}

class SegmentMapTest : public ::testing::Test {
 protected:
  char* page(size_t i) const { return reinterpret_cast<char*>(base_ + i * kPage); }
  Status map(size_t at, size_t pages, size_t from, const UniqueFd& fd) {
    return map_.map(base_ + at * kPage, pages * kPage, from * kPage, fd.get());
  }
  bool covers(size_t at, size_t pages) const { return map_.covers(base_ + at * kPage, pages * kPage); }
  // One list with one stretch.
  void list(size_t at, size_t pages, size_t from, const UniqueFd& fd) {
    map_.begin();
    ASSERT_TRUE(map(at, pages, from, fd));
    map_.end();
  }

  UniqueFd a_ = file_of('a'), b_ = file_of('A');
  uintptr_t base_ = free_addresses();
  SegmentMap map_;
};

TEST_F(SegmentMapTest, MapsTheFileItself) {
  list(1, 3, 2, a_);
  EXPECT_EQ(*page(1), 'c');
  EXPECT_EQ(*page(3), 'e');
  *page(2) = '!';
  char byte = 0;
  ASSERT_EQ(::pread(a_.get(), &byte, 1, 3 * kPage), 1);
  EXPECT_EQ(byte, '!');
  EXPECT_TRUE(covers(1, 3));
  EXPECT_FALSE(covers(0, 2));
  EXPECT_FALSE(covers(3, 2));
}

TEST_F(SegmentMapTest, AnotherFileAtTheSameAddress) {
  list(0, 4, 0, a_);
  list(0, 4, 0, b_);
  EXPECT_EQ(*page(0), 'A');
  EXPECT_EQ(*page(3), 'D');
}

TEST_F(SegmentMapTest, AnotherPlaceOfTheFileAtTheSameAddress) {
  list(0, 2, 0, a_);
  list(0, 2, 4, a_);
  EXPECT_EQ(*page(0), 'e');
  EXPECT_EQ(*page(1), 'f');
}

TEST_F(SegmentMapTest, OneFilesEndIsAnothers) {
  list(0, 6, 0, a_);
  map_.begin();
  ASSERT_TRUE(map(0, 2, 0, a_));
  ASSERT_TRUE(map(2, 2, 0, b_));
  ASSERT_TRUE(map(4, 2, 4, a_));
  map_.end();
  EXPECT_EQ(std::string({*page(0), *page(1), *page(2), *page(3), *page(4), *page(5)}), "abABef");
  EXPECT_TRUE(covers(0, 6));
}

TEST_F(SegmentMapTest, GrowsAtBothEnds) {
  list(2, 2, 2, a_);
  list(0, 7, 0, a_);
  EXPECT_EQ(std::string({*page(0), *page(1), *page(2), *page(3), *page(4), *page(6)}), "abcdeg");
  EXPECT_TRUE(covers(0, 7));
  EXPECT_FALSE(covers(0, 8));
}

// What has not changed stays as it is; a new mapping could be read.
TEST_F(SegmentMapTest, DoesNotTouchWhatStays) {
  list(2, 2, 2, a_);
  ASSERT_EQ(::mprotect(page(2), kPage, PROT_NONE), 0);
  list(0, 7, 0, a_);
  const UniqueFd file(::memfd_create("target", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), page(2), 1), -1);
  EXPECT_EQ(errno, EFAULT);
  EXPECT_EQ(::write(file.get(), page(3), 1), 1);
  EXPECT_EQ(::write(file.get(), page(4), 1), 1);
}

TEST_F(SegmentMapTest, LeavesOthersMemoryAlone) {
  list(0, 1, 0, a_);
  void* other = ::mmap(page(2), kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  ASSERT_EQ(other, page(2));
  *page(2) = 'x';
  map_.begin();
  const Status s = map(0, 4, 0, a_);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, EEXIST);
  EXPECT_EQ(*page(2), 'x');
  EXPECT_FALSE(covers(0, 4));
  ::munmap(other, kPage);
}

TEST_F(SegmentMapTest, WhatIsGoneReadsAsZerosAndIsNotCovered) {
  map_.begin();
  ASSERT_TRUE(map(0, 2, 0, a_));
  ASSERT_TRUE(map(2, 2, 0, b_));
  map_.end();
  list(0, 2, 0, a_);
  EXPECT_EQ(*page(1), 'b');
  EXPECT_EQ(*page(2), 0);
  EXPECT_EQ(*page(3), 0);
  EXPECT_FALSE(covers(2, 1));
  list(2, 2, 0, b_);  // and is back
  EXPECT_EQ(*page(2), 'A');
  EXPECT_TRUE(covers(2, 2));
}

TEST_F(SegmentMapTest, ABrokenListTakesNothingAway) {
  list(0, 2, 0, a_);
  map_.begin();
  map_.begin();
  EXPECT_EQ(*page(0), 'a');
  EXPECT_TRUE(covers(0, 2));
}

TEST_F(SegmentMapTest, GivesAllAddressesBack) {
  {
    SegmentMap other;
    ASSERT_TRUE(other.map(base_, 4 * kPage, 0, a_.get()));
    other.begin();
    other.end();
  }
  list(0, 4, 0, b_);
  EXPECT_EQ(*page(0), 'A');
}

TEST_F(SegmentMapTest, CoversNoRangeThatWraps) {
  list(0, 1, 0, a_);
  EXPECT_FALSE(map_.covers(base_, SIZE_MAX));
}

}  // namespace
}  // namespace zcnbrh
