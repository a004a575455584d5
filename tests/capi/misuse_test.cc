// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What an application may get wrong: each an error with a text, and the books as before.
#include <cerrno>
#include <thread>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

void expect_error(int result, int code, const char* text) {
  EXPECT_EQ(result, -code) << zcnbrh_last_error();
  EXPECT_NE(std::string(zcnbrh_last_error()).find(text), std::string::npos) << zcnbrh_last_error();
}

TEST(Misuse, NullIsAnErrorEverywhere) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame = {};
  struct zcnbrh_stats stats = {};
  struct zcnbrh_ledger ledger = {};
  struct zcnbrh_options options = small_options("loop");
  struct zcnbrh_queue* out = nullptr;
  struct zcnbrh_queue* none = nullptr;
  const char* text = "an argument is NULL";
  expect_error(zcnbrh_open(nullptr, &out), EINVAL, text);
  expect_error(zcnbrh_open(&options, nullptr), EINVAL, text);
  expect_error(zcnbrh_close(nullptr), EINVAL, text);
  expect_error(zcnbrh_poll(none, &frame), EINVAL, text);
  expect_error(zcnbrh_poll(queue, nullptr), EINVAL, text);
  expect_error(zcnbrh_poll_batch(queue, nullptr, 3), EINVAL, text);
  expect_error(zcnbrh_release(none, &frame), EINVAL, text);
  expect_error(zcnbrh_release(queue, nullptr), EINVAL, text);
  expect_error(zcnbrh_release_batch(queue, nullptr, 2), EINVAL, text);
  expect_error(zcnbrh_alloc(none, &frame), EINVAL, text);
  expect_error(zcnbrh_alloc(queue, nullptr), EINVAL, text);
  expect_error(zcnbrh_alloc_batch(queue, nullptr, 2), EINVAL, text);
  expect_error(zcnbrh_send(none, &frame), EINVAL, text);
  expect_error(zcnbrh_send(queue, nullptr), EINVAL, text);
  expect_error(zcnbrh_send_batch(queue, nullptr, 1), EINVAL, text);
  expect_error(zcnbrh_send_copy(none, "x", 1), EINVAL, text);
  expect_error(zcnbrh_send_copy(queue, nullptr, 1), EINVAL, text);
  expect_error(zcnbrh_flush(none), EINVAL, text);
  expect_error(zcnbrh_fd(none), EINVAL, text);
  expect_error(zcnbrh_stats(none, &stats), EINVAL, text);
  expect_error(zcnbrh_stats(queue, nullptr), EINVAL, text);
  expect_error(zcnbrh_ledger(none, &ledger), EINVAL, text);
  expect_error(zcnbrh_ledger(queue, nullptr), EINVAL, text);
  EXPECT_STREQ(zcnbrh_mode(none), "");
}

TEST(Misuse, ReleasingTwiceIsFound) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_alloc(queue, &frame), 1);
  EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
  expect_error(zcnbrh_release(queue, &frame), EINVAL, "given back already");
  queue.expect_sound_books();
}

TEST(Misuse, ReleasingAnOldCopyIsFoundAlsoWhenTheFrameIsLentAgain) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame old, fresh;
  ASSERT_EQ(zcnbrh_alloc(queue, &old), 1);
  ASSERT_EQ(zcnbrh_release(queue, &old), 0);
  ASSERT_EQ(zcnbrh_alloc(queue, &fresh), 1);
  ASSERT_EQ(fresh.data, old.data) << "the pool is a stack; without that this test shows nothing";
  EXPECT_EQ(zcnbrh_release(queue, &old), -EINVAL);
  old.length = 60;
  EXPECT_EQ(zcnbrh_send(queue, &old), -EINVAL);
  EXPECT_EQ(queue.ledger().application, 1U);
  EXPECT_EQ(zcnbrh_release(queue, &fresh), 0);
}

TEST(Misuse, AFrameOfAnotherQueueIsFound) {
  Queue queue = Queue::loop(), other = Queue::loop();
  struct zcnbrh_frame mine, theirs;
  ASSERT_EQ(zcnbrh_alloc(queue, &mine), 1);
  ASSERT_EQ(zcnbrh_alloc(other, &theirs), 1);
  ASSERT_EQ(mine.cookie, theirs.cookie)
      << "alike but for where their data lies; without that this shows little";
  theirs.length = 60;
  EXPECT_EQ(zcnbrh_release(queue, &theirs), -EINVAL);
  EXPECT_EQ(zcnbrh_send(queue, &theirs), -EINVAL);
  queue.expect_sound_books();
  other.expect_sound_books();
  EXPECT_EQ(zcnbrh_release(queue, &mine), 0);
  EXPECT_EQ(zcnbrh_release(other, &theirs), 0);
}

TEST(Misuse, AMadeUpFrameIsFound) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame = queue.filled(1, 60);
  uint8_t elsewhere[64] = {};
  for (const uint64_t cookie :
       {uint64_t{0}, ~uint64_t{0}, frame.cookie + 1, frame.cookie + (uint64_t{1} << 32)}) {
    struct zcnbrh_frame forged = frame;
    forged.cookie = cookie;
    EXPECT_EQ(zcnbrh_release(queue, &forged), -EINVAL);
    EXPECT_EQ(zcnbrh_send(queue, &forged), -EINVAL);
  }
  auto* data = static_cast<uint8_t*>(frame.data);
  for (uint8_t* moved :
       {static_cast<uint8_t*>(nullptr), elsewhere, data - ZCNBRH_HEADROOM - 1, data + frame.room}) {
    struct zcnbrh_frame forged = frame;
    forged.data = moved;
    EXPECT_EQ(zcnbrh_release(queue, &forged), -EINVAL);
    EXPECT_EQ(zcnbrh_send(queue, &forged), -EINVAL);
  }
  queue.expect_sound_books();
  EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
}

TEST(Misuse, SendingWhatDoesNotFitIsRefused) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame = queue.filled(1, 60);
  for (const uint32_t length : {0U, frame.room + 1, 0xffffffffU}) {
    frame.length = length;
    expect_error(zcnbrh_send(queue, &frame), EMSGSIZE, "length is 0 or more");
  }
  expect_error(zcnbrh_send_copy(queue, "x", 0), EMSGSIZE, "length");
  const std::vector<uint8_t> big(4096);
  expect_error(zcnbrh_send_copy(queue, big.data(), 2048 - ZCNBRH_HEADROOM + 1), EMSGSIZE, "length");
  expect_error(zcnbrh_send_copy(queue, big.data(), SIZE_MAX), EMSGSIZE, "length");
  EXPECT_EQ(queue.ledger().application, 1U);
  EXPECT_EQ(queue.stats().tx_packets, 0U);
  frame.length = frame.room;
  EXPECT_EQ(zcnbrh_send(queue, &frame), 1);
}

TEST(Misuse, SendingTwiceIsFound) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame = queue.filled(1, 60);
  ASSERT_EQ(zcnbrh_send(queue, &frame), 1);
  EXPECT_EQ(zcnbrh_send(queue, &frame), -EINVAL);
  EXPECT_EQ(zcnbrh_release(queue, &frame), -EINVAL);
  queue.expect_sound_books();
}

TEST(Misuse, ABatchStopsAtTheFirstBadFrame) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frames[6];
  ASSERT_EQ(zcnbrh_alloc_batch(queue, frames, 6), 6);
  for (auto& frame : frames) frame.length = 60;
  frames[2] = frames[1];  // the same frame twice in one batch
  EXPECT_EQ(zcnbrh_send_batch(queue, frames, 6), 2);
  EXPECT_EQ(zcnbrh_send_batch(queue, frames + 2, 4), -EINVAL);
  EXPECT_EQ(queue.ledger().application, 4U);
  frames[4].length = 0;
  EXPECT_EQ(zcnbrh_send_batch(queue, frames + 3, 3), 1);
  EXPECT_EQ(zcnbrh_send_batch(queue, frames + 4, 2), -EMSGSIZE);
  struct zcnbrh_frame again[] = {frames[4], frames[4], frames[5]};
  EXPECT_EQ(zcnbrh_release_batch(queue, again, 3), 1);
  EXPECT_EQ(zcnbrh_release_batch(queue, again + 1, 2), -EINVAL);
  EXPECT_EQ(zcnbrh_release(queue, &frames[5]), 0);
  queue.expect_sound_books();
  EXPECT_EQ(queue.ledger().application, 1U);  // frames[2] as it was: never sent
}

TEST(Misuse, EmptyBatchesDoNothing) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frame = {};
  EXPECT_EQ(zcnbrh_poll_batch(queue, &frame, 0), 0);
  EXPECT_EQ(zcnbrh_alloc_batch(queue, &frame, 0), 0);
  EXPECT_EQ(zcnbrh_send_batch(queue, &frame, 0), 0);
  EXPECT_EQ(zcnbrh_release_batch(queue, &frame, 0), 0);
}

TEST(Misuse, StructsWithoutTheirSizeAreRefused) {
  Queue queue = Queue::loop();
  struct zcnbrh_stats stats = {};
  struct zcnbrh_ledger ledger = {};
  expect_error(zcnbrh_stats(queue, &stats), EINVAL, "size is not set");
  expect_error(zcnbrh_ledger(queue, &ledger), EINVAL, "size is not set");
  stats.size = ledger.size = SIZE_MAX;  // what was on the stack
  expect_error(zcnbrh_stats(queue, &stats), EINVAL, "size is not set");
  expect_error(zcnbrh_ledger(queue, &ledger), EINVAL, "size is not set");
}

TEST(Misuse, ShorterAndLongerStructsAreServed) {
  Queue queue = Queue::loop();
  ASSERT_EQ(zcnbrh_send_copy(queue, "abc", 3), 1);
  // An application built with an older header: the struct ended after tx_bytes.
  struct zcnbrh_stats stats;
  std::memset(&stats, 0xa5, sizeof stats);
  stats.size = offsetof(struct zcnbrh_stats, tx_bounce_copies);
  ASSERT_EQ(zcnbrh_stats(queue, &stats), 0);
  EXPECT_EQ(stats.tx_bytes, 3U);
  EXPECT_EQ(stats.tx_bounce_copies, 0xa5a5a5a5a5a5a5a5U) << "written past the caller's struct";
  EXPECT_EQ(stats.size, offsetof(struct zcnbrh_stats, tx_bounce_copies));
  // And with a newer one: what we do not know is 0.
  struct {
    struct zcnbrh_ledger known;
    uint64_t later;
  } ledger;
  std::memset(&ledger, 0xa5, sizeof ledger);
  ledger.known.size = sizeof ledger;
  ASSERT_EQ(zcnbrh_ledger(queue, &ledger.known), 0);
  EXPECT_EQ(ledger.known.frames, 256U);
  EXPECT_EQ(ledger.later, 0U);
}

TEST(Misuse, EachThreadHasItsOwnLastError) {
  expect_error(zcnbrh_close(nullptr), EINVAL, "zcnbrh_close");
  std::thread([] {
    EXPECT_STREQ(zcnbrh_last_error(), "");
    expect_error(zcnbrh_flush(nullptr), EINVAL, "zcnbrh_flush");
  }).join();
  EXPECT_NE(std::string(zcnbrh_last_error()).find("zcnbrh_close"), std::string::npos);
}

TEST(Misuse, TheLoopHasNothingToWaitOn) {
  Queue queue = Queue::loop();
  expect_error(zcnbrh_fd(queue), ENOTSUP, "loop backend");
}

}  // namespace
}  // namespace zcnbrh::testing
