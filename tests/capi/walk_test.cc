// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A random walk over every call, right and wrong ones, with the books checked after every step against a
// model of what the application holds. The seed is printed with a failure; ZCNBRH_SEED repeats it.
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <random>

#include "tests/capi/queue.h"

namespace zcnbrh::testing {
namespace {

constexpr int kSteps = 20'000;

class Walk : public ::testing::TestWithParam<std::pair<uint32_t, uint32_t>> {  // frames, frame_size
 public:
  void SetUp() override {
    const char* given = std::getenv("ZCNBRH_SEED");
    seed_ = given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device()();
    random_.seed(seed_);
    name_ = fresh_port_name();
    struct zcnbrh_options options = small_options("loop");
    options.loop_name = name_.c_str();
    options.frames = GetParam().first;
    options.frame_size = GetParam().second;
    zcnbrh_set_log([](int, const char*) {});  // a deficit is meant here
    queue_.open(options);
    zcnbrh_set_log(nullptr);
  }

  uint32_t below(uint32_t n) { return std::uniform_int_distribution<uint32_t>(0, n - 1)(random_); }

  void poll() {
    struct zcnbrh_frame frames[40];
    const int n = zcnbrh_poll_batch(queue_, frames, 1 + below(40));
    ASSERT_GE(n, 0) << zcnbrh_last_error();
    for (int i = 0; i < n; ++i) {
      ASSERT_FALSE(on_the_way_.empty()) << "a packet nobody sent";
      ASSERT_EQ(bytes_of(frames[i]), on_the_way_.front());
      on_the_way_.pop_front();
      held_.push_back(frames[i]);
    }
  }

  void alloc() {
    struct zcnbrh_frame frames[40];
    const int n = zcnbrh_alloc_batch(queue_, frames, 1 + below(40));
    ASSERT_GE(n, 0) << zcnbrh_last_error();
    held_.insert(held_.end(), frames, frames + n);
  }

  void release() {
    std::shuffle(held_.begin(), held_.end(), random_);
    const uint32_t n = below(static_cast<uint32_t>(held_.size()) + 1);
    if (n == 0) return;
    ASSERT_EQ(zcnbrh_release_batch(queue_, held_.data(), n), static_cast<int>(n)) << zcnbrh_last_error();
    gone_ = held_[0];
    held_.erase(held_.begin(), held_.begin() + n);
  }

  // Frames held, at odd places within them and of odd lengths. What the receiver has no frame for is lost:
  // the model takes what the statistics say.
  void send() {
    std::shuffle(held_.begin(), held_.end(), random_);
    const uint32_t n = std::min(below(40), static_cast<uint32_t>(held_.size()));
    std::vector<std::vector<uint8_t>> bytes;
    for (uint32_t i = 0; i < n; ++i) {
      struct zcnbrh_frame& frame = held_[i];
      if (frame.length == 0) frame.length = 1 + below(frame.room - 100);
      if (frame.length > 20 && below(2) == 0) {
        const uint32_t strip = 1 + below(10);
        frame.data = static_cast<uint8_t*>(frame.data) + strip;
        frame.length -= strip;
      }
      std::memset(frame.data, static_cast<int>(below(256)), frame.length);
      bytes.push_back(bytes_of(frame));
    }
    sent(n == 0 ? 0 : zcnbrh_send_batch(queue_, held_.data(), n), n, std::move(bytes));
  }

  void send_copy() {
    const std::vector<uint8_t> bytes(1 + below(1500), static_cast<uint8_t>(below(256)));
    const int n = zcnbrh_send_copy(queue_, bytes.data(), bytes.size());
    ASSERT_GE(n, 0) << zcnbrh_last_error();
    if (n == 1 && !was_lost(1)) on_the_way_.push_back(bytes);
  }

  void sent(int taken, uint32_t tried, std::vector<std::vector<uint8_t>> bytes) {
    ASSERT_GE(taken, 0) << zcnbrh_last_error();
    ASSERT_LE(static_cast<uint32_t>(taken), tried);
    const auto count = static_cast<size_t>(taken);
    if (count != 0) gone_ = held_[0];
    held_.erase(held_.begin(), held_.begin() + taken);
    // All are looped at once, in order: the first ones find a frame, the rest do not.
    const uint64_t lost = lost_now();
    ASSERT_LE(lost, count);
    on_the_way_.insert(on_the_way_.end(), bytes.begin(), bytes.begin() + static_cast<long>(count - lost));
  }

  bool was_lost(uint64_t most) {
    const uint64_t lost = lost_now();
    EXPECT_LE(lost, most);
    return lost != 0;
  }
  uint64_t lost_now() {
    const uint64_t dropped = queue_.stats().xdp_rx_dropped + queue_.stats().xdp_rx_ring_full;
    return dropped - std::exchange(dropped_, dropped);
  }

  // A frame that is not the application's any more, or never was.
  void misuse() {
    if (gone_.data == nullptr) return;
    struct zcnbrh_frame bad = gone_;
    if (below(2) == 0) bad.cookie ^= uint64_t{1} << below(64);
    bad.length = 60;
    const bool forged_right =
        std::any_of(held_.begin(), held_.end(), [&](const auto& f) { return f.cookie == bad.cookie; });
    if (forged_right) return;
    ASSERT_EQ(zcnbrh_release(queue_, &bad), -EINVAL);
    ASSERT_EQ(zcnbrh_send(queue_, &bad), -EINVAL);
  }

  uint32_t seed_ = 0;
  std::mt19937 random_;
  std::string name_;
  Queue queue_;
  std::vector<struct zcnbrh_frame> held_;
  std::deque<std::vector<uint8_t>> on_the_way_;
  struct zcnbrh_frame gone_ = {};
  uint64_t dropped_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Loop, Walk,
                         ::testing::Values(std::pair(256U, 2048U), std::pair(70U, 2048U),
                                           std::pair(192U, 4096U), std::pair(200U, 3008U)),
                         [](const auto& info) {
                           return std::to_string(info.param.first) + "FramesOf" +
                                  std::to_string(info.param.second);
                         });

TEST_P(Walk, TheBooksBalanceAfterEveryStep) {
  SCOPED_TRACE("ZCNBRH_SEED=" + std::to_string(seed_));
  using Step = void (Walk::*)();
  const Step steps[] = {&Walk::poll,    &Walk::poll, &Walk::alloc,     &Walk::release,
                        &Walk::release, &Walk::send, &Walk::send_copy, &Walk::misuse};
  for (int i = 0; i < kSteps; ++i) {
    (this->*steps[below(std::size(steps))])();
    if (below(50) == 0) {
      ASSERT_GE(zcnbrh_flush(queue_), 0);
    }
    ASSERT_FALSE(HasFatalFailure()) << "step " << i;
    const struct zcnbrh_ledger l = queue_.ledger();
    ASSERT_EQ(l.application, held_.size()) << "step " << i;
    ASSERT_EQ(l.pool + l.application + l.rx_posted + l.tx_inflight, l.frames) << "step " << i;
    ASSERT_EQ(l.discrepancies + l.quarantined + l.violations, 0U) << "step " << i;
    ASSERT_LE(l.rx_posted, 64U);
    ASSERT_LE(l.tx_inflight, 64U);
  }
  // At rest everything is back.
  if (!held_.empty()) {
    ASSERT_EQ(zcnbrh_release_batch(queue_, held_.data(), static_cast<uint32_t>(held_.size())),
              static_cast<int>(held_.size()));
  }
  held_.clear();
  while (!on_the_way_.empty()) {
    const size_t before = on_the_way_.size();
    poll();
    ASSERT_LT(on_the_way_.size(), before) << "a packet got lost without a count";
    release();
  }
  ASSERT_EQ(zcnbrh_release_batch(queue_, held_.data(), static_cast<uint32_t>(held_.size())),
            static_cast<int>(held_.size()));
  EXPECT_EQ(zcnbrh_flush(queue_), 0);
  struct zcnbrh_frame none;
  EXPECT_EQ(zcnbrh_poll(queue_, &none), 0);
  const struct zcnbrh_ledger l = queue_.ledger();
  EXPECT_EQ(l.rx_posted, 64U);
  EXPECT_EQ(l.pool, l.frames - 64);
  EXPECT_GT(queue_.stats().rx_packets, uint64_t{kSteps / 4}) << "the walk went nowhere";
}

}  // namespace
}  // namespace zcnbrh::testing
