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

#include <mutex>

namespace zcnbrh::pmd {

// Recursive: an application's event callback may call back into ethdev.
inline std::recursive_mutex& control_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

class ControlLock {
 public:
  ControlLock() : lock_(control_mutex()) {}

 private:
  std::lock_guard<std::recursive_mutex> lock_;
};

class TryControlLock {
 public:
  TryControlLock() : lock_(control_mutex(), std::try_to_lock) {}
  explicit operator bool() const { return lock_.owns_lock(); }
  void unlock() { lock_.unlock(); }

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

}  // namespace zcnbrh::pmd
