// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The DPDK program's side of lib/share/dpdk_peer.h: native processes of root or of the same user get EAL's
// memory mapped and attach rings and pools. EAL's interrupt thread serves. A peer is known to be gone, however
// it goes, by its end of the socket: then what it was inside of is repaired, and what it held is reported.
// rte_ring_free() and rte_mempool_free() first shut peers out of what is freed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zcnbrh::shim {

void open_share() noexcept;  // after rte_eal_init()

struct AttachedReport {
  std::string kind, name, repair;
  uint64_t taken = 0, given = 0, refused = 0;
};
struct PeerReport {
  pid_t pid = 0;
  bool gone = false;
  uint64_t held = 0;  // taken and not given back; lost if it is gone
  std::vector<AttachedReport> attached;
};
std::vector<PeerReport> peers_report();

}  // namespace zcnbrh::shim
