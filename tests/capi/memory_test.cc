// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Frames that several queues share, on the loop backend.
#include "include/zcnbrh/memory.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <thread>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

struct zcnbrh_memory_options memory_options() {
  struct zcnbrh_memory_options options;
  zcnbrh_memory_options_init(&options);
  options.frames = 512;
  return options;
}

// One whose books are sound at the end, when its queues are gone.
class Memory {
 public:
  explicit Memory(const struct zcnbrh_memory_options& options = memory_options()) {
    EXPECT_EQ(zcnbrh_memory_open(&options, &memory_), 0) << zcnbrh_last_error();
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    if (memory_ == nullptr) return;
    const struct zcnbrh_ledger l = ledger();
    EXPECT_EQ(l.pool, l.frames);
    EXPECT_EQ(l.application + l.rx_posted + l.tx_inflight, 0U);
    EXPECT_EQ(l.discrepancies + l.quarantined + l.violations, 0U);
    EXPECT_EQ(zcnbrh_memory_close(memory_), 0) << zcnbrh_last_error();
  }
  operator struct zcnbrh_memory *() const { return memory_; }  // NOLINT(google-explicit-constructor)

  struct zcnbrh_ledger ledger() const {
    struct zcnbrh_ledger out = {};
    out.size = sizeof out;
    EXPECT_EQ(zcnbrh_memory_ledger(memory_, &out), 0) << zcnbrh_last_error();
    return out;
  }

 private:
  struct zcnbrh_memory* memory_ = nullptr;
};

// A loop port and the one at the other end of its wire, which has frames of its own.
class Line {
 public:
  explicit Line(const Memory& memory) {
    const std::string near = fresh_port_name(), far = fresh_port_name();
    struct zcnbrh_options options = small_options("loop");
    options.loop_name = far.c_str();
    options.peer = near.c_str();
    far_.open(options);
    options.loop_name = near.c_str();
    options.peer = far.c_str();
    options.frames = 0;
    options.memory = memory;
    near_.open(options);
  }
  const Queue& near() const { return near_; }
  const Queue& far() const { return far_; }
  int close_near() { return near_.close(); }

  void send_text(const char* text) const {
    EXPECT_EQ(zcnbrh_send_copy(far_, text, std::strlen(text) + 1), 1) << zcnbrh_last_error();
  }
  std::string receive_text() const {
    struct zcnbrh_frame frame;
    if (zcnbrh_poll(far_, &frame) != 1) return "nothing";
    std::string out = static_cast<char*>(frame.data);
    EXPECT_EQ(zcnbrh_release(far_, &frame), 0);
    return out;
  }

 private:
  Queue near_, far_;
};

TEST(Memory, AFrameMayBeGivenToAnyOfItsQueues) {
  Memory memory;
  Line a(memory), b(memory);
  a.send_text("to a");
  struct zcnbrh_frame came, empty;
  ASSERT_EQ(zcnbrh_poll(a.near(), &came), 1);
  ASSERT_EQ(zcnbrh_alloc(a.near(), &empty), 1);
  EXPECT_EQ(memory.ledger().application, 2U);
  EXPECT_EQ(memory.ledger().rx_posted, 2 * 64U - 1);
  EXPECT_EQ(zcnbrh_release(b.near(), &empty), 0) << zcnbrh_last_error();
  EXPECT_EQ(zcnbrh_send(b.near(), &came), 1) << zcnbrh_last_error();
  EXPECT_EQ(memory.ledger().application, 0U);
  EXPECT_EQ(b.receive_text(), "to a");
}

TEST(Memory, WhatOneQueueReceivedAnotherSendsFromWhereItLies) {
  Memory memory;
  Line a(memory), b(memory);
  for (int round = 0; round < 5000; ++round) {
    const std::string text = "packet " + std::to_string(round);
    a.send_text(text.c_str());
    struct zcnbrh_frame frame;
    ASSERT_EQ(zcnbrh_poll(a.near(), &frame), 1);
    static_cast<char*>(frame.data)[0] = 'P';
    ASSERT_EQ(zcnbrh_send(b.near(), &frame), 1) << zcnbrh_last_error();
    ASSERT_EQ(b.receive_text(), "P" + text.substr(1));
  }
  EXPECT_EQ(b.near().stats().tx_bounce_copies, 0U);
  EXPECT_EQ(b.near().stats().tx_packets, 5000U);
  EXPECT_EQ(a.near().ledger().frames, 512U);
  EXPECT_TRUE(a.near().sound_books());  // of the whole memory, by either queue
  EXPECT_TRUE(b.near().sound_books());
}

TEST(Memory, FramesOutliveTheQueueTheyCameBy) {
  Memory memory;
  Line b(memory);
  struct zcnbrh_frame frames[2];
  {
    Line a(memory);
    a.send_text("first");
    a.send_text("second");
    ASSERT_EQ(zcnbrh_poll_batch(a.near(), frames, 2), 2);
    EXPECT_EQ(a.close_near(), 0);
  }
  EXPECT_EQ(memory.ledger().application, 2U);
  EXPECT_EQ(zcnbrh_send(b.near(), &frames[1]), 1) << zcnbrh_last_error();
  EXPECT_EQ(b.receive_text(), "second");
  EXPECT_EQ(zcnbrh_memory_release(memory, &frames[0]), 0) << zcnbrh_last_error();
  EXPECT_EQ(memory.ledger().application, 0U);
}

TEST(Memory, StaysWhileAQueueUsesIt) {
  Memory memory;
  Line a(memory);
  EXPECT_EQ(zcnbrh_memory_close(memory), -EBUSY);
  EXPECT_NE(std::string(zcnbrh_last_error()).find("close them first"), std::string::npos);
  a.send_text("still there");
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_poll(a.near(), &frame), 1);
  EXPECT_EQ(zcnbrh_memory_release(memory, &frame), 0);
}

TEST(Memory, RefusesAFrameThatIsNotHeld) {
  Memory memory, other;
  Line a(memory);
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_alloc(a.near(), &frame), 1);
  EXPECT_EQ(zcnbrh_memory_release(other, &frame), -EINVAL);
  EXPECT_NE(std::string(zcnbrh_last_error()).find("does not hold this frame"), std::string::npos);
  EXPECT_EQ(zcnbrh_memory_release(memory, &frame), 0);
  EXPECT_EQ(zcnbrh_memory_release(memory, &frame), -EINVAL);
  EXPECT_EQ(zcnbrh_release(a.near(), &frame), -EINVAL);
  EXPECT_EQ(zcnbrh_send(a.near(), &frame), -EINVAL);
  EXPECT_EQ(zcnbrh_memory_release(memory, nullptr), -EINVAL);
  EXPECT_EQ(zcnbrh_memory_release_batch(nullptr, &frame, 1), -EINVAL);
}

TEST(Memory, GivesABatchBackUpToTheFirstThatIsNotHeld) {
  Memory memory;
  Line a(memory);
  struct zcnbrh_frame frames[150];
  ASSERT_EQ(zcnbrh_alloc_batch(a.near(), frames, 150), 150);
  const struct zcnbrh_frame twice = frames[100];
  ASSERT_EQ(zcnbrh_memory_release(memory, &twice), 0);
  EXPECT_EQ(zcnbrh_memory_release_batch(memory, frames, 150), 100);
  EXPECT_EQ(zcnbrh_memory_release_batch(memory, frames + 101, 49), 49);
  EXPECT_EQ(memory.ledger().application, 0U);
}

TEST(Memory, AnEmptyPoolIsMadeGoodWhenFramesComeBack) {
  Memory memory;
  Line a(memory);
  struct zcnbrh_frame all[512];
  const int got = zcnbrh_alloc_batch(a.near(), all, 512);
  ASSERT_EQ(got, 512 - 64);
  struct zcnbrh_frame frame;
  EXPECT_EQ(zcnbrh_alloc(a.near(), &frame), 0);
  struct zcnbrh_frame received[64];
  for (int i = 0; i < 64; ++i) a.send_text("all that were posted");
  ASSERT_EQ(zcnbrh_poll_batch(a.near(), received, 64), 64);
  EXPECT_EQ(a.near().stats().rx_deficit, 64U);
  EXPECT_EQ(zcnbrh_memory_release_batch(memory, all, static_cast<uint32_t>(got)), got);
  EXPECT_EQ(zcnbrh_poll(a.near(), &frame), 0);
  EXPECT_EQ(a.near().stats().rx_deficit, 0U);
  EXPECT_EQ(zcnbrh_memory_release_batch(memory, received, 64), 64);
}

// As a forwarder with two threads: each receives from one queue and sends to the other, so every queue has two
// users at a time.
TEST(Memory, OneThreadReceivesWhileAnotherSends) {
  constexpr uint32_t kPackets = 20'000, kBatch = 16;
  Memory memory;
  Line lines[2] = {Line(memory), Line(memory)};
  std::atomic<bool> stop{false};
  const auto forward = [&](int from, int to) {
    struct zcnbrh_frame frames[kBatch];
    while (!stop.load()) {
      const int n = zcnbrh_poll_batch(lines[from].near(), frames, kBatch);
      if (n <= 0) continue;
      int sent = zcnbrh_send_batch(lines[to].near(), frames, static_cast<uint32_t>(n));
      if (sent < 0) sent = 0;
      if (sent < n) zcnbrh_memory_release_batch(memory, frames + sent, static_cast<uint32_t>(n - sent));
    }
  };
  // The loop backend delivers in the sender's call, so each wire's far end is played by one thread.
  std::thread there(forward, 0, 1), back(forward, 1, 0);
  uint32_t sent[2] = {}, came[2] = {}, wrong = 0, idle = 0;
  while ((came[0] < kPackets || came[1] < kPackets) && idle < 2'000'000) {
    ++idle;
    for (const int i : {0, 1}) {
      if (sent[i] < kPackets && sent[i] - came[1 - i] < 32) {
        const uint32_t numbers[16] = {sent[i], static_cast<uint32_t>(i)};
        if (zcnbrh_send_copy(lines[i].far(), numbers, sizeof numbers) == 1) ++sent[i];
      }
      struct zcnbrh_frame frame;
      if (zcnbrh_poll(lines[i].far(), &frame) != 1) continue;
      idle = 0;
      const auto* numbers = static_cast<const uint32_t*>(frame.data);
      wrong += numbers[0] != came[i] || numbers[1] != static_cast<uint32_t>(1 - i);
      ++came[i];
      zcnbrh_release(lines[i].far(), &frame);
    }
    if (idle % 64 == 63) std::this_thread::yield();
  }
  stop = true;
  there.join();
  back.join();
  EXPECT_EQ(came[0], kPackets);
  EXPECT_EQ(came[1], kPackets);
  EXPECT_EQ(wrong, 0U);
}

TEST(Memory, AQueueOnItTakesNoSizesOfItsOwn) {
  Memory memory;
  const std::string name = fresh_port_name();
  struct zcnbrh_options good = small_options("loop");
  good.loop_name = name.c_str();
  good.memory = memory;
  good.frames = 0;
  const auto refused = [&](auto change) {
    struct zcnbrh_options options = good;
    change(options);
    struct zcnbrh_queue* queue = nullptr;
    const int result = zcnbrh_open(&options, &queue);
    EXPECT_EQ(queue, nullptr);
    return result == -EINVAL && std::string(zcnbrh_last_error()).find("shared memory's") != std::string::npos;
  };
  EXPECT_TRUE(refused([](auto& o) { o.frames = 512; }));
  EXPECT_TRUE(refused([](auto& o) { o.frame_size = 2048; }));
  EXPECT_TRUE(refused([](auto& o) { o.chunks = ZCNBRH_CHUNKS_ALIGNED; }));
  EXPECT_TRUE(refused([](auto& o) { o.numa_node = 0; }));
  Queue queue(good);
}

TEST(Memory, OptionsOutOfRangeAreRefused) {
  const auto refused = [](auto change) {
    struct zcnbrh_memory_options options = memory_options();
    change(options);
    struct zcnbrh_memory* memory = nullptr;
    const int result = zcnbrh_memory_open(&options, &memory);
    EXPECT_EQ(memory, nullptr);
    return result;
  };
  EXPECT_EQ(refused([](auto& o) { o.frames = 0; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.frames = 63; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.frame_size = 8192; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.chunks = 3; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.ledger = 2; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.numa_node = -2; }), -EINVAL);
  EXPECT_EQ(refused([](auto& o) { o.size = 1; }), -EINVAL);
  struct {
    struct zcnbrh_memory_options known;
    uint64_t later;
  } newer = {memory_options(), 1};
  newer.known.size = sizeof newer;
  struct zcnbrh_memory* memory = nullptr;
  EXPECT_EQ(zcnbrh_memory_open(&newer.known, &memory), -E2BIG);
  EXPECT_EQ(zcnbrh_memory_open(nullptr, &memory), -EINVAL);
  EXPECT_EQ(zcnbrh_memory_close(nullptr), -EINVAL);
}

TEST(Memory, AChildHasNoPartInIt) {
  Memory memory;
  Line a(memory);
  struct zcnbrh_frame frame;
  ASSERT_EQ(zcnbrh_alloc(a.near(), &frame), 1);
  const pid_t child = ::fork();
  if (child == 0) {
    struct zcnbrh_ledger ledger = {};
    ledger.size = sizeof ledger;
    struct zcnbrh_options options = small_options("loop");
    options.frames = 0;
    options.memory = memory;
    struct zcnbrh_queue* queue = nullptr;
    const bool good = zcnbrh_memory_release(memory, &frame) == -EPERM &&
                      zcnbrh_memory_ledger(memory, &ledger) == -EPERM &&
                      zcnbrh_open(&options, &queue) == -EPERM && zcnbrh_memory_close(memory) == 0;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(zcnbrh_memory_release(memory, &frame), 0);
}

}  // namespace
}  // namespace zcnbrh::testing
