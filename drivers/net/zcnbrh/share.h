// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Queues that several processes have mapped. The primary process makes, changes and closes them; a secondary
// has each of them mapped as well and polls those it likes, as DPDK's rule has it: one lcore a queue, whichever
// process it is of. A queue's state is in EAL memory (the cursors with their cached far indices, too), so it
// goes over from one process to the other between two bursts, without a call.
//
//   primary                                    secondary
//   SharedQueue: what a local half is made of  copies it and puts in what is its own: rings and frames of ours
//   (EAL memory)                               mapped through descriptors, wake-ups, doors
//   control call                               reader thread
//     take  port, queue + 3 descriptors  ->      maps or refreshes, opens the doors that are open there
//     shut  port, queue                  ->      shuts its doors, waits until no burst is inside
//     drop  port, queue                  ->      the same, and gives mapping and descriptors up
//                                        <-    done
//     (intr thread) everything that is open <- want  port: at its probe
//
// The two are joined by a socket pair (lib/share/fd_channel.h); EAL's own messages (rte_mp) only hand its end
// over, since they go to all processes at once, also to those that do not know the driver, and tell nobody of
// a death. When a process dies the other one's end says so at once, however it died and in whatever pid
// namespace. The primary then repairs the queues it was inside of (lib/xsk/repair.h) and polls them as before;
// a secondary whose primary died gives everything up.
#pragma once

#include <cstdint>
#include <string>

#include "drivers/net/zcnbrh/pmd.h"
#include "lib/share/fd_channel.h"

namespace zcnbrh::pmd {

inline constexpr const char* kShareAction = "zcnbrh_share";  // of rte_mp
inline constexpr uint32_t kShareTimeoutMs = 3000;            // shut_and_wait() of the other side is within it
inline constexpr uint16_t kEveryQueue = UINT16_MAX;

struct ShareMessage {
  enum Kind : uint32_t { kWant, kTake, kAllTaken, kShut, kDrop, kDone, kGoodbye };
  Kind kind = kWant;
  uint32_t number = 0;  // of a request, for its kDone
  uint16_t port = 0;
  uint16_t queue = 0;
  uint8_t rx = 0;  // the sides that are meant
  uint8_t tx = 0;
};
Status send_share(const FdChannel& channel, const ShareMessage& message, std::span<const int> fds = {});
Result<ShareMessage> read_share(const FdChannel::Message& message);
// The descriptors of kTake, in this order; the last one only with a gate.
enum ShareFd : size_t { kShareSocket, kShareTail, kShareGates };

// What the first message, by rte_mp, is answered with, beside the descriptor of the channel's end.
struct ShareWelcome {
  uint32_t process_number = 0;
};

// --- Primary ---
// At probe: memory for what is shared, and an ear for processes that come.
Status share_port(struct rte_eth_dev* dev);
void unshare_port(PmdPort& port);  // after its queues are closed
// An open queue's local half has been made or changed, and its doors are as they shall be: so they become in
// every process.
void share_queue(PmdPort& port, uint16_t queue);
// Nobody is inside the queue's bursts in any process when it returns true, and the doors are shut. kEveryQueue
// for all of a port.
bool shut_everywhere(PmdPort& port, uint16_t queue, bool rx, bool tx);
// Nobody but us has the queue any more. Before its socket is closed. False: a process has not answered.
bool unshare_queue(PmdPort& port, uint16_t queue);

// --- Secondary ---
int join_primary(struct rte_eth_dev* dev, const char* name);
const struct eth_dev_ops* secondary_ops();

}  // namespace zcnbrh::pmd
