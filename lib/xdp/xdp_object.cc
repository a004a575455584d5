// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Our own program (embedded through bpftool's skeleton) and a user's object are treated alike: maps and
// configuration are found by the names in bpf/zcnbrh_bpf.h.
#include "lib/xdp/xdp_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "bpf/zcnbrh_meta.h"
#include "bpf/zcnbrh_meta.skel.h"
#include "bpf/zcnbrh_xdp.skel.h"
#include "lib/base/log.h"
#include "lib/base/privilege.h"
#include "lib/xdp/libbpf_log.h"
#include "lib/xdp/xdp_owner.h"

namespace zcnbrh {
namespace {

constexpr const char* kOwnObjectName = "zcnbrh_xdp";
const char* own_program(const XdpObjectOptions& options) {
  if (options.config.rules == 0) return "zcnbrh_redirect";
  if (options.joins) return options.frags ? "zcnbrh_joined_frags" : "zcnbrh_joined";
  return options.frags ? "zcnbrh_filter_frags" : "zcnbrh_filter";
}
constexpr uint32_t kXdpHasFrags = 1U << 5;                        // BPF_F_XDP_HAS_FRAGS, 5.18
constexpr const char* kMetadataProgram = "zcnbrh_meta_redirect";  // with and without rules
constexpr uint32_t kDeviceBoundOnly = 1U << 6;                    // BPF_F_XDP_DEV_BOUND_ONLY, 6.3

bpf_object* open_object(const XdpObjectOptions& wanted) {
  if (!wanted.user_object.empty()) return bpf_object__open_file(wanted.user_object.c_str(), nullptr);
  size_t size = 0;
  const void* bytes =
      wanted.metadata != 0 ? zcnbrh_meta_bpf__elf_bytes(&size) : zcnbrh_xdp_bpf__elf_bytes(&size);
  LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = kOwnObjectName);
  return bpf_object__open_mem(bytes, size, &options);
}

bpf_map* map_of_type(bpf_object* object, const char* name, bpf_map_type type, uint32_t value_size) {
  bpf_map* map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr || bpf_map__type(map) != type || bpf_map__value_size(map) != value_size) return nullptr;
  return map;
}

Error no_xdp_object(int code, const std::string& why) { return Error{code, "xdp_prog", why}; }

}  // namespace

XdpObject::~XdpObject() {
  if (object_ != nullptr) bpf_object__close(object_);
}

Result<XdpObject> XdpObject::open(const XdpObjectOptions& options) {
  LibbpfLog log;
  bpf_object* opened = open_object(options);
  if (opened == nullptr) {
    const char* name = options.user_object.empty() ? kOwnObjectName : options.user_object.c_str();
    return Error{errno, "open of the XDP object", std::string(name) + ": " + log.reason()};
  }
  XdpObject out(opened);
  if (Status status = out.find_program(options); !status) return status.error();
  if (options.frags && options.user_object.empty())
    bpf_program__set_flags(out.program_, bpf_program__flags(out.program_) | kXdpHasFrags);
  if (Status status = out.find_xsks_map(); !status) return status.error();
  out.find_rules(options);
  if (Status status = out.configure(options); !status) return status.error();
  if (Status status = out.size_maps(options); !status) return status.error();
  if (Status status = out.want_metadata(options); !status) return status.error();
  return out;
}

// The first XDP program; else the first in a section whose name begins with "xdp", as programs older than
// libbpf 1.0 have it ("xdp_sock"), which libbpf itself no longer recognises.
Status XdpObject::find_program(const XdpObjectOptions& options) {
  bpf_program* candidate = nullptr;
  if (options.user_object.empty()) {
    const char* wanted = options.metadata != 0 ? kMetadataProgram : own_program(options);
    bpf_object__for_each_program(candidate, object_) {
      const bool chosen = std::string_view(bpf_program__name(candidate)) == wanted;
      bpf_program__set_autoload(candidate, chosen);
      if (chosen) program_ = candidate;
    }
    return {};
  }
  bpf_object__for_each_program(candidate, object_) {
    if (bpf_program__type(candidate) != BPF_PROG_TYPE_XDP) continue;
    program_ = candidate;
    return {};
  }
  bpf_object__for_each_program(candidate, object_) {
    if (std::string(bpf_program__section_name(candidate)).rfind("xdp", 0) != 0) continue;
    bpf_program__set_type(candidate, BPF_PROG_TYPE_XDP);
    program_ = candidate;
    return {};
  }
  return no_xdp_object(EINVAL, std::string(bpf_object__name(object_)) +
                                   " has no XDP program; put it in a section named \"xdp\"");
}

Status XdpObject::find_xsks_map() {
  int found = 0;
  bpf_map* only = nullptr;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_) {
    if (bpf_map__type(map) != BPF_MAP_TYPE_XSKMAP) continue;
    found++;
    only = map;
    if (std::string(bpf_map__name(map)) == ZCNBRH_XSKS_MAP) {
      xsks_ = map;
      return {};
    }
  }
  xsks_ = found == 1 ? only : nullptr;
  if (xsks_ != nullptr) return {};
  std::string name = bpf_object__name(object_);
  if (found == 0) return no_xdp_object(EINVAL, name + " has no XSKMAP; include zcnbrh_user.h in it");
  return no_xdp_object(EINVAL, name + " has " + std::to_string(found) + " XSKMAPs, none named " +
                                   ZCNBRH_XSKS_MAP + "; rename the one that is meant");
}

// Our own object has the maps also where its program without rules is chosen.
void XdpObject::find_rules(const XdpObjectOptions& options) {
  if (options.user_object.empty() && options.config.rules == 0) return;
  rules_ = map_of_type(object_, ZCNBRH_RULES_MAP, BPF_MAP_TYPE_ARRAY_OF_MAPS, sizeof(uint32_t));
  rule_counts_ =
      map_of_type(object_, ZCNBRH_RULE_COUNTS_MAP, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(zcnbrh_rule_count));
  if (rule_counts_ == nullptr) rules_ = nullptr;
}

Status XdpObject::configure(const XdpObjectOptions& options) {
  zcnbrh_config config = options.config;
  config.rules = rules_ != nullptr;
  stamp_owner(config);
  per_cpu_ = config.per_cpu != 0;
  bpf_map* map = bpf_object__find_map_by_name(object_, ZCNBRH_CONFIG_MAP);
  bool takes_config = map != nullptr && bpf_map__set_initial_value(map, &config, sizeof config) == 0;
  if (!takes_config) rules_ = nullptr;
  if (takes_config && config.on_empty != ZCNBRH_ON_EMPTY_OFF) {
    gates_ = map_of_type(object_, ZCNBRH_GATES_MAP, BPF_MAP_TYPE_ARRAY, sizeof(zcnbrh_gate));
  }
  if (takes_config && config.counters != 0) {
    counts_ = per_cpu_ ? map_of_type(object_, ZCNBRH_CPU_COUNTS_MAP, BPF_MAP_TYPE_PERCPU_ARRAY,
                                     sizeof(zcnbrh_counters))
                       : map_of_type(object_, ZCNBRH_COUNTS_MAP, BPF_MAP_TYPE_ARRAY, sizeof(zcnbrh_counters));
  }
  std::string name = bpf_object__name(object_);
  if (config.on_empty != ZCNBRH_ON_EMPTY_OFF && gates_ == nullptr) {
    return no_xdp_object(EINVAL, name + " has no gate, which on_empty=drop and on_empty=pass need; include " +
                                     "zcnbrh_user.h in it, or give on_empty=off");
  }
  if (config.counters != 0 && counts_ == nullptr) {
    log_line(LogLevel::kWarning, "xdp_prog: %s does not count (no zcnbrh_user.h in it)", name.c_str());
  }
  return {};
}

Status XdpObject::want_metadata(const XdpObjectOptions& options) {
  if (options.metadata == 0) return {};
  const zcnbrh_meta_config config{options.metadata, 0};
  bpf_map* map = bpf_object__find_map_by_name(object_, ZCNBRH_META_MAP);
  if (map == nullptr || bpf_map__set_initial_value(map, &config, sizeof config) != 0)
    return no_xdp_object(EINVAL, std::string(bpf_object__name(object_)) + " writes no metadata");
  bpf_program__set_ifindex(program_, static_cast<uint32_t>(options.bound_to));
  bpf_program__set_flags(program_, bpf_program__flags(program_) | kDeviceBoundOnly);
  return {};
}

// The maps of what is switched off are still referred to by the program, so they cannot be left out on
// kernels whose verifier keeps dead branches (before 5.5): they shrink to one entry, and the gate's lose the
// flag that came with 5.5.
Status XdpObject::size_maps(const XdpObjectOptions& options) {
  uint32_t capacity = std::max(bpf_map__max_entries(xsks_), options.max_queues);
  int error = -bpf_map__set_max_entries(xsks_, capacity);
  bpf_map* gates = map_of_type(object_, ZCNBRH_GATES_MAP, BPF_MAP_TYPE_ARRAY, sizeof(zcnbrh_gate));
  bpf_map* counts[] = {
      map_of_type(object_, ZCNBRH_COUNTS_MAP, BPF_MAP_TYPE_ARRAY, sizeof(zcnbrh_counters)),
      map_of_type(object_, ZCNBRH_CPU_COUNTS_MAP, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(zcnbrh_counters)),
  };
  for (bpf_map* map : counts) {
    if (error == 0 && map != nullptr) error = -bpf_map__set_max_entries(map, map == counts_ ? capacity : 1);
  }
  bpf_map* rule_counts = bpf_object__find_map_by_name(object_, ZCNBRH_RULE_COUNTS_MAP);
  if (error == 0 && rule_counts != nullptr && rules_ == nullptr)
    error = -bpf_map__set_max_entries(rule_counts, 1);
  if (error == 0 && gates != nullptr) {
    error = -bpf_map__set_max_entries(gates, gates_ != nullptr ? capacity : 1);
    if (error == 0 && gates_ == nullptr) error = -bpf_map__set_map_flags(gates, 0);
  }
  if (error == 0) return {};
  return no_xdp_object(error, "cannot give the maps " + std::to_string(capacity) + " entries");
}

Status XdpObject::share_maps(const XdpObject& other) {
  std::vector<const char*> names = {ZCNBRH_XSKS_MAP, ZCNBRH_GATES_MAP, ZCNBRH_COUNTS_MAP,
                                    ZCNBRH_CPU_COUNTS_MAP};
  if (rules_ != nullptr && other.rules_ != nullptr)
    names.insert(names.end(), {ZCNBRH_RULES_MAP, ZCNBRH_RULE_COUNTS_MAP});
  for (const char* name : names) {
    bpf_map* mine = bpf_object__find_map_by_name(object_, name);
    const bpf_map* theirs = bpf_object__find_map_by_name(other.object_, name);
    if (mine == nullptr || theirs == nullptr) return Error{EINVAL, "sharing of XDP maps", name};
    if (int error = -bpf_map__reuse_fd(mine, bpf_map__fd(theirs)); error != 0)
      return Error{error, "sharing of XDP maps", name};
  }
  return {};
}

Status XdpObject::load(int offload_to) {
  LibbpfLog log;
  if (offload_to != 0) {
    bpf_program__set_ifindex(program_, static_cast<uint32_t>(offload_to));
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_) bpf_map__set_ifindex(map, static_cast<uint32_t>(offload_to));
  }
  int error = -bpf_object__load(object_);
  if (error == 0) return {};
  std::string why = bpf_object__name(object_);
  // EACCES and EINVAL are the verifier's, whose last words say what it dislikes; EPERM is about us.
  why += error == EPERM ? ": " + lacking_for_xdp() : ": the kernel refuses the program";
  if (const std::string& words = log.reason(); !words.empty()) why += ": " + words;
  return Error{error, "load of the XDP program", why};
}

const char* XdpObject::program_name() const { return bpf_program__name(program_); }
bool XdpObject::frags() const { return (bpf_program__flags(program_) & kXdpHasFrags) != 0; }
int XdpObject::program_fd() const { return std::max(bpf_program__fd(program_), -1); }
int XdpObject::xsks_fd() const { return std::max(bpf_map__fd(xsks_), -1); }
uint32_t XdpObject::capacity() const { return bpf_map__max_entries(xsks_); }
XdpRules XdpObject::rules() const {
  if (rules_ == nullptr) return {};
  return {std::max(bpf_map__fd(rules_), -1), bpf_map__fd(rule_counts_)};
}
int XdpObject::gates_fd() const { return gates_ != nullptr ? std::max(bpf_map__fd(gates_), -1) : -1; }

Result<zcnbrh_counters> XdpObject::counters(uint32_t queue) const {
  if (counts_ == nullptr) return Error{ENOTSUP, "XDP counters", "counting is off; give xdp_counters=1"};
  int cpus = per_cpu_ ? libbpf_num_possible_cpus() : 1;
  if (cpus < 0) return Error{-cpus, "count of possible CPUs", {}};
  std::vector<zcnbrh_counters> records(static_cast<size_t>(cpus));
  if (bpf_map_lookup_elem(bpf_map__fd(counts_), &queue, records.data()) < 0) {
    return Error{errno, "lookup of XDP counters", "queue " + std::to_string(queue)};
  }
  zcnbrh_counters sum = {};
  for (const zcnbrh_counters& record : records) {
    sum.redirected += record.redirected;
    sum.passed += record.passed;
    sum.dropped_no_credit += record.dropped_no_credit;
    sum.passed_no_credit += record.passed_no_credit;
  }
  return sum;
}

}  // namespace zcnbrh
