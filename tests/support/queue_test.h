// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <gtest/gtest.h>

#include <list>

#include "tests/support/resources.h"
#include "tests/support/test_queue.h"

namespace zcnbrh::testing {

// Every test on queues ends the same way: queues closed, every frame in its pool, no socket, XSKMAP entry,
// file descriptor or mapping more than before.
class QueueTest : public ::testing::Test {
 protected:
  void SetUp() override { before_ = Resources::now(); }
  void TearDown() override;

  TestUmem& make_umem(const UmemShape& shape = {}) { return umems_.emplace_back(shape); }
  TestQueue& make_queue(TestUmem& umem, const QueueShape& shape = {}) {
    return queues_.emplace_back(kernel_, umem, shape);
  }
  // A queue of its own UMEM, open on queue 0 of port "a".
  TestQueue& open_queue(const QueueShape& shape = {}, const UmemShape& umem = {});
  int port(const std::string& name = "a", const std::string& peer = "") {
    return kernel_.port(name, peer).value();
  }

  FakeKernel kernel_;

 private:
  Resources before_;
  std::list<TestUmem> umems_;
  std::list<TestQueue> queues_;
};

std::vector<uint8_t> bytes(const std::string& text);
// `length` bytes that tell packet `number` from every other.
std::vector<uint8_t> numbered(uint64_t number, uint32_t length);
// The number in a packet of numbered(), or -1 if one byte of it is wrong.
int64_t number_in(std::span<const uint8_t> packet);

}  // namespace zcnbrh::testing
