// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A program with much thread-local data: glibc lays it on the stack of every thread, so a small stack is no
// stack at all (pthread_create() is EINVAL).
#include <gtest/gtest.h>

#include "lib/xsk/kick_thread.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

thread_local volatile char t_much[1 << 20];

using KickStack = QueueTest;

TEST_F(KickStack, TheThreadStartsAllTheSame) {
  t_much[0] = 1;
  TestQueue& queue = make_queue(make_umem({.frames = 256}));
  ASSERT_TRUE(queue.open(port("a", "b"), 0).ok());
  const Status s = queue.pair->start_kicks(KickDuty::kAll, cpu_set_t{});
  EXPECT_TRUE(s.ok()) << s.error().text();
}

}  // namespace
}  // namespace zcnbrh::testing
