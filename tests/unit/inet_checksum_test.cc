// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/inet_checksum.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace zcnbrh {
namespace {

// RFC 1071 word by word, in network order.
uint16_t reference(const std::vector<uint8_t>& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0));
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}

TEST(InetChecksum, TheExampleOfRfc1071) {
  const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(ntohs(inet_fold(inet_sum(bytes, sizeof bytes))), 0xddf2);
}

TEST(InetChecksum, AnyLengthAndAlignmentAsWordByWord) {
  std::mt19937 random(1);
  for (size_t length = 0; length < 600; ++length) {
    for (size_t at = 0; at < 9; ++at) {
      std::vector<uint8_t> memory(length + at + 1);
      for (uint8_t& byte : memory) byte = static_cast<uint8_t>(random());
      const std::vector<uint8_t> bytes(memory.begin() + static_cast<long>(at),
                                       memory.begin() + static_cast<long>(at + length));
      ASSERT_EQ(ntohs(inet_fold(inet_sum(memory.data() + at, length))), reference(bytes))
          << length << "@" << at;
    }
  }
}

TEST(InetChecksum, CarriesAreKept) {
  for (const size_t length : {2, 8, 30, 31, 32, 64, 1500, 9000, 65535}) {
    const std::vector<uint8_t> ones(length, 0xff);
    EXPECT_EQ(ntohs(inet_fold(inet_sum(ones.data(), length))), reference(ones)) << length;
  }
}

TEST(InetChecksum, PiecesOfAnyLengthAddUp) {
  std::mt19937 random(2);
  for (int round = 0; round < 5000; ++round) {
    std::vector<uint8_t> bytes(random() % 300);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
    InetSum sum;
    for (size_t at = 0; at < bytes.size();) {
      const size_t piece = std::min<size_t>(random() % 40, bytes.size() - at);
      sum.add(bytes.data() + at, piece);
      at += piece;
    }
    ASSERT_EQ(ntohs(sum.sum()), reference(bytes));
  }
}

TEST(InetChecksum, ZeroIsNeverAUdpChecksum) {
  InetSum sum;
  sum.add_field(0xffff);
  EXPECT_EQ(sum.checksum(), 0);
  EXPECT_EQ(sum.nonzero_checksum(), 0xffff);
}

}  // namespace
}  // namespace zcnbrh
