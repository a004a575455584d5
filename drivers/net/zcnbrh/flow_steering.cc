// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/flow_steering.h"

#include <cerrno>
#include <string>

#include "drivers/net/zcnbrh/flow.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "lib/netdev/ethtool_calls.h"
#include "lib/netdev/netdev.h"

namespace zcnbrh::pmd {
namespace {

// The NIC's own filters; asked anew each time, since `ethtool -K` may change what it takes.
class Nic {
 public:
  explicit Nic(std::string name) : calls_(std::move(name)), filters_(calls_) {}
  const RxFilters& filters() const { return filters_; }

 private:
  NetdevEthtool calls_;
  RxFilters filters_;
};

void without_filter(const PmdPort& port, const Error& why) {
  ZLOG(INFO, "port %u (%s): flow rule without a filter of the NIC: %s", port.port_id, port.name.c_str(),
       why.text().c_str());
}

// As steer_flow(). A netdev that was in another network namespace for a while has its filters still, and some
// drivers refuse a second one of the kind; where ours was nobody can tell, so it stays when the rule goes.
Status steer_again(const PmdPort& port, FlowSteering& steering) {
  Status s = steer_flow(port, steering);
  if (s || s.error().code != EEXIST) return s;
  ZLOG(WARNING,
       "port %u (%s): the NIC has a filter for a flow rule already, it is left there for good; `ethtool -n "
       "%s` shows it",
       port.port_id, port.name.c_str(), port.port->info().name.c_str());
  return {};
}

}  // namespace

std::string why_no_steering(const PmdPort& port) {
  if (port.config().is_loop()) return "the loop backend has no filters";
  if (port.control.absent) return "the netdev is gone";
  return Nic(port.port->info().name).filters().why_none();
}

Status steer_flow(const PmdPort& port, FlowSteering& steering) {
  if (steering.to.empty() || steering.in_nic.has_value()) return {};
  const Nic nic(port.port->info().name);
  const std::string why_none = nic.filters().why_none();
  auto done = why_none.empty() ? steer(nic.filters(), steering.match, steering.to)
                               : Result<Steering>(Error{ENOTSUP, "receive filter of the NIC", why_none});
  if (done) {
    steering.in_nic = *done;
    return {};
  }
  if (steering.must) return done.error();
  without_filter(port, done.error());
  return {};
}

// By the name that the netdev has at this moment: it may be gone, and another one of its name there, without
// our having heard of it.
void unsteer_flow(const PmdPort& port, FlowSteering& steering) {
  if (!steering.in_nic.has_value()) return;
  const Steering was = *steering.in_nic;
  steering.in_nic.reset();
  const auto now = netdev_query(port.port->ifindex());
  if (!now) return;
  const Nic nic(now->name);
  if (Status s = stop_steering(nic.filters(), was); !s)
    ZLOG(WARNING, "port %u (%s): filter %u stays in the NIC: %s", port.port_id, port.name.c_str(), was.location,
         s.error().text().c_str());
}

Status steer_flows(PmdPort& port) {
  std::vector<FlowSteering*> added;
  for (const auto& rule : port.flow.rules) {
    FlowSteering& steering = rule->steering;
    const bool was_there = steering.in_nic.has_value();
    if (Status s = steer_again(port, steering); !s) {
      for (FlowSteering* undo : added) unsteer_flow(port, *undo);
      return Error{s.error().code, "flow rule with a queue", s.error().text()};
    }
    if (!was_there) added.push_back(&steering);
  }
  return {};
}

void unsteer_flows(PmdPort& port) {
  for (const auto& rule : port.flow.rules) unsteer_flow(port, rule->steering);
}

void forget_steering(PmdPort& port) {
  for (const auto& rule : port.flow.rules) rule->steering.in_nic.reset();
}

}  // namespace zcnbrh::pmd
