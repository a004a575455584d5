// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "bpf/zcnbrh_bpf.h"
#include "lib/base/result.h"
#include "lib/xdp/xdp_rules.h"

struct bpf_object;
struct bpf_program;
struct bpf_map;

namespace zcnbrh {

struct XdpObjectOptions {
  std::string user_object;   // path of a compiled BPF object, empty for our own program
  uint32_t max_queues = 64;  // receive queues to serve; the maps get as many entries
  bool joins = false;        // our own program is for libxdp's dispatcher: it marks no packets
  bool frags = false;        // our own program takes packets of several buffers (Linux 5.18)
  // on_empty, counters, per_cpu, rules; the owner is added here. A user's program that has a rule table gets
  // it whatever `rules` says.
  zcnbrh_config config = {};
  // What the program writes before a packet, of enum zcnbrh_meta_field, asked of the device `bound_to`, for
  // which it is loaded and which alone it can be attached to. Our own program only. Linux 6.3.
  uint32_t metadata = 0;
  int bound_to = 0;
};

// One XDP program and its maps: opened and configured (no kernel object yet), then loaded, by load() or by
// libxdp. Sole owner; closes everything when destroyed. Move-only. Control path, one thread at a time.
class XdpObject {
 public:
  // ENOENT, EINVAL: no such file, not a BPF object, no XDP program or no XSKMAP in it, or the gate or the
  // map size asked for is not to be had with the user's program.
  static Result<XdpObject> open(const XdpObjectOptions& options);

  XdpObject(XdpObject&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)),
        program_(other.program_),
        xsks_(other.xsks_),
        gates_(other.gates_),
        counts_(other.counts_),
        rules_(other.rules_),
        rule_counts_(other.rule_counts_),
        per_cpu_(other.per_cpu_) {}
  XdpObject& operator=(XdpObject&& other) = delete;
  ~XdpObject();

  // Takes the sockets, gates and counters of an object that is loaded, instead of making its own. Before
  // load(); both of our own program, opened with the same options but for `rules`.
  Status share_maps(const XdpObject& other);

  // EPERM without CAP_BPF and CAP_NET_ADMIN; EINVAL, EACCES with the verifier's last words.
  // `offload_to`: the ifindex of a NIC that is to run the program itself, with its maps on it; 0: none.
  Status load(int offload_to = 0);

  bpf_object* object() const { return object_; }
  const char* program_name() const;
  bool frags() const;  // takes packets of several buffers: as asked for, or the user's section is "xdp.frags"
  int program_fd() const;  // -1 before loading, as the fds below
  int xsks_fd() const;
  uint32_t capacity() const;  // queues
  int gates_fd() const;       // -1: no gate
  XdpRules rules() const;     // false: no rule table
  // Sums over the CPUs. ENOTSUP: counting is off, or the user's program does not count.
  Result<zcnbrh_counters> counters(uint32_t queue) const;

 private:
  explicit XdpObject(bpf_object* object) : object_(object) {}
  Status find_program(const XdpObjectOptions& options);
  Status find_xsks_map();
  void find_rules(const XdpObjectOptions& options);
  Status configure(const XdpObjectOptions& options);
  Status size_maps(const XdpObjectOptions& options);
  Status want_metadata(const XdpObjectOptions& options);

  bpf_object* object_;
  bpf_program* program_ = nullptr;
  bpf_map* xsks_ = nullptr;
  bpf_map* gates_ = nullptr;   // nullptr: the gate is off
  bpf_map* counts_ = nullptr;  // nullptr: counting is off
  bpf_map* rules_ = nullptr;   // nullptr: no rule table
  bpf_map* rule_counts_ = nullptr;
  bool per_cpu_ = false;
};

}  // namespace zcnbrh
