// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The NAPIs of a netdev, over the kernel's "netdev" generic netlink family: which there are, and whether one
// runs in a thread of its own, set and put back.
//
// Put back also after a kill: each NAPI that is changed has a record, a file that its process holds locked. A
// record that nobody holds is of a process that died, and the next one that comes by puts that NAPI back. No
// record, no change. NAPI ids are never used twice between two boots, and /run is empty after one.
//
// Control path, any thread, the calling thread's network namespace.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

inline constexpr const char* kNapiRecords = "/run/zcnbrh/napi";

struct NapiInfo {
  int ifindex = 0;
  bool threaded = false;
  pid_t thread = 0;  // 0: none, or the kernel does not tell
};
// ENOTSUP: a kernel that has no such setting (older than 6.17); ENOENT: no such NAPI in this namespace.
Result<NapiInfo> query_napi(uint32_t id);

// All that run now, of a netdev, in the order in which they were made; empty: the kernel does not tell (before
// 6.8), or none runs.
std::vector<uint32_t> napis_of(int ifindex);

// A NAPI that runs in a thread of its own since we asked for it. Gone: as before.
class ThreadedNapi {
 public:
  ThreadedNapi() = default;
  ThreadedNapi(ThreadedNapi&& other) noexcept { *this = std::move(other); }
  ThreadedNapi& operator=(ThreadedNapi&& other) noexcept;
  ThreadedNapi(const ThreadedNapi&) = delete;
  ThreadedNapi& operator=(const ThreadedNapi&) = delete;
  ~ThreadedNapi() { end(); }

  // The thread may run on `cpus` only, as far as we are allowed to say so. Errors: query_napi()'s; EALREADY:
  // it has one, not by us; EPERM: CAP_NET_ADMIN is missing; those of making the record.
  static Result<ThreadedNapi> start(uint32_t id, const cpu_set_t& cpus,
                                    const std::string& records = kNapiRecords);
  void end();

  uint32_t id() const { return id_; }
  explicit operator bool() const { return id_ != 0; }

 private:
  uint32_t id_ = 0;
  pid_t pid_ = 0;  // whose it is: a child of fork() leaves it alone
  std::string record_;
  UniqueFd lock_;
};

// Those of this network namespace whose process died; how many.
unsigned put_back_orphans(const std::string& records = kNapiRecords);

}  // namespace zcnbrh
