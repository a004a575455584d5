// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/flow/rule_table.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>

#include "bpf/zcnbrh_meta.h"
#include "lib/base/process.h"

namespace zcnbrh {
namespace {

constexpr const char* kCall = "flow rule";

// Isolation is what a port falls back on: behind every rule.
bool goes_before(bool isolation, uint32_t priority, bool other_isolation, uint32_t other_priority) {
  return std::pair(isolation, priority) < std::pair(other_isolation, other_priority);
}

Error table_full() {
  return Error{ENOSPC, kCall,
               "the XDP program's table holds " + std::to_string(ZCNBRH_MAX_RULES) +
                   " rules a netdev, and each isolated port takes one; destroy some"};
}

Error no_such_rule() { return Error{ENOENT, kCall, "no such rule; it was destroyed already"}; }

zcnbrh_rule to_program(const FlowRule& rule, uint32_t counter) {
  zcnbrh_rule out = {};
  out.value = rule.match.value;
  out.mask = rule.match.mask;
  out.first_queue = rule.queues.first;
  out.queue_count = rule.queues.count;
  out.verdict = rule.verdict;
  out.counter = counter;
  if (rule.marks()) out.marking = rule.mark.has_value() ? ZCNBRH_META_MARK : ZCNBRH_META_FLAG;
  out.mark = rule.mark.value_or(0);
  return out;
}

const char* text_of(zcnbrh_rule_verdict verdict) {
  if (verdict == ZCNBRH_RULE_DROP) return "drop";
  return verdict == ZCNBRH_RULE_TO_KERNEL ? "to the kernel's stack" : "to the port";
}

std::string text_of_layers(const zcnbrh_flow_key& value) {
  constexpr std::pair<uint32_t, const char*> kNames[] = {
      {ZCNBRH_LAYER_VLAN, " vlan"}, {ZCNBRH_LAYER_VLAN2, " vlan"}, {ZCNBRH_LAYER_IPV4, " ipv4"},
      {ZCNBRH_LAYER_IPV6, " ipv6"}, {ZCNBRH_LAYER_TCP, " tcp"},    {ZCNBRH_LAYER_UDP, " udp"}};
  std::string out;
  for (const auto& [layer, name] : kNames)
    if ((value.layers & layer) != 0) out += name;
  return out.empty() ? " any" : out;
}

// The tables there are, by network namespace and netdev.
struct Tables {
  std::mutex mutex;
  std::map<std::pair<uint64_t, int>, std::weak_ptr<RuleTable>> by_netdev;

  std::weak_ptr<RuleTable>& find(int ifindex) {  // with the mutex held
    std::erase_if(by_netdev, [](const auto& known) { return known.second.expired(); });
    return by_netdev[{network_namespace(), ifindex}];
  }
};

Tables& tables() {
  static Tables all;
  return all;
}

}  // namespace

std::shared_ptr<RuleTable> RuleTable::of(int ifindex) {
  const std::lock_guard lock(tables().mutex);
  std::weak_ptr<RuleTable>& known = tables().find(ifindex);
  auto table = known.lock();
  if (table == nullptr) known = table = std::make_shared<RuleTable>();
  return table;
}

void RuleTable::moved_to(const std::shared_ptr<RuleTable>& table, int ifindex) {
  const std::lock_guard lock(tables().mutex);
  std::weak_ptr<RuleTable>& known = tables().find(ifindex);
  if (known.expired()) known = table;
}

std::unique_ptr<zcnbrh_rules> RuleTable::compiled(const Entries& entries) const {
  auto out = std::make_unique<zcnbrh_rules>();
  out->marks = !markers_.empty();
  for (const Entry& entry : entries) out->rule[out->count++] = to_program(entry.rule, entry.counter);
  return out;
}

std::unique_ptr<zcnbrh_rules> RuleTable::compile() const {
  const std::lock_guard lock(mutex_);
  return compiled(entries_);
}

// The program first: what it refuses does not happen here either.
Status RuleTable::exchange(Entries entries, const XdpRules& program) {
  if (program) {
    if (Status s = program.publish(*compiled(entries)); !s) return s;
  }
  entries_ = std::move(entries);
  return {};
}

uint32_t RuleTable::free_counter() const {
  uint32_t counter = 1;
  while (std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.counter == counter; })) ++counter;
  return counter;
}

Status RuleTable::check_room() const {
  const std::lock_guard lock(mutex_);
  if (entries_.size() < ZCNBRH_MAX_RULES) return {};
  return table_full();
}

Result<RuleTable::RuleId> RuleTable::insert(Entry entry, const XdpRules& program) {
  if (entries_.size() >= ZCNBRH_MAX_RULES) return table_full();
  if (entry.rule.counts) {
    // Nobody writes to it: the publication that took its last rule out has waited for that.
    entry.counter = free_counter();
    if (program) {
      if (Status s = program.clear(entry.counter); !s) return s.error();
    }
  }
  entry.id = next_id_++;
  Entries entries = entries_;
  const auto at = std::ranges::find_if(entries, [&](const Entry& other) {
    return goes_before(entry.is_isolation, entry.rule.priority, other.is_isolation, other.rule.priority);
  });
  entries.insert(at, entry);
  if (Status s = exchange(std::move(entries), program); !s) return s.error();
  return entry.id;
}

Result<RuleTable::RuleId> RuleTable::add(Owner owner, const FlowRule& rule, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  Entry entry;
  entry.owner = owner;
  entry.rule = rule;
  // For as long as the port lives: it goes on to look for marks, so each of its packets must have a word on
  // them.
  const bool first_mark = rule.marks() && markers_.insert(owner).second;
  auto id = insert(entry, program);
  if (!id && first_mark) markers_.erase(owner);
  return id;
}

Status RuleTable::remove(RuleId id, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  Entries entries = entries_;
  if (std::erase_if(entries, [&](const Entry& entry) { return entry.id == id; }) == 0) return no_such_rule();
  return exchange(std::move(entries), program);
}

Status RuleTable::remove_all(Owner owner, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  Entries entries = entries_;
  const auto gone = [&](const Entry& entry) { return entry.owner == owner && !entry.is_isolation; };
  if (std::erase_if(entries, gone) == 0) return {};
  return exchange(std::move(entries), program);
}

Status RuleTable::isolate(Owner owner, QueueRange queues, bool on, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const Entry& entry) { return entry.owner == owner && entry.is_isolation; };
  if (on == std::ranges::any_of(entries_, is_it)) return {};
  if (!on) {
    Entries entries = entries_;
    std::erase_if(entries, is_it);
    return exchange(std::move(entries), program);
  }
  Entry entry;
  entry.owner = owner;
  entry.is_isolation = true;
  entry.rule.queues = queues;
  entry.rule.verdict = ZCNBRH_RULE_TO_KERNEL;
  auto added = insert(entry, program);
  return added ? Status() : Status(added.error());
}

bool RuleTable::isolated(Owner owner) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(entries_,
                             [&](const Entry& entry) { return entry.owner == owner && entry.is_isolation; });
}

bool RuleTable::needs_program(Owner owner) const {
  const std::lock_guard lock(mutex_);
  return markers_.contains(owner) ||
         std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.owner == owner; });
}

void RuleTable::leave(Owner owner, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  Entries entries = entries_;
  const bool marked = markers_.erase(owner) != 0;
  if (std::erase_if(entries, [&](const Entry& entry) { return entry.owner == owner; }) == 0 && !marked) return;
  if (!exchange(entries, program)) entries_ = std::move(entries);
}

Status RuleTable::publish(const XdpRules& program) const {
  const std::lock_guard lock(mutex_);
  return program.publish(*compiled(entries_));
}

Result<zcnbrh_rule_count> RuleTable::count(RuleId id, bool reset, const XdpRules& program) {
  const std::lock_guard lock(mutex_);
  const auto entry = std::ranges::find_if(entries_, [&](const Entry& known) { return known.id == id; });
  if (entry == entries_.end()) return no_such_rule();
  if (entry->counter == 0) return Error{ENOTSUP, kCall, "it does not count; make it with action count"};
  if (!program) return zcnbrh_rule_count{};
  auto now = program.count(entry->counter);
  if (!now) return now.error();
  // A program attached anew counts from 0.
  if (now->packets < entry->forgotten.packets) entry->forgotten = {};
  const zcnbrh_rule_count out = {now->packets - entry->forgotten.packets, now->bytes - entry->forgotten.bytes};
  if (reset) entry->forgotten = *now;
  return out;
}

std::vector<std::string> RuleTable::describe(Owner owner, RuleId id, const XdpRules& program) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const Entry& entry : entries_) {
    if (entry.owner != owner || (id != 0 && entry.id != id)) continue;
    const FlowRule& rule = entry.rule;
    std::string line = entry.is_isolation ? "isolated:" : "priority " + std::to_string(rule.priority) + ":";
    line += text_of_layers(rule.match.value) + ", queues " + std::to_string(rule.queues.first) + ".." +
            std::to_string(rule.queues.first + rule.queues.count - 1) + ": " + text_of(rule.verdict);
    if (rule.mark.has_value()) line += ", mark " + std::to_string(*rule.mark);
    if (rule.flag) line += ", flag";
    if (entry.counter != 0 && program) {
      if (const auto count = program.count(entry.counter); count)
        line += ", " + std::to_string(count->packets) + " packets";
    }
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace zcnbrh
