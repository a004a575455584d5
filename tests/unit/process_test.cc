// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/process.h"

#include <unistd.h>

#include "tests/support/child.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

TEST(Process, KnowsItsPidBeforeAnyQueue) { EXPECT_EQ(current_pid(), ::getpid()); }

TEST(Process, AChildKnowsItsOwn) {
  EXPECT_TRUE(true_in_child([] { return current_pid() == ::getpid(); }));
}

TEST(Process, AGrandchildAsOfDaemonKnowsItsOwn) {
  EXPECT_TRUE(true_in_child([] { return true_in_child([] { return current_pid() == ::getpid(); }); }));
}

using Fork = QueueTest;

TEST_F(Fork, BothBurstsAreRefusedInAChildAndGoOnInTheParent) {
  TestQueue& q = open_queue();
  ASSERT_EQ(q.send({*q.make_packet(bytes("before"))}), 1U);
  const Frame packet = *q.make_packet(bytes("after"));
  // Packets wait, and the child does not even have the rings: a burst that went on would die.
  EXPECT_TRUE(true_in_child([&] { return q.receive().empty() && q.send({packet}) == 0; }));
  EXPECT_EQ(q.send({packet}), 1U);
  const auto got = q.receive();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(q.text(got[0]), "before");
  EXPECT_EQ(q.text(got[1]), "after");
  q.give_back(got);
}

TEST_F(Fork, AQueueOpenedAfterDaemonBelongsToTheDaemon) {
  EXPECT_TRUE(true_in_child([&] {
    FakeKernel kernel;
    TestUmem umem({});
    TestQueue q(kernel, umem, {});
    if (!q.open(kernel.port("a", "").value(), 0) || q.send({*q.make_packet(bytes("x"))}) != 1) return false;
    return q.receive().size() == 1;
  }));
}

}  // namespace
}  // namespace zcnbrh::testing
