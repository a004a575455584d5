// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Taking a queue away from a thread that may be inside a burst: for queue stop, release at run time, removal
// of the netdev, hand-over. A burst enters through its queue's door and leaves through it; the control side
// shuts the door and waits until nobody is inside. Bursts that find it shut return 0.
//
// What it costs a burst: two plain stores. The order "I am inside" before "is the door open?" needs a full
// barrier on both sides; the burst's half is made by the control side with membarrier(2), which runs one on
// every CPU that runs a thread of ours (PRIVATE_EXPEDITED, Linux 4.14; where it is refused, by a pause that
// is far longer than any store buffer holds a store).
//
// The door is also shut for a child of fork(): rings and UMEM are not mapped in it (MADV_DONTFORK), so each
// burst compares two integers, see lib/base/process.h.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "lib/base/process.h"

namespace zcnbrh {

class BurstDoor {
 public:
  BurstDoor() = default;
  BurstDoor(const BurstDoor& other) : pid_(other.pid_) {}
  // Open or shut as the other one. Who is at this door stays there: a queue may be set up anew where a burst
  // has just been turned away.
  BurstDoor& operator=(const BurstDoor& other) {
    std::atomic_ref<pid_t>(pid_).store(other.pid_, std::memory_order_release);
    return *this;
  }

  // The thread that polls the queue. False: shut; do nothing and do not leave().
  bool enter() {
    std::atomic_ref<uint32_t>(busy_).store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);  // pairs with the membarrier() in shut_and_wait()
    // Acquire pairs with open(): what the control side changed while the door was shut is seen.
    if (std::atomic_ref<pid_t>(pid_).load(std::memory_order_acquire) == current_pid()) [[likely]]
      return true;
    leave();
    return false;
  }
  void leave() { std::atomic_ref<uint32_t>(busy_).store(0, std::memory_order_release); }

  // From inside a burst as well: the next one finds the door shut.
  void shut() { std::atomic_ref<pid_t>(pid_).store(kNobody, std::memory_order_relaxed); }
  // To the bursts of this process.
  void open() { std::atomic_ref<pid_t>(pid_).store(current_pid(), std::memory_order_release); }
  bool is_shut() const { return std::atomic_ref<pid_t>(pid_).load(std::memory_order_relaxed) == kNobody; }
  bool busy() const { return std::atomic_ref<uint32_t>(busy_).load(std::memory_order_acquire) != 0; }

 private:
  static constexpr pid_t kNobody = -1;
  mutable pid_t pid_ = kNobody;
  mutable uint32_t busy_ = 0;
};

// Keeps a burst's door from being forgotten at one of its returns.
class InsideBurst {
 public:
  explicit InsideBurst(BurstDoor& door) : door_(door), inside_(door.enter()) {}
  ~InsideBurst() {
    if (inside_) door_.leave();
  }
  InsideBurst(const InsideBurst&) = delete;
  InsideBurst& operator=(const InsideBurst&) = delete;
  explicit operator bool() const { return inside_; }

 private:
  BurstDoor& door_;
  const bool inside_;
};

// Shuts the doors and waits until no burst is inside any of them; all stay shut. False: a burst has not come
// out within `timeout_ms` (its thread is stopped, or starved); what it uses must not be touched then.
// Control path; never from inside a burst of one of these queues, and not from a signal handler.
bool shut_and_wait(std::span<BurstDoor* const> doors, uint32_t timeout_ms = 2000);
inline bool shut_and_wait(std::initializer_list<BurstDoor*> doors, uint32_t timeout_ms = 2000) {
  return shut_and_wait(std::span<BurstDoor* const>(doors.begin(), doors.size()), timeout_ms);
}

// Several processes that share queues. A full barrier on every CPU that runs a thread of a process that has
// joined (membarrier(2), GLOBAL_EXPEDITED, Linux 4.16): some microseconds, from any thread. False: refused, by
// a seccomp filter or a kernel without CONFIG_MEMBARRIER.
bool join_barriers();
bool barrier_in_every_process();

}  // namespace zcnbrh
