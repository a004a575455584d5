// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The application of the native ring bench: receive, send and forward, the same code over the C API and over
// the bare rings. It looks at each packet's length, no further.
#pragma once

#include <cstdint>
#include <cstring>

#include "bench/ring/peer_queue.h"
#include "include/zcnbrh/zcnbrh.h"

namespace zcnbrh::bench {

inline constexpr uint32_t kMaxBatch = 64;

// Looks at received frames: each has the number after the one before.
class FrameCheck {
 public:
  void look(const struct zcnbrh_frame& frame) {
    uint64_t number;
    std::memcpy(&number, frame.data, sizeof number);
    if (frame.length != kPacketBytes || number != next_) ++wrong_;
    next_ = number + 1;
  }
  uint64_t wrong() const { return wrong_; }

 private:
  uint64_t next_ = 0;
  uint64_t wrong_ = 0;
};

template <bool kCheck, typename Queue>
class ReceiveFrames {
 public:
  static constexpr bool kReceives = true;
  ReceiveFrames(Queue& queue, uint32_t batch) : queue_(queue), batch_(batch) {}
  uint32_t operator()() {
    struct zcnbrh_frame frames[kMaxBatch];
    const uint32_t n = queue_.poll(frames, batch_);
    if (n == 0) return 0;
    for (uint32_t i = 0; i < n; ++i) {
      bytes_ += frames[i].length;
      if constexpr (kCheck) check_.look(frames[i]);
    }
    queue_.release(frames, n);
    received_ += n;
    return n;
  }
  bool pending() const { return false; }
  void finish() {}
  // The lengths are looked at in every run, so that no compiler leaves them out.
  uint64_t wrong() const { return check_.wrong() + (bytes_ == received_ * kPacketBytes ? 0 : 1); }

 private:
  Queue& queue_;
  uint32_t batch_;
  uint64_t bytes_ = 0;
  uint64_t received_ = 0;
  FrameCheck check_;
};

// Frames on their way out; what does not fit is offered again, never thrown away.
template <typename Queue>
class FrameSender {
 public:
  explicit FrameSender(Queue& queue) : queue_(queue) {}
  bool pending() const { return at_ < count_; }
  struct zcnbrh_frame* frames() {
    return frames_;
  }
  void load(uint32_t count) {
    at_ = 0;
    count_ = count;
  }
  uint32_t send() {
    const uint32_t n = queue_.send(frames_ + at_, count_ - at_);
    at_ += n;
    return n;
  }
  void give_back() {
    if (pending()) queue_.release(frames_ + at_, count_ - at_);
    at_ = count_ = 0;
  }

 private:
  Queue& queue_;
  struct zcnbrh_frame frames_[kMaxBatch];
  uint32_t at_ = 0;
  uint32_t count_ = 0;
};

template <bool kCheck, typename Queue>
class SendFrames {
 public:
  static constexpr bool kReceives = false;
  SendFrames(Queue& queue, uint32_t batch) : queue_(queue), sender_(queue), batch_(batch) {}
  uint32_t operator()() {
    if (!sender_.pending()) {
      const uint32_t n = queue_.alloc(sender_.frames(), batch_);
      for (uint32_t i = 0; i < n; ++i) {
        struct zcnbrh_frame& frame = sender_.frames()[i];
        frame.length = kPacketBytes;
        if constexpr (kCheck) std::memcpy(frame.data, &number_, sizeof number_), ++number_;
      }
      sender_.load(n);
      if (n == 0) return 0;
    }
    return sender_.send();
  }
  bool pending() const { return sender_.pending(); }
  void finish() { sender_.give_back(); }
  uint64_t wrong() const { return 0; }  // the peer looks

 private:
  Queue& queue_;
  FrameSender<Queue> sender_;
  uint32_t batch_;
  uint64_t number_ = 0;
};

// What comes in goes out, from where it lies. A packet counts when it is sent.
template <bool kCheck, typename Queue>
class ForwardFrames {
 public:
  static constexpr bool kReceives = true;
  ForwardFrames(Queue& queue, uint32_t batch) : queue_(queue), sender_(queue), batch_(batch) {}
  uint32_t operator()() {
    if (!sender_.pending()) {
      const uint32_t n = queue_.poll(sender_.frames(), batch_);
      if (n == 0) return 0;
      if constexpr (kCheck)
        for (uint32_t i = 0; i < n; ++i) check_.look(sender_.frames()[i]);
      sender_.load(n);
    }
    return sender_.send();
  }
  bool pending() const { return sender_.pending(); }
  void finish() { sender_.give_back(); }
  uint64_t wrong() const { return check_.wrong(); }

 private:
  Queue& queue_;
  FrameSender<Queue> sender_;
  uint32_t batch_;
  FrameCheck check_;
};

}  // namespace zcnbrh::bench
