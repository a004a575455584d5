// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {

TestQueue& QueueTest::open_queue(const QueueShape& shape, const UmemShape& umem) {
  TestQueue& queue = make_queue(make_umem(umem), shape);
  const Status s = queue.open(port(), 0);
  EXPECT_TRUE(s.ok()) << (s.ok() ? "" : s.error().text());
  return queue;
}

void QueueTest::TearDown() {
  for (TestQueue& queue : queues_) queue.close();
  for (TestUmem& umem : umems_) {
    EXPECT_EQ(umem.pool.size(), umem.shape().frames) << "frames missing from the pool";
    EXPECT_EQ(umem.pool.put_twice(), 0U) << "a frame was put back twice";
    EXPECT_EQ(umem.frames().count(Owner::kOurs), umem.frames().frames());
    EXPECT_EQ(umem.bounce().count(Owner::kOurs), umem.bounce().frames());
    EXPECT_EQ(umem.umem.sharer(), -1) << "a closed socket is still offered for sharing";
  }
  queues_.clear();
  umems_.clear();
  EXPECT_EQ(kernel_.sockets(), 0U);
  EXPECT_EQ(kernel_.map_entries(), 0U);
  EXPECT_EQ(Resources::now(), before_);
}

std::vector<uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> numbered(uint64_t number, uint32_t length) {
  std::vector<uint8_t> out(length);
  for (uint32_t i = 0; i < length; ++i) out[i] = static_cast<uint8_t>((number >> (8 * (i % 8))) + i / 8);
  return out;
}

int64_t number_in(std::span<const uint8_t> packet) {
  if (packet.size() < 8) return -1;
  uint64_t number = 0;
  for (uint32_t i = 0; i < 8; ++i) number |= uint64_t{packet[i]} << (8 * i);
  const auto wanted = numbered(number, static_cast<uint32_t>(packet.size()));
  return std::equal(packet.begin(), packet.end(), wanted.begin()) ? static_cast<int64_t>(number) : -1;
}

}  // namespace zcnbrh::testing
