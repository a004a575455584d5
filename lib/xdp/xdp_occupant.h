// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <string>

#include "bpf/zcnbrh_bpf.h"
#include "lib/base/result.h"

namespace zcnbrh {

// The XDP program that a netdev carries in native or SKB mode; one run by the NIC itself does not count.
struct XdpOccupant {
  enum class Kind {
    kNone,
    kOurs,        // of this or another process, living or dead
    kDispatcher,  // libxdp's
    kAlien,       // anything else, and what we may not look at
  };
  Kind kind = Kind::kNone;
  uint32_t program_id = 0;
  bool native = true;         // else SKB mode
  std::string name;           // as the kernel keeps it, at most 15 characters; may be empty
  bool by_link = false;       // held by a bpf_link (kOurs only): somebody alive has its fd
  zcnbrh_config config = {};  // kOurs only: whose it is

  std::string text() const { return "XDP program " + std::to_string(program_id) + " '" + name + "'"; }
};

// ENODEV: no such netdev in this thread's network namespace. Telling our own programs from others needs
// CAP_SYS_ADMIN; without it they are kAlien.
Result<XdpOccupant> query_xdp_occupant(int ifindex, const std::string& ifname);

// Removes what a dead process of ours left on the netdev: its own program, or its entry in libxdp's
// dispatcher. Never touches a program whose owner lives or cannot be known. True: something was removed,
// so query again.
Result<bool> remove_xdp_orphan(int ifindex, const std::string& ifname, const XdpOccupant& occupant);

// Puts a program on a netdev that has none, by netlink: it stays when this process ends. ENOENT: no program of
// that number is loaded any more. EBUSY: the netdev has one. Needs CAP_SYS_ADMIN. Linux 5.6.
Status attach_xdp_again(int ifindex, const std::string& ifname, uint32_t program_id, bool native);

}  // namespace zcnbrh
