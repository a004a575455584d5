// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Threads that make the kernel send, for queues whose bursts do not (kick=thread), and for what a burst's own
// kicks left behind (the kernel answered EBUSY, and no burst comes any more). The kernel's part of sending in
// copy mode, which is nearly all of it, then runs on the thread's core.
//
// A thread spins for kKickSpinUs after the last packet, then sleeps until a burst rings. It never sleeps
// without a limit while a packet waits: where the kernel does not get on it tries again, with pauses up to a
// millisecond. It touches of a queue: the TX ring's consumer index, KickLine::wanted, the Wake function,
// KickCounters.
//
// One set of threads for the process: at most one for each CPU that may be used, each with an equal share of
// the queues. They start with the first queue and end with the last. Control path, any thread; in a child of
// fork() nothing runs, and nothing is waited for.
#pragma once

#include <sched.h>

#include <cstdint>
#include <memory>

#include "lib/base/result.h"
#include "lib/xsk/kick_line.h"
#include "lib/xsk/queue_state.h"

namespace zcnbrh {

inline constexpr uint32_t kKickSpinUs = 50;  // how long a thread looks on after its last packet

enum class KickDuty : uint8_t {
  kAll,         // every packet of the queue
  kLeftBehind,  // what is still in the ring a millisecond after the burst has asked
};

struct KickPlan {
  KickDuty duty = KickDuty::kAll;
  RingMap<struct xdp_desc> tx;
  Wake wake;
  bool zero_copy = false;         // one call that is taken will do
  KickCounters* count = nullptr;  // the thread is their only writer
  cpu_set_t cpus{};               // where the thread may run; empty: wherever the caller may
};

class KickThread;

// A queue's place with a thread. Gone: the thread has left the queue alone for good.
class KickService {
 public:
  KickService() = default;
  KickService(KickService&& other) noexcept { *this = std::move(other); }
  KickService& operator=(KickService&& other) noexcept;
  KickService(const KickService&) = delete;
  KickService& operator=(const KickService&) = delete;
  ~KickService() { end(); }

  // The queue's TX half is at rest. Errors: EAGAIN, EPERM, EINVAL of pthread_create().
  static Result<KickService> start(const KickPlan& plan);
  // False: the thread has not come out of a system call within seconds; what it uses must stay.
  bool end();

  KickLine* line() const { return line_; }
  explicit operator bool() const { return line_ != nullptr; }

 private:
  std::shared_ptr<KickThread> thread_;
  KickLine* line_ = nullptr;
};

}  // namespace zcnbrh
