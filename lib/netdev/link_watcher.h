// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Hears of changes to interfaces (link, MTU, address, removal) from the kernel's rtnetlink notifications.
// Control path; one thread at a time. Poll fd() for POLLIN, then call next() until it has no more.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "lib/base/netlink.h"
#include "lib/netdev/netdev.h"

namespace zcnbrh {

struct LinkEvent {
  enum class Kind {
    kChanged,  // added or changed; `info` as far as a link message tells (no driver, NUMA, DMA, real queues)
    kRemoved,  // gone, or moved to another network namespace
    kLost,     // the kernel had more to say than we read in time: ask anew about everything
  };
  Kind kind = Kind::kChanged;
  NetdevInfo info;
};

class LinkWatcher {
 public:
  // Hears events from now on, in the thread's network namespace. The fd closes with the object.
  static Result<LinkWatcher> create();

  int fd() const { return netlink_.fd(); }

  // The next event, or nothing when none waits; never blocks. Errors: of recvmsg(2).
  Result<std::optional<LinkEvent>> next();

 private:
  explicit LinkWatcher(Netlink netlink) : netlink_(std::move(netlink)), buffer_(kNetlinkReplyBytes) {}
  void take(size_t length);

  Netlink netlink_;
  std::vector<char> buffer_;
  std::deque<LinkEvent> pending_;
};

}  // namespace zcnbrh
