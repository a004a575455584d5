// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// ethdev wants one control thread a port, but others look at ports from threads of their own: telemetry (ours
// and ethdev's xstats), EAL's interrupt thread (alarms, netlink events). Every call that makes, changes or
// removes a port, a queue or a socket holds this one lock, and so does every such look. Never on the data path.
//
// A callback on EAL's interrupt thread takes it by TryControlLock alone and comes again later if it is taken:
// a control call may be waiting for that very callback to end (rte_eal_alarm_cancel(),
// rte_intr_callback_unregister_sync()) while it holds the lock. Events are raised with the lock not held.
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

// The same operation with the lock held: ops.dev_stop = locked<dev_stop>;
template <auto kOperation>
struct Locked;
template <typename R, typename... Args, R (*kOperation)(Args...) noexcept>
struct Locked<kOperation> {
  static R call(Args... args) noexcept {
    const ControlLock lock;
    return kOperation(args...);
  }
};
template <auto kOperation>
inline constexpr auto locked = Locked<kOperation>::call;

}  // namespace zcnbrh::pmd
