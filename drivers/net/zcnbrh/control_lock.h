// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// ethdev wants one control thread a port, but others look at ports from threads of their own: telemetry (ours
// and ethdev's xstats), EAL's interrupt thread (alarms, netlink events). Every call that makes, changes or
// removes a port, a queue or a socket holds this one lock, and so does every such look. Never on the data path.
//
// lock_ops.cc puts it around ethdev's operations.
//
// Callbacks on EAL's interrupt thread take it, too. So a control call that waits for such a callback to end
// (rte_eal_alarm_cancel(), rte_intr_callback_unregister()) does that before it takes the lock: dev_close.
// Events are raised with the lock not held.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace zcnbrh::pmd {

// First come, first served: a std::mutex goes to whoever asks when it is free, so an operator's program that
// makes one control call after the other would keep the interrupt thread, and with it every event, waiting
// without end on a busy machine. Recursive: an application's event callback may call back into ethdev.
class ControlMutex {
 public:
  void lock() {
    if (again()) return;
    std::unique_lock inside(mutex_);
    const uint64_t ticket = next_++;
    turn_.wait(inside, [&] { return serving_ == ticket; });
    take();
  }
  bool try_lock() {
    if (again()) return true;
    const std::lock_guard inside(mutex_);
    if (next_ != serving_) return false;
    ++next_;
    take();
    return true;
  }
  void unlock() {
    if (--depth_ != 0) return;
    {
      const std::lock_guard inside(mutex_);
      owner_.store({}, std::memory_order_relaxed);
      ++serving_;
    }
    turn_.notify_all();
  }

 private:
  // Nobody but this thread stores its own id, so no order is needed to know it.
  bool again() {
    if (owner_.load(std::memory_order_relaxed) != std::this_thread::get_id()) return false;
    ++depth_;
    return true;
  }
  void take() {
    owner_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    depth_ = 1;
  }

  std::mutex mutex_;  // of what follows, held for a few instructions
  std::condition_variable turn_;
  uint64_t next_ = 0, serving_ = 0;
  std::atomic<std::thread::id> owner_{};
  unsigned depth_ = 0;  // the owner's
};

inline ControlMutex& control_mutex() {
  static ControlMutex mutex;
  return mutex;
}

class ControlLock {
 public:
  ControlLock() : lock_(control_mutex()) {}

 private:
  std::lock_guard<ControlMutex> lock_;
};

class TryControlLock {
 public:
  TryControlLock() : lock_(control_mutex(), std::try_to_lock) {}
  explicit operator bool() const { return lock_.owns_lock(); }
  void unlock() { lock_.unlock(); }

 private:
  std::unique_lock<ControlMutex> lock_;
};

}  // namespace zcnbrh::pmd
