// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The rte_flow operations. Each takes the driver's lock, checks, calls, and reports through rte_flow_error.
#include "drivers/net/zcnbrh/flow.h"

#include <rte_errno.h>

#include <algorithm>
#include <cerrno>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/flow_translate.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

int report(PmdPort& port, struct rte_flow_error* error, const FlowRefusal& refusal) {
  const char* text = port.flow.messages.insert(refusal.why).first->c_str();
  return rte_flow_error_set(error, refusal.code, refusal.type, refusal.cause, text);
}

int report(PmdPort& port, struct rte_flow_error* error, enum rte_flow_error_type type, const Error& why) {
  return report(port, error, {why.code, type, nullptr, why.why.empty() ? why.text() : why.why});
}

// Why this port can have no rules at all.
std::optional<Error> without_rules(const PmdPort& port) {
  constexpr const char* kCall = "flow rules";
  if (port.config().is_loop()) return Error{ENOTSUP, kCall, "the loop backend has no XDP program for rules"};
  if (port.config().foreign_map())
    return Error{ENOTSUP, kCall,
                 "the XDP program is somebody else's, who gave the XSKMAP; it has no rule table"};
  return std::nullopt;
}

// The rule table of the program in force; empty while none is attached, and the rules wait for the next start.
Result<XdpRules> program_rules(const PmdPort& port) {
  const XdpProgram* program = port.port->program();
  if (program == nullptr) return XdpRules();
  if (Status s = program->use_rules(); !s) return s.error();
  return program->rules();
}

// As program_rules(), and sees to it that there is a table for the port.
Result<XdpRules> prepare(PmdPort& port) {
  if (auto why = without_rules(port)) return *why;
  if (port.flow.table == nullptr) port.flow.table = RuleTable::of(port.port->ifindex());
  return program_rules(port);
}

XdpRules rules_in_force(const PmdPort& port) {
  const XdpProgram* program = port.port->program();
  return program != nullptr ? program->rules() : XdpRules();
}

QueueRange queues_of(const PmdPort& port) { return {port.config().start_queue, port.queues()}; }

bool joins_dispatcher(const PmdPort& port) {
  const XdpProgram* program = port.port->program();
  return program != nullptr && std::string_view(program->attach_kind()) == "libxdp dispatcher";
}

std::optional<FlowRefusal> translate(const struct rte_eth_dev* dev, const struct rte_flow_attr* attr,
                                     const struct rte_flow_item* pattern, const struct rte_flow_action* actions,
                                     TranslatedFlow& flow) {
  const PmdPort& port = *port_of(dev);
  FlowPort facts;
  facts.queues = queues_of(port);
  facts.rx_queues = dev->data->nb_rx_queues != 0 ? dev->data->nb_rx_queues : port.queues();
  facts.no_filters = why_no_steering(port);
  auto refused = translate_flow(facts, attr, pattern, actions, flow);
  if (!refused && flow.rule.marks() && joins_dispatcher(port))
    return FlowRefusal{
        ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, nullptr,
        "mark, flag: libxdp's dispatcher takes no program that writes before a packet; attach=link does"};
  return refused;
}

int flow_validate(struct rte_eth_dev* dev, const struct rte_flow_attr* attr,
                  const struct rte_flow_item* pattern, const struct rte_flow_action* actions,
                  struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  if (auto why = without_rules(port)) return report(port, error, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, *why);
  TranslatedFlow flow;
  if (auto refused = translate(dev, attr, pattern, actions, flow)) return report(port, error, *refused);
  if (flow.must_steer) {
    if (auto spec = to_ntuple(flow.rule.match); !spec)
      return report(port, error, RTE_FLOW_ERROR_TYPE_ITEM, spec.error());
  }
  if (port.flow.table == nullptr) return 0;
  const Status room = port.flow.table->check_room();
  return room ? 0 : report(port, error, RTE_FLOW_ERROR_TYPE_STATE, room.error());
}

struct rte_flow* flow_create(struct rte_eth_dev* dev, const struct rte_flow_attr* attr,
                             const struct rte_flow_item* pattern, const struct rte_flow_action* actions,
                             struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  TranslatedFlow flow;
  if (auto refused = translate(dev, attr, pattern, actions, flow)) {
    report(port, error, *refused);
    return nullptr;
  }
  auto program = prepare(port);
  if (!program) {
    report(port, error, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, program.error());
    return nullptr;
  }
  auto handle = std::make_unique<struct rte_flow>();
  handle->steering = {flow.rule.match, flow.steer_to, flow.must_steer, {}};
  if (Status s = steer_flow(port, handle->steering); !s) {
    report(port, error, RTE_FLOW_ERROR_TYPE_ACTION, s.error());
    return nullptr;
  }
  auto id = port.flow.table->add(port.port_id, flow.rule, *program);
  if (!id) {
    unsteer_flow(port, handle->steering);
    report(port, error, RTE_FLOW_ERROR_TYPE_STATE, id.error());
    return nullptr;
  }
  handle->id = *id;
  handle->counts = flow.rule.counts;
  // From here on every packet carries a word on its mark; until now none did, and the burst did not look.
  if (flow.rule.marks() && !port.flow.marks) {
    port.flow.marks = true;
    switch_bursts(dev);
  }
  return port.flow.rules.emplace_back(std::move(handle)).get();
}

auto find_rule(PmdPort& port, const struct rte_flow* flow) {
  return std::ranges::find_if(port.flow.rules, [&](const auto& known) { return known.get() == flow; });
}

int no_such_rule(PmdPort& port, struct rte_flow_error* error) {
  return report(port, error, {EINVAL, RTE_FLOW_ERROR_TYPE_HANDLE, nullptr, "no rule of this port"});
}

int flow_destroy(struct rte_eth_dev* dev, struct rte_flow* flow, struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  const auto rule = find_rule(port, flow);
  if (rule == port.flow.rules.end()) return no_such_rule(port, error);
  if (Status s = port.flow.table->remove(flow->id, rules_in_force(port)); !s)
    return report(port, error, RTE_FLOW_ERROR_TYPE_HANDLE, s.error());
  unsteer_flow(port, flow->steering);
  port.flow.rules.erase(rule);
  return 0;
}

int flow_flush(struct rte_eth_dev* dev, struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  if (port.flow.table == nullptr) return 0;
  if (Status s = port.flow.table->remove_all(port.port_id, rules_in_force(port)); !s)
    return report(port, error, RTE_FLOW_ERROR_TYPE_HANDLE, s.error());
  unsteer_flows(port);
  port.flow.rules.clear();
  return 0;
}

int flow_query(struct rte_eth_dev* dev, struct rte_flow* flow, const struct rte_flow_action* action, void* data,
               struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  if (find_rule(port, flow) == port.flow.rules.end()) return no_such_rule(port, error);
  for (; action->type != RTE_FLOW_ACTION_TYPE_END; ++action) {
    if (action->type == RTE_FLOW_ACTION_TYPE_VOID) continue;
    if (action->type == RTE_FLOW_ACTION_TYPE_COUNT && flow->counts) break;
    return report(port, error,
                  {ENOTSUP, RTE_FLOW_ERROR_TYPE_ACTION, action, "only a rule's own count can be asked for"});
  }
  auto* query = static_cast<struct rte_flow_query_count*>(data);
  if (action->type == RTE_FLOW_ACTION_TYPE_END || query == nullptr)
    return report(port, error, {EINVAL, RTE_FLOW_ERROR_TYPE_ACTION, action, "no count asked for"});
  auto count = port.flow.table->count(flow->id, query->reset != 0, rules_in_force(port));
  if (!count) return report(port, error, RTE_FLOW_ERROR_TYPE_HANDLE, count.error());
  query->hits_set = query->bytes_set = 1;
  query->hits = count->packets;
  query->bytes = count->bytes;
  return 0;
}

int flow_isolate(struct rte_eth_dev* dev, int on, struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  if (on == 0 && port.flow.table == nullptr) return 0;
  auto program = prepare(port);
  if (!program) return report(port, error, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, program.error());
  const Status s = port.flow.table->isolate(port.port_id, queues_of(port), on != 0, *program);
  return s ? 0 : report(port, error, RTE_FLOW_ERROR_TYPE_STATE, s.error());
}

int flow_dump(struct rte_eth_dev* dev, struct rte_flow* flow, FILE* file,
              struct rte_flow_error* error) noexcept {
  const ControlLock lock;
  PmdPort& port = *port_of(dev);
  if (flow != nullptr && find_rule(port, flow) == port.flow.rules.end()) return no_such_rule(port, error);
  if (port.flow.table == nullptr) return 0;
  for (const std::string& line :
       port.flow.table->describe(port.port_id, flow != nullptr ? flow->id : 0, rules_in_force(port)))
    std::fprintf(file, "%s\n", line.c_str());
  return 0;
}

constexpr struct rte_flow_ops make_flow_ops() {
  struct rte_flow_ops ops {};
  ops.validate = flow_validate;
  ops.create = flow_create;
  ops.destroy = flow_destroy;
  ops.flush = flow_flush;
  ops.query = flow_query;
  ops.isolate = flow_isolate;
  ops.dev_dump = flow_dump;
  return ops;
}
constexpr struct rte_flow_ops kFlowOps = make_flow_ops();

int flow_ops_get(struct rte_eth_dev* dev, const struct rte_flow_ops** ops) noexcept {
  if (port_of(dev) == nullptr) return -ENOTSUP;  // a secondary process: rules are the primary's
  *ops = &kFlowOps;
  return 0;
}

}  // namespace

void add_flow_ops(struct eth_dev_ops& ops) { ops.flow_ops_get = flow_ops_get; }

Status flow_attached(PmdPort& port) {
  if (port.flow.table == nullptr || !port.flow.table->needs_program(port.port_id)) return {};
  RuleTable::moved_to(port.flow.table, port.port->ifindex());
  auto program = program_rules(port);
  if (!program) return program.error();
  if (*program)
    if (Status s = port.flow.table->publish(*program); !s) return s;
  return steer_flows(port);
}

void flow_close(PmdPort& port) {
  if (port.flow.table != nullptr) port.flow.table->leave(port.port_id, rules_in_force(port));
  unsteer_flows(port);
  port.flow = {};
}

}  // namespace zcnbrh::pmd
