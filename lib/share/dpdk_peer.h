// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A DPDK process under the shim (ZCNBRH_SHARE=1), as a native process meets it: its memory is mapped here at
// the same addresses, so that pointers mean the same, and its rings and pools can be worked on.
//
// Over the UNIX socket "@zcnbrh-share/PID", one request and its answers at a time (lib/share/fd_channel.h):
//   hello VERSION LAYOUT   hello VERSION LAYOUT, with the journal's descriptor
//   segments               segment ADDRESS BYTES OFFSET, each with a descriptor; end COUNT
//   ring ENTRY NAME        ring ADDRESS; this and the next may be answered by: no ERRNO WHY
//   pool ENTRY NAME        chunk ADDRESS BYTES, ...; pool ADDRESS RING MBUF_BYTES ROOM
//   detach ENTRY           ok
// Numbers are hexadecimal. The socket's end is the process's end.
//
// Attaching and detaching: under a lock, from any thread. may_cross() and is_alive() are called by the rings.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/base/mapping.h"
#include "lib/base/result.h"
#include "lib/share/dpdk_layout.h"
#include "lib/share/fd_channel.h"
#include "lib/share/ring_journal.h"
#include "lib/share/segment_map.h"
#include "lib/share/share_name.h"
#include "lib/share/shared_ring.h"

namespace zcnbrh {

struct SharedPool {
  void* address = nullptr;
  dpdk::Ring* ring = nullptr;
  uint32_t mbuf_bytes = 0;  // from an mbuf's start to its buffer
  uint32_t room = 0;        // bytes of the buffer
  struct Chunk {
    uintptr_t base, end;
  };
  std::vector<Chunk> chunks;

  // An mbuf of this pool begins here, with its buffer behind it.
  bool has(const void* object) const;
};

class DpdkPeer {
 public:
  // The one connection that this process has with that one, or a new one. Errors: ENOENT, ECONNREFUSED (no such
  // process, or it does not share), EPROTO (another version or DPDK ABI), EEXIST (an address is taken here),
  // EACCES.
  static Result<std::shared_ptr<DpdkPeer>> meet(pid_t pid);
  DpdkPeer(const DpdkPeer&) = delete;
  DpdkPeer& operator=(const DpdkPeer&) = delete;

  // Errors: ENOENT (no such ring or pool), ENOTSUP (its kind is not served), ENOSPC (all entries in use).
  Result<SharedRing> attach_ring(const std::string& name);
  Result<SharedRing> attach_pool(const std::string& name, SharedPool& pool);
  void detach(SharedRing& ring);

  bool is_alive() const;
  // A whole packet: each of its segments is of an attached pool, and they are as many as its first one says.
  bool may_cross(const void* object) const;

 private:
  using Pools = std::vector<SharedPool>;

  DpdkPeer(pid_t pid, FdChannel channel) : pid_(pid), channel_(std::move(channel)) {}
  Status greet();
  Status map_segments();
  Status map_segment(const FdChannel::Message& message);
  Result<size_t> free_entry() const;
  Result<std::string> ask(const std::string& request);
  Result<std::string> answer_text();
  Result<SharedRing> ring_at(uintptr_t address, size_t entry, SharedRing::Test may_cross);
  Status check_ring(uintptr_t address);
  Status check_memory(uintptr_t base, size_t bytes);
  Status check_pool(const SharedPool& pool);
  void release(size_t entry);
  bool is_buffer(const void* object) const;
  JournalEntry* entries() const { return reinterpret_cast<Journal*>(journal_.data())->entries; }
  Error fault(int code, const std::string& why) const;
  Error refusal(const std::string& answer) const;

  pid_t pid_;
  FdChannel channel_;
  std::mutex lock_;
  Mapping journal_;
  std::array<bool, kJournalEntries> used_{};
  SegmentMap segments_;
  std::vector<std::unique_ptr<const Pools>>
      pools_;  // the last one is in force; rings may still read an older one
  std::atomic<const Pools*> current_{nullptr};
};

}  // namespace zcnbrh
