// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/umem/process_maps.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "lib/base/mapping.h"

namespace zcnbrh::testing {
namespace {

TEST(ProcessMaps, ALineIsRead) {
  const ProcessArea area =
      parse_area("7f0000000000-7f0000200000 rw-s 00000000 00:01 1025    /dev/zero (deleted)");
  EXPECT_EQ(area.base, reinterpret_cast<uint8_t*>(0x7f0000000000));
  EXPECT_EQ(area.length, size_t{2} << 20);
  EXPECT_TRUE(area.writable);
  EXPECT_TRUE(area.shared);
  EXPECT_FALSE(area.huge);
  EXPECT_TRUE(parse_area("10-20 rw-s 00000000 00:10 3 /anon_hugepage (deleted)").huge);
  EXPECT_FALSE(parse_area("10-20 r--p 00000000 00:10 3 /lib/x.so").writable);
  EXPECT_FALSE(parse_area("10-20 rw-p 00000000 00:00 0").shared);
}

TEST(ProcessMaps, WhatIsNoLineIsNoArea) {
  for (const char* line : {"", "x", "10", "10-", "10-20", "10-20 ", "10-20 rw", "20-10 rw-p 0", "10-10 rw-p 0",
                           "ffffffffffffffffff-20 rw-p 0"})
    EXPECT_EQ(parse_area(line).length, 0U) << line;
}

TEST(ProcessMaps, OwnMappingsAreFoundWithTheirKind) {
  auto shared = Mapping::create(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto read_only = Mapping::create(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_TRUE(shared && read_only);
  const auto areas = process_areas();
  const ProcessArea* area = find_area(areas, shared->data() + 4096);
  ASSERT_NE(area, nullptr);
  EXPECT_TRUE(area->shared && area->writable);
  area = find_area(areas, read_only->data());
  ASSERT_NE(area, nullptr);
  EXPECT_FALSE(area->shared || area->writable);
  EXPECT_EQ(find_area(areas, nullptr), nullptr);
  EXPECT_EQ(find_area({}, shared->data()), nullptr);
}

TEST(ProcessMaps, AStretchGoesOnThroughAreasThatTouch) {
  const auto area = [](size_t from, size_t to, bool writable) {
    ProcessArea out;
    out.base = reinterpret_cast<uint8_t*>(from);
    out.length = to - from;
    out.writable = writable;
    return out;
  };
  const std::vector<ProcessArea> areas = {area(10, 20, true), area(20, 30, false), area(30, 40, true),
                                          area(40, 50, true), area(60, 70, true)};
  const auto around = [&areas](size_t at) {
    const WritableStretch s = writable_around(areas, reinterpret_cast<uint8_t*>(at));
    return std::pair(reinterpret_cast<size_t>(s.begin), reinterpret_cast<size_t>(s.end));
  };
  EXPECT_EQ(around(15), std::pair(size_t{10}, size_t{20}));
  EXPECT_EQ(around(30), std::pair(size_t{30}, size_t{50}));
  EXPECT_EQ(around(49), std::pair(size_t{30}, size_t{50}));
  EXPECT_EQ(around(69), std::pair(size_t{60}, size_t{70}));
  for (const size_t nowhere : {5, 20, 29, 50, 59, 70})
    EXPECT_EQ(around(nowhere), std::pair(size_t{0}, size_t{0}));
}

}  // namespace
}  // namespace zcnbrh::testing
