// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Numbered packets of mixed sizes between the C API and the kernel: every byte and the order of each of them,
// both ways at once, with frames held, given back out of order, and forwarded in place.
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>

#include "tests/capi/wire.h"

namespace zcnbrh::testing {
namespace {

using Clock = std::chrono::steady_clock;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kPackets = 20'000;  // the same code, several times slower
#else
constexpr uint64_t kPackets = 100'000;
#endif
constexpr auto kPatience = std::chrono::seconds(60);
constexpr uint32_t kBatch = 32;
constexpr uint64_t kWindow = 128;

struct Layout {
  const char* name;
  uint32_t frame_size;
  int chunks;
};

class Traffic : public Wire, public ::testing::WithParamInterface<Layout> {
 protected:
  struct zcnbrh_options options() const {
    struct zcnbrh_options o;
    zcnbrh_options_init(&o);
    o.iface = kNear;
    o.frame_size = GetParam().frame_size;
    o.chunks = GetParam().chunks;
    o.frames = 2048;
    o.rx_desc = 512;
    o.tx_desc = 512;
    return o;
  }
};

INSTANTIATE_TEST_SUITE_P(Veth, Traffic,
                         ::testing::Values(Layout{"Aligned2048", 2048, ZCNBRH_CHUNKS_ALIGNED},
                                           Layout{"Aligned4096", 4096, ZCNBRH_CHUNKS_ALIGNED},
                                           Layout{"Unaligned2048", 2048, ZCNBRH_CHUNKS_UNALIGNED},
                                           Layout{"Unaligned3008", 3008, ZCNBRH_CHUNKS_UNALIGNED}),
                         [](const auto& info) { return std::string(info.param.name); });

// Our end of the conversation, a piece at a time.
class NearEnd {
 public:
  NearEnd(Queue& queue, PacketPeer& peer, const NumberedPackets& ours, const NumberedPackets& theirs)
      : queue_(queue), peer_(peer), ours_(ours), theirs_(theirs) {}

  bool done() const { return received_ == kPackets && sent_ == kPackets && peer_.received() == kPackets; }
  uint64_t received() const { return received_; }
  uint64_t sent() const { return sent_; }

  // False: something was wrong, and is reported.
  bool receive() {
    struct zcnbrh_frame frames[kBatch];
    const int n = zcnbrh_poll_batch(queue_, frames, kBatch);
    if (n < 0) ADD_FAILURE() << zcnbrh_last_error();
    for (int i = 0; i < n; ++i) {
      const auto* data = static_cast<const uint8_t*>(frames[i].data);
      if (theirs_.owns(data, frames[i].length)) {
        const std::string problem = theirs_.check(received_++, data, frames[i].length);
        if (!problem.empty()) ADD_FAILURE() << problem;
      }
      held_.push_back(frames[i]);
    }
    peer_.confirm(received_);
    idle_ = n <= 0;
    return n >= 0 && !::testing::Test::HasFailure();
  }

  // Up to a hundred frames are held, and given back in any order.
  void give_back(bool all) {
    if (!all && held_.size() < 100) return;
    std::shuffle(held_.begin(), held_.end(), random_);
    const size_t keep = all ? 0 : random_() % held_.size();
    const auto count = static_cast<uint32_t>(held_.size() - keep);
    EXPECT_EQ(zcnbrh_release_batch(queue_, held_.data() + keep, count), static_cast<int>(count));
    held_.resize(keep);
  }

  bool send() {
    struct zcnbrh_frame frames[kBatch];
    const uint64_t room = kWindow - std::min(kWindow, sent_ - peer_.received());
    const auto want = static_cast<uint32_t>(std::min({uint64_t{kBatch}, room, kPackets - sent_}));
    const int n = zcnbrh_alloc_batch(queue_, frames, want);
    for (int i = 0; i < n; ++i)
      frames[i].length = ours_.write(sent_ + static_cast<uint64_t>(i), static_cast<uint8_t*>(frames[i].data));
    const int taken = n > 0 ? zcnbrh_send_batch(queue_, frames, static_cast<uint32_t>(n)) : 0;
    if (n < 0 || taken < 0) ADD_FAILURE() << zcnbrh_last_error();
    if (n > taken && taken >= 0) {
      EXPECT_EQ(zcnbrh_release_batch(queue_, frames + taken, static_cast<uint32_t>(n - taken)), n - taken);
    }
    sent_ += static_cast<uint64_t>(std::max(taken, 0));
    idle_ = idle_ && taken <= 0;
    return n >= 0 && taken >= 0;
  }

  void wait_if_idle() {
    if (!idle_) return;
    pollfd events = {zcnbrh_fd(queue_), POLLIN, 0};
    ::poll(&events, 1, 1);
  }

 private:
  Queue& queue_;
  PacketPeer& peer_;
  NumberedPackets ours_, theirs_;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  bool idle_ = false;
  std::vector<struct zcnbrh_frame> held_;
  std::minstd_rand random_;
};

TEST_P(Traffic, EveryByteAndTheOrderBothWays) {
  Queue queue(options());
  PacketPeer::Plan plan = far_peer();
  plan.sends = NumberedPackets(1);
  plan.expects = NumberedPackets(2);
  plan.send_count = plan.expect_count = kPackets;
  plan.window = kWindow;
  PacketPeer peer(plan);
  NearEnd near_end(queue, peer, plan.expects, plan.sends);
  const auto give_up = Clock::now() + kPatience;
  for (uint64_t round = 0; !near_end.done(); ++round) {
    ASSERT_LT(Clock::now(), give_up) << near_end.received() << " came, " << near_end.sent() << " sent, "
                                     << peer.received() << " arrived; " << peer.finish();
    ASSERT_TRUE(near_end.receive());
    near_end.give_back(false);
    ASSERT_TRUE(near_end.send());
    near_end.wait_if_idle();
    if (round % 256 == 0) {
      ASSERT_TRUE(queue.sound_books());
    }
    if (peer.done()) {
      ASSERT_EQ(peer.received(), kPackets) << peer.finish();
    }
  }
  EXPECT_EQ(peer.finish(), "");
  near_end.give_back(true);
  EXPECT_EQ(zcnbrh_flush(queue), 0);
  const struct zcnbrh_ledger l = queue.ledger();
  EXPECT_EQ(l.application, 0U);
  EXPECT_EQ(l.tx_inflight, 0U);
  const struct zcnbrh_stats s = queue.stats();
  EXPECT_GE(s.rx_packets, kPackets);
  EXPECT_EQ(s.tx_packets, kPackets);
  EXPECT_EQ(s.tx_completed, kPackets);
  EXPECT_EQ(s.xdp_rx_dropped + s.xdp_rx_ring_full + s.rx_dropped_too_long, 0U);
}

TEST_P(Traffic, ForwardedInPlace) {
  Queue queue(options());
  PacketPeer::Plan plan = far_peer();
  plan.sends = plan.expects = NumberedPackets(3);
  plan.send_count = plan.expect_count = kPackets / 2;
  plan.window = kWindow;
  plan.returns_confirm = true;
  PacketPeer peer(plan);
  const auto give_up = Clock::now() + kPatience;
  std::deque<struct zcnbrh_frame> waiting;
  while (!peer.done()) {
    ASSERT_LT(Clock::now(), give_up) << peer.received() << " came back; " << peer.finish();
    struct zcnbrh_frame frames[kBatch];
    const int n = zcnbrh_poll_batch(queue, frames, kBatch);
    ASSERT_GE(n, 0) << zcnbrh_last_error();
    waiting.insert(waiting.end(), frames, frames + n);
    while (!waiting.empty()) {
      const int taken = zcnbrh_send(queue, &waiting.front());
      ASSERT_GE(taken, 0) << zcnbrh_last_error();
      if (taken == 0) break;
      waiting.pop_front();
    }
    if (n == 0) {
      pollfd events = {zcnbrh_fd(queue), POLLIN, 0};
      ::poll(&events, 1, 1);
    }
  }
  EXPECT_EQ(peer.finish(), "");
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(zcnbrh_flush(queue), 0);
  EXPECT_EQ(queue.stats().tx_packets, queue.stats().rx_packets);
}

}  // namespace
}  // namespace zcnbrh::testing
