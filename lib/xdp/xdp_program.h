// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The XDP program of a netdev: loaded, attached beside what is there already, shared by all ports of this
// process that use the netdev, detached with the last of them. Control path only, any thread.
//
// What is attached belongs to its owner: a program that is not ours is never replaced or detached. With
// bpf_link (attach=auto on a free netdev) the kernel detaches when the process ends, however it ends. Where
// only netlink or libxdp's dispatcher will do, a crash leaves a program that hands every packet to the
// kernel's stack (its XSKMAP is empty); the next attach() recognises and removes it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "bpf/zcnbrh_bpf.h"
#include "lib/base/result.h"
#include "lib/xdp/program_mode.h"
#include "lib/xdp/xdp_rules.h"
#include "lib/xdp/xsk_map.h"

namespace zcnbrh {

enum class AttachMode {
  kAuto,        // bpf_link on a free netdev, netlink before Linux 5.9; the dispatcher where there is one
  kLink,        // bpf_link or an error
  kDispatcher,  // libxdp's dispatcher or an error
  kNetlink,     // what kAuto does before Linux 5.9; outlives a crash
};
enum class GateMode { kOff, kDrop, kPass };  // on_empty=

struct XdpProgramOptions {
  int ifindex = 0;
  std::string ifname;  // for messages
  AttachMode attach = AttachMode::kAuto;
  ProgramMode mode = ProgramMode::kNative;
  GateMode on_empty = GateMode::kOff;  // taken as kOff in SKB mode, with a warning
  bool counters = false;
  bool frags = false;       // our own program takes packets of several buffers, where the driver lets it (5.18)
  std::string user_object;  // xdp_prog=: path of a compiled BPF object, empty for our own program
  uint32_t max_queues = 64;  // highest receive queue id to serve, plus one; at least 64 are made
};

// A share in a netdev's program. Move-only; the last one of a process detaches what attach() attached.
class XdpProgram {
 public:
  // Attaches, or joins the program that this process has on the netdev already.
  // Errors, each with cause and cure, and nothing changed: EOPNOTSUPP: the driver has no native mode, try
  // SKB mode; EBUSY: the netdev carries a program of somebody else, or ours with other options; EPERM:
  // capabilities; ENODEV: no such netdev; EINVAL, ENOENT: the user's object; others as the kernel's.
  // Linux 5.3, the gate 5.5. The calling thread must be in the netdev's network namespace.
  static Result<XdpProgram> attach(const XdpProgramOptions& options);

  XdpProgram(XdpProgram&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  XdpProgram& operator=(XdpProgram&& other) noexcept {
    if (this != &other) {
      reset();
      shared_ = std::exchange(other.shared_, nullptr);
    }
    return *this;
  }
  ~XdpProgram() { reset(); }

  int xsks_map_fd() const;  // lives as long as this object
  XskMap xsks_map() const;
  uint32_t queue_capacity() const;

  // The gate of a queue, shared with the program: `limit` may be written by the core that polls the queue,
  // `delivered` only read. Memory of this object. nullptr: the gate is off, or no such queue.
  zcnbrh_gate* gate(uint32_t queue) const;

  int gates_map_fd() const;  // the gates as a file; -1: the gate is off

  // Packets by verdict since attach(), over all CPUs. ENOTSUP: counting is off.
  Result<zcnbrh_counters> counters(uint32_t queue) const;

  // Sees to it that the program has a rule table: where it has none yet, one that has takes its place, with
  // the same sockets, gates and counters, and without a packet lost. The table is empty at first.
  // ENOTSUP: a user's program without one; others as of loading.
  Status use_rules() const;
  XdpRules rules() const;  // false before use_rules(); of all who share the program

  // Has the program write before each packet what the device knows of it: `wanted` of enum zcnbrh_meta_field,
  // and what other ports of the netdev want already. 0: no more. The program is exchanged as in use_rules().
  // ENOTSUP: a user's program, libxdp's dispatcher, SKB mode; others as of loading. Linux 6.3.
  Status use_metadata(uint32_t wanted);
  uint32_t metadata() const;  // what it writes now

  // Does with packets that the gate turns away what `on_empty` says, from now on; drop or pass, where it was
  // one of them. The program is exchanged as in use_rules(). ENOTSUP: a user's program, libxdp's dispatcher,
  // SKB mode, or no gate; EBUSY: other ports share the program; others as of loading.
  Status use_gate(GateMode on_empty);

  // Who took its place on the netdev: "nothing" (it was detached by force), or the program that is there now.
  // Empty: it is in force, or that cannot be told (on the NIC, among others of libxdp's dispatcher).
  std::string displaced_by() const;

  const char* attach_kind() const;  // "bpf_link", "netlink", "libxdp dispatcher"
  uint32_t program_id() const;
  bool frags() const;  // takes packets of several buffers
  ProgramMode mode() const;
  std::string describe() const;  // one line for a log

 private:
  struct Shared;
  friend struct ProgramRegistry;
  explicit XdpProgram(Shared* shared) : shared_(shared) {}
  void reset();

  Shared* shared_;
};

}  // namespace zcnbrh
