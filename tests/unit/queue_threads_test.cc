// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One queue, several threads: an RX thread and a TX thread on the loop, and a thread that plays the kernel on
// the other end of the four rings. Run under TSan by `make test`.
#include <atomic>
#include <thread>

#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kPackets = 8000;  // a checked packet takes much longer
#else
constexpr uint64_t kPackets = 30000;
#endif

uint32_t length_of(uint64_t n) { return 60 + static_cast<uint32_t>(n * 7 % 1400); }

// Sends packets 0..kPackets-1 in order, waiting out back-pressure.
void send_all(TestQueue& q) {
  for (uint64_t next = 0; next < kPackets;) {
    std::vector<Frame> burst;
    while (burst.size() < 16 && next + burst.size() < kPackets) {
      const auto frame = q.make_packet(numbered(next + burst.size(), length_of(next + burst.size())));
      if (!frame) break;
      burst.push_back(*frame);
    }
    const uint32_t taken = q.send(burst);
    q.give_back({burst.begin() + taken, burst.end()});
    next += taken;
    if (taken == 0) std::this_thread::yield();
  }
}

struct Received {
  uint64_t count = 0;
  uint64_t bad = 0;  // damaged, or out of order
  int64_t last = -1;

  void take(TestQueue& q) {
    const auto got = q.receive();
    for (const Frame& frame : got) {
      const int64_t n = number_in({q.umem().data(frame), frame.length});
      bad += n <= last || frame.length != length_of(static_cast<uint64_t>(n));
      last = n;
      ++count;
    }
    q.give_back(got);
    if (got.empty()) std::this_thread::yield();
  }
};

class Threads : public QueueTest {};

TEST_F(Threads, OneReceivesWhileTheOtherSendsOnTheSameLoopQueue) {
  TestQueue& q = open_queue({.nb_rx = 64, .nb_tx = 64}, {.frames = 512});
  std::atomic<bool> sent{false};
  std::thread sender([&] {
    send_all(q);
    sent = true;
  });
  Received received;
  while (!sent) received.take(q);
  sender.join();
  for (int quiet = 0; quiet < 100; ++quiet) received.take(q);
  const auto statistics = q.pair->socket().statistics();
  ASSERT_TRUE(statistics);
  EXPECT_EQ(received.count + statistics->rx_dropped + statistics->rx_ring_full, kPackets);
  EXPECT_EQ(received.bad, 0U);
  EXPECT_GT(received.count, 100U);
}

TEST_F(Threads, CountersAreReadWhileTheBurstsRun) {
  TestQueue& q = open_queue({}, {.frames = 512});
  std::atomic<bool> sent{false};
  std::thread sender([&] {
    send_all(q);
    sent = true;
  });
  std::thread receiver([&] {
    Received received;
    while (!sent) received.take(q);
  });
  uint64_t last = 0;
  bool backwards = false;
  while (!sent) {
    const uint64_t now = q.tx_shared().count.packets.get() + q.rx_shared().count.packets.get();
    backwards |= now < last;
    last = now;
    EXPECT_LE(q.rx_posted_now(), 64U);
    EXPECT_LE(q.tx_in_flight_now(), 64U);
    EXPECT_TRUE(q.pair->socket().statistics());
  }
  sender.join();
  receiver.join();
  EXPECT_FALSE(backwards);
}

// The kernel's side in a thread of its own: TX frames are copied into fill frames and completed.
TEST_F(Threads, AKernelOnTheOtherEndOfTheRingsLosesNothing) {
  TestQueue& q = make_queue(make_umem({.frames = 512}), {.nb_rx = 64, .nb_tx = 32});
  ASSERT_TRUE(q.create());
  q.fill();
  ASSERT_TRUE(q.bind(port(), 0));
  RingPeer peer = q.peer();
  peer.want_tx_wakeup(false);  // this kernel looks by itself
  std::atomic<bool> stop{false};
  std::thread kernel([&] {
    while (!stop) {
      const auto packet = peer.take_packet();
      if (!packet) {
        std::this_thread::yield();
        continue;
      }
      while (!peer.receive(peer.bytes(*packet)) && !stop) std::this_thread::yield();
      while (!peer.complete_raw(packet->addr) && !stop) std::this_thread::yield();
    }
  });
  std::atomic<bool> sent{false};
  std::thread sender([&] {
    send_all(q);
    sent = true;
  });
  Received received;
  while (received.count < kPackets) received.take(q);
  sender.join();
  stop = true;
  kernel.join();
  EXPECT_TRUE(sent);
  EXPECT_EQ(received.count, kPackets);
  EXPECT_EQ(received.bad, 0U);
  EXPECT_EQ(received.last, static_cast<int64_t>(kPackets) - 1);
  q.send({});
}

}  // namespace
}  // namespace zcnbrh::testing
