// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What is behind a struct zcnbrh_queue: one queue pair on memory of its own or on a shared one. The calls have
// the C API's meaning and return values; arguments and process are checked by the caller (zcnbrh.cc).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "include/zcnbrh/zcnbrh.h"
#include "lib/base/process.h"
#include "lib/base/simd.h"
#include "lib/capi/frame_memory.h"
#include "lib/capi/open_plan.h"
#include "lib/netdev/netdev.h"
#include "lib/umem/numa_memory.h"
#include "lib/xsk/port.h"
#include "lib/xsk/queue_pair.h"

namespace zcnbrh::capi {

inline constexpr uint32_t kMostWaited = 256;

// zcnbrh_wait() with its arguments checked.
int wait_for(struct zcnbrh_wait_item* items, uint32_t count, int timeout_ms);

class FrameQueue {
 public:
  // Errors: see zcnbrh_open(). Nothing is left behind when it fails.
  static Result<std::unique_ptr<FrameQueue>> open(const OpenPlan& plan);
  ~FrameQueue() { close(); }
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  // Takes the queue down. False: the kernel was not seen to let go; the memory is kept mapped for ever.
  bool close();
  // In a child of fork(): closes the child's descriptors. The object must not be destroyed after that: its
  // mappings were not inherited, what is at those addresses now is not ours.
  void abandon();

  int poll(struct zcnbrh_frame* frames, uint32_t count);
  int alloc(struct zcnbrh_frame* frames, uint32_t count);
  int release(const struct zcnbrh_frame* frames, uint32_t count);
  int send(const struct zcnbrh_frame* frames, uint32_t count);
  int send_copy(const void* data, size_t length);
  int flush();
  uint32_t ready(uint32_t events);  // those of ZCNBRH_WAIT_* that hold
  void look_for_loss();             // of the interface
  void before_sleep();              // free frames to the kernel, packets on their way

  // Any thread.
  bool is_of_this_process() const { return pid_ == current_pid(); }
  int fd() const { return port_->is_loop() ? -ENOTSUP : pair_.socket().fd(); }
  const std::string& mode() const { return mode_; }
  void read_stats(struct zcnbrh_stats& out) const;

  void read_ledger(struct zcnbrh_ledger& out) const;
  // Control path.
  Status set_promiscuous(bool on);
  // The first ownership violation in words, or "".
  std::string violation_text() const;

 private:
  FrameQueue() = default;
  Status set_up(const OpenPlan& plan);
  Status make_memory(const OpenPlan& plan);
  Status make_state();
  Status join();
  Status make_pair(const OpenPlan& plan);
  Status bring_up(const OpenPlan& plan);
  Status post_frames();
  Status bind();
  bool try_busy_poll(std::string* why_not);
  std::string start_kicks();
  void open_gate();
  template <bool kShared>
  void make_up_deficit();
  template <bool kShared>
  uint32_t poll_as(struct zcnbrh_frame* frames, uint32_t count);
  void leave(bool let_go);
  void look_at_books() const;
  std::string place() const;
  // Frames that send() has checked: how many, with how many credits, and what is wrong with the next one.
  struct Checked {
    uint32_t count = 0;
    uint32_t credits = 0;
    int error = 0;
  };
  Checked check(const struct zcnbrh_frame* frames, uint32_t count, struct CheckedFrame* out) const;
  uint32_t send_checked(const struct CheckedFrame* frames, Checked& checked);
  static bool stopped(const BurstDoor& door) { return door.is_shut(); }

  // Data path.
  QueuePair pair_;
  FrameBook* book_ = nullptr;  // in memory_
  bool timestamps_ = false;
  bool lost_ = false;  // its interface is gone
  Simd wide_ = widest_simd();
  pid_t pid_ = current_pid();
  // Control path.
  RxShared* rx_ = nullptr;  // in state_
  TxShared* tx_ = nullptr;
  uint32_t slot_ = 0;  // in the memory's ledger; 0: not joined
  std::string mode_;
  std::shared_ptr<FrameMemory> memory_;
  NumaMemory state_;
  std::optional<PacketHold> promiscuous_;
  std::unique_ptr<Port> port_;
};

}  // namespace zcnbrh::capi
