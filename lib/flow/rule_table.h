// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The flow rules of one netdev: of all ports of this process that use it, each rule for its port's queues. The
// table outlives the XDP program: rules may be made before the program is attached, and stay when it goes.
//
// A change is put together aside and published in one step; when that fails the table is as it was. Control
// path only, from any thread: one mutex a table.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lib/base/result.h"
#include "lib/flow/pattern.h"
#include "lib/xdp/xdp_rules.h"

namespace zcnbrh {

struct QueueRange {  // of the netdev's receive queues
  uint32_t first = 0;
  uint32_t count = 0;
};

struct FlowRule {
  FlowMatch match{};
  QueueRange queues;
  uint32_t priority = 0;  // 0 goes first; among equals the older rule
  zcnbrh_rule_verdict verdict = ZCNBRH_RULE_TO_PORT;
  bool counts = false;
  std::optional<uint32_t> mark;
  bool flag = false;  // a mark without a number; nothing more where there is one

  bool marks() const { return flag || mark.has_value(); }
};

class RuleTable {
 public:
  using Owner = uint32_t;   // a port's number
  using RuleId = uint64_t;  // never used twice

  // The table of the netdev with this number in the calling thread's network namespace. It lives as long as
  // somebody holds it.
  static std::shared_ptr<RuleTable> of(int ifindex);
  // The netdev of this table has come back with another number. A port that comes by later finds it there.
  static void moved_to(const std::shared_ptr<RuleTable>& table, int ifindex);

  // `program` is empty, here and below, while the owner's XDP program is not attached: the change then waits
  // for publish(). Errors: ENOSPC: the table is full; those of XdpRules::publish().
  Result<RuleId> add(Owner owner, const FlowRule& rule, const XdpRules& program);
  Status check_room() const;
  Status remove(RuleId id, const XdpRules& program);
  Status remove_all(Owner owner, const XdpRules& program);  // the rules; isolation stays

  // Packets of these queues that no rule takes go to the kernel's stack (on), or to the port.
  Status isolate(Owner owner, QueueRange queues, bool on, const XdpRules& program);
  bool isolated(Owner owner) const;
  bool needs_program(Owner owner) const;  // it has rules, or is isolated

  // The port is gone: nothing of it stays. Errors are the next change's to make good.
  void leave(Owner owner, const XdpRules& program);

  // Puts the table as it is into a program that has just been attached.
  Status publish(const XdpRules& program) const;

  // Since the rule was made or last reset. ENOTSUP: it does not count.
  Result<zcnbrh_rule_count> count(RuleId id, bool reset, const XdpRules& program);

  // A line for a person a rule: one rule, or with 0 all of the owner, in the order in which they are asked.
  std::vector<std::string> describe(Owner owner, RuleId id, const XdpRules& program) const;

  // What the XDP program gets.
  std::unique_ptr<zcnbrh_rules> compile() const;

 private:
  struct Entry {
    RuleId id = 0;
    Owner owner = 0;
    FlowRule rule;
    uint32_t counter = 0;  // 0: none
    bool is_isolation = false;
    zcnbrh_rule_count forgotten{};  // at the last reset
  };
  using Entries = std::vector<Entry>;  // in the order in which the program asks them

  std::unique_ptr<zcnbrh_rules> compiled(const Entries& entries) const;
  Status exchange(Entries entries, const XdpRules& program);
  uint32_t free_counter() const;
  Result<RuleId> insert(Entry entry, const XdpRules& program);

  mutable std::mutex mutex_;
  Entries entries_;
  std::set<Owner> markers_;  // have had a rule with a mark
  RuleId next_id_ = 1;
};

}  // namespace zcnbrh
