// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue of the C API for the tests: opened with few frames on the loop backend unless told otherwise, its
// books checked at the end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "include/zcnbrh/zcnbrh.h"

namespace zcnbrh::testing {

// A loop port nobody else in this process has used; ports live as long as the process.
inline std::string fresh_port_name() {
  static int count = 0;
  return "port" + std::to_string(count++);
}

inline struct zcnbrh_options small_options(const char* iface) {
  struct zcnbrh_options options;
  zcnbrh_options_init(&options);
  options.iface = iface;
  options.frames = 256;
  options.rx_desc = 64;
  options.tx_desc = 64;
  return options;
}

class Queue {
 public:
  Queue() = default;
  explicit Queue(const struct zcnbrh_options& options) { open(options); }
  // On a loop port of its own.
  static Queue loop() {
    const std::string name = fresh_port_name();
    struct zcnbrh_options options = small_options("loop");
    options.loop_name = name.c_str();
    return Queue(options);
  }
  Queue(Queue&& other) noexcept
      : queue_(std::exchange(other.queue_, nullptr)), shares_memory_(other.shares_memory_) {}
  Queue& operator=(Queue&&) = delete;
  ~Queue() {
    if (queue_ != nullptr) {
      expect_sound_books();
      EXPECT_EQ(zcnbrh_close(queue_), 0) << zcnbrh_last_error();
    }
  }

  int open(const struct zcnbrh_options& options) {
    shares_memory_ = options.memory != nullptr;
    const int result = zcnbrh_open(&options, &queue_);
    EXPECT_EQ(result, 0) << zcnbrh_last_error();
    return result;
  }
  int close() { return zcnbrh_close(std::exchange(queue_, nullptr)); }

  operator struct zcnbrh_queue *() const { return queue_; }  // NOLINT(google-explicit-constructor)

  struct zcnbrh_ledger ledger() const {
    struct zcnbrh_ledger out = {};
    out.size = sizeof out;
    EXPECT_EQ(zcnbrh_ledger(queue_, &out), 0) << zcnbrh_last_error();
    return out;
  }
  struct zcnbrh_stats stats() const {
    struct zcnbrh_stats out = {};
    out.size = sizeof out;
    EXPECT_EQ(zcnbrh_stats(queue_, &out), 0) << zcnbrh_last_error();
    return out;
  }

  // The equation, the owner bytes behind it, and nothing that must never happen.
  bool sound_books() const {
    const struct zcnbrh_ledger l = ledger();
    return l.pool + l.application + l.rx_posted + l.tx_inflight == l.frames && l.discrepancies == 0 &&
           l.quarantined == 0 && l.violations == 0;
  }
  void expect_sound_books() const {
    const struct zcnbrh_ledger l = ledger();
    EXPECT_TRUE(sound_books()) << l.pool << " + " << l.application << " + " << l.rx_posted << " + "
                               << l.tx_inflight << " == " << l.frames << "? " << l.discrepancies
                               << " discrepancies, " << l.quarantined << " quarantined, " << l.violations
                               << " violations";
    const struct zcnbrh_stats s = stats();
    EXPECT_EQ(s.xdp_tx_invalid_descs, 0U);
    EXPECT_EQ(s.xdp_rx_invalid_descs, 0U);
    if (shares_memory_) return;  // the ledger is of all its queues
    EXPECT_EQ(s.rx_posted, l.rx_posted);
    EXPECT_EQ(s.tx_inflight, l.tx_inflight);
  }

  // A frame filled with `byte`.
  struct zcnbrh_frame filled(uint8_t byte, uint32_t length) const {
    struct zcnbrh_frame frame = {};
    EXPECT_EQ(zcnbrh_alloc(queue_, &frame), 1);
    std::memset(frame.data, byte, length);
    frame.length = length;
    return frame;
  }

 private:
  struct zcnbrh_queue* queue_ = nullptr;
  bool shares_memory_ = false;
};

inline std::vector<uint8_t> bytes_of(const struct zcnbrh_frame& frame) {
  const auto* data = static_cast<const uint8_t*>(frame.data);
  return {data, data + frame.length};
}

}  // namespace zcnbrh::testing
