// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A child has no part in its parent's queues. Each test has a single thread.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

// 0, or the number of the first expectation that did not hold.
int in_child(int (*work)(struct zcnbrh_queue* queue, struct zcnbrh_frame held), struct zcnbrh_queue* queue,
             struct zcnbrh_frame held) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work(queue, held));
  int status = -1;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

void expect_round_trip(const Queue& queue) {
  ASSERT_EQ(zcnbrh_send_copy(queue, "after", 6), 1) << zcnbrh_last_error();
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_poll(queue, &frame), 1);
  EXPECT_STREQ(static_cast<char*>(frame.data), "after");
  EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
}

TEST(Fork, EveryCallOfAChildIsRefused) {
  Queue queue = Queue::loop();
  const struct zcnbrh_frame held = queue.filled(1, 60);
  const int failed = in_child(
      [](struct zcnbrh_queue* q, struct zcnbrh_frame frame) {
        struct zcnbrh_stats stats = {};
        struct zcnbrh_ledger ledger = {};
        struct zcnbrh_wait_item one = {q, ZCNBRH_WAIT_RX, 0};
        stats.size = sizeof stats;
        ledger.size = sizeof ledger;
        const int results[] = {zcnbrh_poll(q, &frame),
                               zcnbrh_alloc(q, &frame),
                               zcnbrh_release(q, &frame),
                               zcnbrh_send(q, &frame),
                               zcnbrh_send_copy(q, "x", 1),
                               zcnbrh_flush(q),
                               zcnbrh_fd(q),
                               zcnbrh_wait(&one, 1, 0),
                               zcnbrh_stats(q, &stats),
                               zcnbrh_ledger(q, &ledger),
                               zcnbrh_poll_batch(q, &frame, 1)};
        int number = 0;
        for (const int result : results) {
          ++number;
          if (result != -EPERM) return number;
        }
        return std::string(zcnbrh_last_error()).find("belongs to the parent") == std::string::npos ? 100 : 0;
      },
      queue, held);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(zcnbrh_release(queue, &held), 0);
  expect_round_trip(queue);
}

TEST(Fork, CloseInAChildLeavesTheParentsQueueAlone) {
  Queue queue = Queue::loop();
  const struct zcnbrh_frame held = queue.filled(1, 60);
  EXPECT_EQ(in_child([](struct zcnbrh_queue* q, struct zcnbrh_frame) { return -zcnbrh_close(q); }, queue, held),
            0);
  EXPECT_EQ(zcnbrh_release(queue, &held), 0);
  expect_round_trip(queue);
}

TEST(Fork, AChildOpensItsOwn) {
  Queue queue = Queue::loop();
  const struct zcnbrh_frame held = queue.filled(1, 60);
  const int failed = in_child(
      [](struct zcnbrh_queue*, struct zcnbrh_frame) {
        const struct zcnbrh_options options = small_options("loop");
        struct zcnbrh_queue* own = nullptr;
        if (zcnbrh_open(&options, &own) != 0) return 1;
        if (zcnbrh_send_copy(own, "x", 1) != 1) return 2;
        struct zcnbrh_frame frame;
        if (zcnbrh_poll(own, &frame) != 1 || *static_cast<char*>(frame.data) != 'x') return 3;
        return zcnbrh_close(own) == 0 ? 0 : 4;
      },
      queue, held);
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(zcnbrh_release(queue, &held), 0);
}

}  // namespace
}  // namespace zcnbrh::testing
