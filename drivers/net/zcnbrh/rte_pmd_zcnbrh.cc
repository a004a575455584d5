// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The driver's own functions for applications: each checks, calls, and translates.
#include "drivers/net/zcnbrh/rte_pmd_zcnbrh.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/report.h"
#include "drivers/net/zcnbrh/share.h"

#define ZCNBRH_EXPORT extern "C" [[gnu::visibility("default")]]

namespace zcnbrh::pmd {
namespace {

thread_local char g_error[512];

int fail(int code, const std::string& why) {
  std::snprintf(g_error, sizeof g_error, "%s", why.c_str());
  return -code;
}
int fail(const Error& error) {
  return fail(error.code,
              std::string(error.call) + ": " + (error.why.empty() ? std::strerror(error.code) : error.why));
}
int answer(const Status& status) { return status ? 0 : fail(status.error()); }

std::string known_ports() {
  std::string out;
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id)
    if (rte_eth_dev_is_valid_port(id) != 0 && rte_eth_devices[id].dev_ops == ethdev_ops())
      out += (out.empty() ? "" : ", ") + std::to_string(id);
  return out.empty() ? "this program has no net_zcnbrh port; give it one by --vdev=net_zcnbrh0,iface=NETDEV"
                     : "ports of net_zcnbrh here: " + out;
}

// The port with sockets in this process; null: told by fail(), and `code` is what to return.
PmdPort* find_port(uint16_t id, int& code) {
  const std::string number = "port " + std::to_string(id);
  if (rte_eth_dev_is_valid_port(id) == 0) {
    code = fail(ENODEV, "there is no " + number + "; " + known_ports());
    return nullptr;
  }
  const struct rte_eth_dev* dev = &rte_eth_devices[id];
  if (dev->dev_ops == ethdev_ops() && port_of(dev) != nullptr && port_of(dev)->port) return port_of(dev);
  const char* driver =
      dev->device != nullptr && dev->device->driver != nullptr ? dev->device->driver->name : "another";
  code = dev->dev_ops == secondary_ops()
             ? fail(ENOTSUP, number + " is the primary process's; ask there")
             : fail(ENOTSUP, number + " is of driver " + driver + ", not of net_zcnbrh; " + known_ports());
  return nullptr;
}

std::string report_of(PmdPort& port, enum rte_pmd_zcnbrh_topic topic) {
  switch (topic) {
    case RTE_PMD_ZCNBRH_MODE:
      return mode_report(port);
    case RTE_PMD_ZCNBRH_CREDITS:
      return credits_report(port);
    case RTE_PMD_ZCNBRH_RINGS:
      return rings_report(port);
    case RTE_PMD_ZCNBRH_UMEM:
      return umem_report(port);
    case RTE_PMD_ZCNBRH_LEDGER:
      return ledger_report(port);
    case RTE_PMD_ZCNBRH_BPF:
      return bpf_report(port);
    case RTE_PMD_ZCNBRH_WHY:
      return why_report(port);
    case RTE_PMD_ZCNBRH_TRACE:
      return trace_report(port);
  }
  return {};
}

struct rte_pmd_zcnbrh_queue state_of(const PmdPort& port, uint16_t queue) {
  const QueueSlot& slot = *port.slots[queue];
  struct rte_pmd_zcnbrh_queue out {};
  if (!slot.pair.bound()) return out;
  out.open = 1;
  out.zero_copy = slot.pair.outcome().mode == XskMode::kZeroCopy;
  out.busy_poll = slot.pair.rx().busy_poll;
  out.busy_budget = out.busy_poll != 0 ? busy_budget_of(port, queue) : 0;
  out.kick_by_thread = slot.control.kick.by_thread;
  out.on_empty = static_cast<uint8_t>(port.config().on_empty);
  if (slot.pair.rx().gate.on()) {
    out.window = slot.rx->state.credit.window;
    out.widest_window = widest_window_of(port, queue);
  }
  out.rx_posted = slot.rx->state.posted.get();
  out.tx_in_flight = slot.tx->state.in_flight.get();
  return out;
}

static_assert(static_cast<int>(OnEmpty::kDrop) == RTE_PMD_ZCNBRH_ON_EMPTY_DROP &&
              static_cast<int>(OnEmpty::kPass) == RTE_PMD_ZCNBRH_ON_EMPTY_PASS &&
              static_cast<int>(OnEmpty::kOff) == RTE_PMD_ZCNBRH_ON_EMPTY_OFF);
static_assert(static_cast<int>(Kick::kInline) == RTE_PMD_ZCNBRH_KICK_INLINE &&
              static_cast<int>(Kick::kThread) == RTE_PMD_ZCNBRH_KICK_THREAD &&
              static_cast<int>(Kick::kAuto) == RTE_PMD_ZCNBRH_KICK_AUTO);

// Calls what(port) on a port of ours, under the control lock.
template <typename What>
int on_port(uint16_t id, What what) {
  const ControlLock lock;
  int code = 0;
  PmdPort* port = find_port(id, code);
  return port != nullptr ? what(*port) : code;
}

}  // namespace
}  // namespace zcnbrh::pmd

using namespace zcnbrh::pmd;  // NOLINT(google-build-using-namespace)

ZCNBRH_EXPORT unsigned int rte_pmd_zcnbrh_api_version(void) { return RTE_PMD_ZCNBRH_API_VERSION; }

ZCNBRH_EXPORT const char* rte_pmd_zcnbrh_error(void) { return g_error; }

ZCNBRH_EXPORT int rte_pmd_zcnbrh_ports(uint16_t* ports, unsigned int count) {
  const ControlLock lock;
  unsigned int found = 0;
  for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; ++id) {
    if (rte_eth_dev_is_valid_port(id) == 0 || rte_eth_devices[id].dev_ops != ethdev_ops()) continue;
    if (found < count) ports[found] = id;
    ++found;
  }
  return static_cast<int>(found);
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_report(uint16_t port_id, enum rte_pmd_zcnbrh_topic topic, char* text,
                                        size_t size) {
  return on_port(port_id, [&](PmdPort& port) {
    const std::string report = report_of(port, topic);
    if (report.empty())
      return fail(EINVAL, "topic " + std::to_string(static_cast<int>(topic)) + " is not known here");
    if (size != 0) {
      const size_t length = std::min(report.size(), size - 1);
      std::memcpy(text, report.data(), length);
      text[length] = '\0';
    }
    return static_cast<int>(report.size());
  });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_queue_get(uint16_t port_id, uint16_t queue_id,
                                           struct rte_pmd_zcnbrh_queue* queue, size_t size) {
  return on_port(port_id, [&](PmdPort& port) {
    if (queue == nullptr || queue_id >= port.queues())
      return fail(EINVAL,
                  "port " + std::to_string(port_id) + " has queues 0.." + std::to_string(port.queues() - 1));
    const struct rte_pmd_zcnbrh_queue state = state_of(port, queue_id);
    std::memcpy(queue, &state, std::min(size, sizeof state));
    return 0;
  });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_window_set(uint16_t port_id, uint16_t queue_id, uint32_t packets) {
  return on_port(port_id, [&](PmdPort& port) { return answer(tune_window(port, queue_id, packets)); });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_on_empty_set(uint16_t port_id, enum rte_pmd_zcnbrh_on_empty on_empty) {
  if (on_empty > RTE_PMD_ZCNBRH_ON_EMPTY_PASS) return fail(EINVAL, "on_empty: off, drop or pass");
  return on_port(port_id, [&](PmdPort& port) {
    return answer(tune_on_empty(port, static_cast<zcnbrh::OnEmpty>(on_empty)));
  });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_busy_budget_set(uint16_t port_id, uint16_t queue_id, uint16_t packets) {
  return on_port(port_id, [&](PmdPort& port) { return answer(tune_busy_budget(port, queue_id, packets)); });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_kick_set(uint16_t port_id, uint16_t queue_id, enum rte_pmd_zcnbrh_kick kick) {
  if (kick > RTE_PMD_ZCNBRH_KICK_THREAD) return fail(EINVAL, "kick: auto, inline or thread");
  return on_port(port_id, [&](PmdPort& port) {
    return answer(tune_kick(port, queue_id, static_cast<zcnbrh::Kick>(kick)));
  });
}

ZCNBRH_EXPORT int rte_pmd_zcnbrh_trace_set(uint16_t port_id, int on) {
  return on_port(port_id, [&](PmdPort&) {
    set_trace(&rte_eth_devices[port_id], on != 0);
    return 0;
  });
}
