// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/umem_addr.h"

#include <gtest/gtest.h>

namespace zcnbrh {
namespace {

static_assert(AddressFormat::aligned(2048).chunk(5000) == ChunkOffset{4096});

TEST(AlignedAddress, ChunkIsTheMultipleBelow) {
  const auto format = AddressFormat::aligned(4096);
  EXPECT_EQ(raw(format.chunk(0)), 0U);
  EXPECT_EQ(raw(format.chunk(4095)), 0U);
  EXPECT_EQ(raw(format.chunk(3 * 4096 + 256)), 3U * 4096);
  EXPECT_FALSE(format.is_unaligned());
}

TEST(AlignedAddress, EncodesChunkPlusOffset) {
  const auto format = AddressFormat::aligned(2048);
  const uint64_t address = format.encode(ChunkOffset{6144}, 300);
  EXPECT_EQ(address, 6444U);
  EXPECT_EQ(raw(format.chunk(address)), 6144U);
  EXPECT_EQ(AddressFormat::data(address), 6444U);
}

TEST(UnalignedAddress, CarriesTheOffsetInTheHighBits) {
  const auto format = AddressFormat::unaligned();
  const uint64_t address = format.encode(ChunkOffset{2433}, 300);
  EXPECT_EQ(address, (uint64_t{300} << 48) | 2433U);
  EXPECT_EQ(raw(format.chunk(address)), 2433U);
  EXPECT_EQ(AddressFormat::data(address), 2733U);
  EXPECT_TRUE(format.is_unaligned());
}

TEST(UnalignedAddress, TheLargestChunkAndOffsetDoNotRunIntoEachOther) {
  const auto format = AddressFormat::unaligned();
  const ChunkOffset last{(uint64_t{1} << 48) - 1};
  const uint64_t address = format.encode(last, 0xFFFF);
  EXPECT_EQ(format.chunk(address), last);
  EXPECT_EQ(AddressFormat::data(address), raw(last) + 0xFFFF);
}

TEST(Address, BothFormatsComeBackWithWhatWasEncoded) {
  for (const auto& format :
       {AddressFormat::aligned(2048), AddressFormat::aligned(4096), AddressFormat::unaligned()}) {
    for (uint64_t chunk = 0; chunk < (uint64_t{1} << 40); chunk = chunk * 3 + 4096) {
      const ChunkOffset at{chunk & ~uint64_t{4095}};
      for (uint32_t offset : {0U, 1U, 256U, 2047U}) {
        const uint64_t address = format.encode(at, offset);
        ASSERT_EQ(format.chunk(address), at);
        ASSERT_EQ(AddressFormat::data(address), raw(at) + offset);
      }
    }
  }
}

}  // namespace
}  // namespace zcnbrh
