// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames there and back on the loop backend: bytes, order, batches, back-pressure.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

std::vector<uint8_t> pattern(uint32_t length, uint8_t seed) {
  std::vector<uint8_t> out(length);
  std::iota(out.begin(), out.end(), seed);
  return out;
}

class Layouts : public ::testing::TestWithParam<std::pair<uint32_t, int>> {
 protected:
  struct zcnbrh_options options() const {
    struct zcnbrh_options o = small_options("loop");
    o.frame_size = GetParam().first;
    o.chunks = GetParam().second;
    return o;
  }
};

INSTANTIATE_TEST_SUITE_P(Loop, Layouts,
                         ::testing::Values(std::pair(2048U, ZCNBRH_CHUNKS_AUTO),
                                           std::pair(4096U, ZCNBRH_CHUNKS_AUTO),
                                           std::pair(2048U, ZCNBRH_CHUNKS_UNALIGNED),
                                           std::pair(3008U, ZCNBRH_CHUNKS_AUTO),
                                           std::pair(4032U, ZCNBRH_CHUNKS_UNALIGNED)));

TEST_P(Layouts, EveryLengthComesBackByteForByte) {
  Queue queue(options());
  const uint32_t longest = GetParam().first - ZCNBRH_HEADROOM;
  for (uint32_t length : {1U, 2U, 59U, 60U, 1514U, longest - 1, longest}) {
    const std::vector<uint8_t> sent = pattern(length, static_cast<uint8_t>(length));
    ASSERT_EQ(zcnbrh_send_copy(queue, sent.data(), sent.size()), 1) << zcnbrh_last_error();
    struct zcnbrh_frame frame;
    ASSERT_EQ(zcnbrh_poll(queue, &frame), 1);
    EXPECT_EQ(bytes_of(frame), sent);
    EXPECT_EQ(frame.room, longest);
    EXPECT_EQ(frame.timestamp_ns, 0U);
    EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
    queue.expect_sound_books();
  }
}

TEST_P(Layouts, AFrameCanBeFilledToItsLastByteAndFromItsFirst) {
  Queue queue(options());
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_alloc(queue, &frame), 1);
  EXPECT_EQ(frame.length, 0U);
  EXPECT_EQ(frame.room, GetParam().first - ZCNBRH_HEADROOM);
  // A header grown to the frame's first byte; still short enough for the receiving frame.
  frame.data = static_cast<uint8_t*>(frame.data) - ZCNBRH_HEADROOM;
  const std::vector<uint8_t> sent = pattern(GetParam().first - ZCNBRH_HEADROOM, 7);
  std::memcpy(frame.data, sent.data(), sent.size());
  frame.length = static_cast<uint32_t>(sent.size());
  ASSERT_EQ(zcnbrh_send(queue, &frame), 1) << zcnbrh_last_error();
  ASSERT_EQ(zcnbrh_poll(queue, &frame), 1);
  EXPECT_EQ(bytes_of(frame), sent);
  EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
}

TEST_P(Layouts, TooLongForTheReceiversFrameIsLostAndCounted) {
  Queue queue(options());
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_alloc(queue, &frame), 1);
  frame.data = static_cast<uint8_t*>(frame.data) - ZCNBRH_HEADROOM;
  frame.length = GetParam().first;  // a whole frame; the receiver has 256 bytes less
  std::memset(frame.data, 1, frame.length);
  ASSERT_EQ(zcnbrh_send(queue, &frame), 1) << zcnbrh_last_error();
  EXPECT_EQ(zcnbrh_poll(queue, &frame), 0);
  EXPECT_EQ(queue.stats().xdp_rx_dropped, 1U);
}

TEST(Loop, BatchesKeepTheOrder) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frames[64];
  uint32_t sent = 0;
  uint32_t received = 0;
  while (received < 5000) {
    const int want = 1 + static_cast<int>(sent % 48);
    const int got = zcnbrh_alloc_batch(queue, frames, static_cast<uint32_t>(want));
    ASSERT_EQ(got, want);
    for (int i = 0; i < got; ++i) {
      const uint32_t number = sent + static_cast<uint32_t>(i);
      std::memcpy(frames[i].data, &number, sizeof number);
      frames[i].length = sizeof number;
    }
    ASSERT_EQ(zcnbrh_send_batch(queue, frames, static_cast<uint32_t>(got)), got);
    sent += static_cast<uint32_t>(got);
    while (const int come = zcnbrh_poll_batch(queue, frames, 64)) {
      ASSERT_GT(come, 0) << zcnbrh_last_error();
      for (int i = 0; i < come; ++i) {
        uint32_t number = 0;
        ASSERT_EQ(frames[i].length, sizeof number);
        std::memcpy(&number, frames[i].data, sizeof number);
        ASSERT_EQ(number, received++);
      }
      ASSERT_EQ(zcnbrh_release_batch(queue, frames, static_cast<uint32_t>(come)), come);
    }
    ASSERT_EQ(received, sent);
  }
  const struct zcnbrh_stats s = queue.stats();
  EXPECT_EQ(s.rx_packets, sent);
  EXPECT_EQ(s.tx_packets, sent);
  EXPECT_EQ(s.rx_bytes, uint64_t{sent} * sizeof sent);
  EXPECT_EQ(s.tx_bytes, s.rx_bytes);
}

TEST(Loop, AReceivedFrameGoesOutFromWhereItLies) {
  Queue queue = Queue::loop();
  const std::vector<uint8_t> sent = pattern(300, 3);
  ASSERT_EQ(zcnbrh_send_copy(queue, sent.data(), sent.size()), 1);
  struct zcnbrh_frame first, second;
  ASSERT_EQ(zcnbrh_poll(queue, &first), 1);
  // Strip 14 bytes in front, as a router would.
  first.data = static_cast<uint8_t*>(first.data) + 14;
  first.length -= 14;
  ASSERT_EQ(zcnbrh_send(queue, &first), 1) << zcnbrh_last_error();
  ASSERT_EQ(zcnbrh_poll(queue, &second), 1);
  EXPECT_EQ(bytes_of(second), std::vector<uint8_t>(sent.begin() + 14, sent.end()));
  EXPECT_NE(first.data, second.data);
  EXPECT_EQ(zcnbrh_release(queue, &second), 0);
}

TEST(Loop, PairedPortsGetEachOthersFrames) {
  const std::string left_name = fresh_port_name(), right_name = fresh_port_name();
  struct zcnbrh_options left_options = small_options("loop"), right_options = small_options("loop");
  left_options.loop_name = right_options.peer = left_name.c_str();
  left_options.peer = right_options.loop_name = right_name.c_str();
  Queue left(left_options), right(right_options);
  ASSERT_EQ(zcnbrh_send_copy(left, "to the right", 13), 1);
  ASSERT_EQ(zcnbrh_send_copy(right, "to the left", 12), 1);
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_poll(right, &frame), 1);
  EXPECT_STREQ(static_cast<char*>(frame.data), "to the right");
  EXPECT_EQ(zcnbrh_release(left, &frame), -EINVAL);  // not its frame
  left.expect_sound_books();
  EXPECT_EQ(zcnbrh_release(right, &frame), 0);
  ASSERT_EQ(zcnbrh_poll(left, &frame), 1);
  EXPECT_STREQ(static_cast<char*>(frame.data), "to the left");
  EXPECT_EQ(zcnbrh_release(left, &frame), 0);
}

// One thread a queue; a packet is confirmed by its echo, so nothing may get lost.
TEST(Loop, PairedPortsOnTwoThreads) {
  constexpr uint32_t kRounds = 20'000, kWindow = 32;
  const std::string left_name = fresh_port_name(), right_name = fresh_port_name();
  struct zcnbrh_options left_options = small_options("loop"), right_options = small_options("loop");
  left_options.loop_name = right_options.peer = left_name.c_str();
  left_options.peer = right_options.loop_name = right_name.c_str();
  Queue left(left_options), right(right_options);
  std::atomic<bool> stop{false};
  std::thread echo([&] {
    while (!stop.load(std::memory_order_relaxed)) {
      struct zcnbrh_frame frame;
      if (zcnbrh_poll(right, &frame) != 1) {
        std::this_thread::yield();
        continue;
      }
      while (zcnbrh_send(right, &frame) == 0) std::this_thread::yield();
    }
  });
  uint32_t sent = 0, received = 0;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (received < kRounds && std::chrono::steady_clock::now() < give_up && !HasFailure()) {
    if (sent < kRounds && sent - received < kWindow) sent += zcnbrh_send_copy(left, &sent, sizeof sent) == 1;
    struct zcnbrh_frame frame;
    if (zcnbrh_poll(left, &frame) != 1) {
      if (sent - received == kWindow || sent == kRounds) {
        zcnbrh_flush(left);
        std::this_thread::yield();
      }
      continue;
    }
    uint32_t number = 0;
    std::memcpy(&number, frame.data, sizeof number);
    EXPECT_EQ(number, received++);
    EXPECT_EQ(zcnbrh_release(left, &frame), 0);
  }
  stop = true;
  echo.join();
  EXPECT_EQ(received, kRounds);
}

TEST(Loop, ExhaustionIsBackPressureAndNothingIsLost) {
  Queue queue = Queue::loop();
  std::vector<struct zcnbrh_frame> held(300);
  const int all = zcnbrh_alloc_batch(queue, held.data(), 300);
  EXPECT_EQ(all, 256 - 64);  // what is not lent to the kernel
  struct zcnbrh_frame one;
  EXPECT_EQ(zcnbrh_alloc(queue, &one), 0);
  EXPECT_EQ(zcnbrh_send_copy(queue, "x", 1), 0);  // no frame for the copy
  queue.expect_sound_books();
  // 64 go out and come back into the 64 that were posted; no frame is left to post in their place.
  for (int i = 0; i < all; ++i) held[static_cast<size_t>(i)].length = 60;
  EXPECT_EQ(zcnbrh_send_batch(queue, held.data(), 64), 64);
  std::vector<struct zcnbrh_frame> come(300);
  EXPECT_EQ(zcnbrh_poll_batch(queue, come.data(), 300), 64);
  EXPECT_EQ(zcnbrh_release_batch(queue, come.data(), 64), 64);
  EXPECT_EQ(zcnbrh_release_batch(queue, held.data() + 64, static_cast<uint32_t>(all - 64)), all - 64);
  EXPECT_EQ(zcnbrh_poll(queue, &one), 0);  // makes the deficit good
  EXPECT_EQ(queue.ledger().rx_posted, 64U);
  EXPECT_EQ(queue.stats().rx_deficit, 0U);
}

TEST(Loop, NoMoreThanTxDescFramesAreBeingSent) {
  const std::string name = fresh_port_name(), nobody = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  options.peer = nobody.c_str();  // never opened: frames are completed and lost
  Queue queue(options);
  struct zcnbrh_frame frames[128];
  ASSERT_EQ(zcnbrh_alloc_batch(queue, frames, 128), 128);
  for (auto& frame : frames) frame.length = 60;
  EXPECT_EQ(zcnbrh_send_batch(queue, frames, 128), 64);
  EXPECT_LE(queue.ledger().tx_inflight, 64U);
  EXPECT_EQ(queue.stats().tx_no_credit, 1U);
  EXPECT_EQ(zcnbrh_flush(queue), 0);
  EXPECT_EQ(zcnbrh_send_batch(queue, frames + 64, 64), 64);
  EXPECT_EQ(zcnbrh_flush(queue), 0);
  EXPECT_EQ(queue.stats().tx_completed, 128U);
}

TEST(Loop, TimestampsOnceAPollWhenAskedFor) {
  const std::string name = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  options.timestamps = 1;
  Queue queue(options);
  uint64_t last = 0;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 4; ++i) ASSERT_EQ(zcnbrh_send_copy(queue, "x", 1), 1);
    struct zcnbrh_frame frames[4];
    ASSERT_EQ(zcnbrh_poll_batch(queue, frames, 4), 4);
    EXPECT_GT(frames[0].timestamp_ns, last);
    for (const auto& frame : frames) EXPECT_EQ(frame.timestamp_ns, frames[0].timestamp_ns);
    last = frames[0].timestamp_ns;
    struct zcnbrh_frame empty;
    ASSERT_EQ(zcnbrh_alloc(queue, &empty), 1);
    EXPECT_EQ(empty.timestamp_ns, 0U);
    ASSERT_EQ(zcnbrh_release(queue, &empty), 0);
    ASSERT_EQ(zcnbrh_release_batch(queue, frames, 4), 4);
  }
}

TEST(Loop, FewerFramesThanRxDescAreADeficitWithAWarning) {
  static std::string said;
  said.clear();
  zcnbrh_set_log([](int level, const char* line) {
    if (level == ZCNBRH_LOG_WARNING) said += line;
  });
  const std::string name = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  options.rx_desc = 512;
  Queue queue(options);
  zcnbrh_set_log(nullptr);
  EXPECT_NE(said.find("frames=256 are 256 short of rx_desc=512"), std::string::npos) << said;
  EXPECT_EQ(queue.ledger().rx_posted, 256U);
  EXPECT_EQ(queue.ledger().pool, 0U);
  EXPECT_EQ(queue.stats().rx_deficit, 256U);
}

TEST(Loop, AQueueIsBusyWhileOpenAndFreeAfterwards) {
  const std::string name = fresh_port_name();
  struct zcnbrh_options options = small_options("loop");
  options.loop_name = name.c_str();
  {
    Queue queue(options);
    struct zcnbrh_queue* second = nullptr;
    EXPECT_EQ(zcnbrh_open(&options, &second), -EBUSY);
    EXPECT_EQ(second, nullptr);
    EXPECT_NE(std::string(zcnbrh_last_error()).find("queue 0 of " + name + " is in use"), std::string::npos)
        << zcnbrh_last_error();
    options.queue = 1;
    Queue other(options);
    options.queue = 0;
  }
  Queue again(options);
}

TEST(Loop, ClosingWithFramesHeldAndBeingSentIsFine) {
  Queue queue = Queue::loop();
  struct zcnbrh_frame frames[20];
  ASSERT_EQ(zcnbrh_alloc_batch(queue, frames, 20), 20);
  for (auto& frame : frames) frame.length = 60;
  ASSERT_EQ(zcnbrh_send_batch(queue, frames, 10), 10);
  static int notices;
  notices = 0;
  zcnbrh_set_log([](int, const char* line) {
    notices += std::string(line).find("application held 10 of its frames") != std::string::npos;
  });
  EXPECT_EQ(queue.close(), 0);
  zcnbrh_set_log(nullptr);
  EXPECT_EQ(notices, 1);
}

TEST(Loop, OtherThreadsMayReadStatistics) {
  Queue queue = Queue::loop();
  std::atomic<bool> stop{false};
  uint64_t seen = 0;
  std::thread reader([&] {
    while (!stop.load()) {
      const struct zcnbrh_stats s = queue.stats();
      EXPECT_GE(s.rx_packets, seen);
      seen = s.rx_packets;
      EXPECT_STRNE(zcnbrh_mode(queue), "");
    }
  });
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(zcnbrh_send_copy(queue, "x", 1), 1);
    struct zcnbrh_frame frame;
    ASSERT_EQ(zcnbrh_poll(queue, &frame), 1);
    ASSERT_EQ(zcnbrh_release(queue, &frame), 0);
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace zcnbrh::testing
