// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/xdp_rules.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <vector>

#include "lib/base/unique_fd.h"

namespace zcnbrh {
namespace {

// A table of its own for each publication. Its shape must be that of the map in bpf/zcnbrh_rules.h.
Result<UniqueFd> make_table(const zcnbrh_rules& rules) {
  const uint32_t first = 0;
  UniqueFd table(bpf_map_create(BPF_MAP_TYPE_ARRAY, "zcnbrh_table", sizeof first, sizeof rules, 1, nullptr));
  if (!table) return Error{errno, "creation of a rule table", {}};
  if (bpf_map_update_elem(table.get(), &first, &rules, BPF_ANY) != 0)
    return Error{errno, "write of a rule table", {}};
  return table;
}

}  // namespace

Status XdpRules::publish(const zcnbrh_rules& rules) const {
  auto table = make_table(rules);
  if (!table) return table.error();
  const uint32_t first = 0;
  const int fd = table->get();
  if (bpf_map_update_elem(table_fd_, &first, &fd, BPF_ANY) == 0) return {};
  return Error{errno, "exchange of the rule table", {}};
}

Result<zcnbrh_rule_count> XdpRules::count(uint32_t counter) const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return Error{-cpus, "count of possible CPUs", {}};
  std::vector<zcnbrh_rule_count> records(static_cast<size_t>(cpus));
  if (bpf_map_lookup_elem(counts_fd_, &counter, records.data()) != 0)
    return Error{errno, "lookup of a rule's counter", {}};
  zcnbrh_rule_count sum = {};
  for (const zcnbrh_rule_count& record : records) {
    sum.packets += record.packets;
    sum.bytes += record.bytes;
  }
  return sum;
}

Status XdpRules::clear(uint32_t counter) const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return Error{-cpus, "count of possible CPUs", {}};
  const std::vector<zcnbrh_rule_count> zeros(static_cast<size_t>(cpus));
  if (bpf_map_update_elem(counts_fd_, &counter, zeros.data(), BPF_ANY) == 0) return {};
  return Error{errno, "reset of a rule's counter", {}};
}

}  // namespace zcnbrh
