// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a program asks of a moved port in rte_eth_dev_configure() and the queue set-ups. The driver does in
// software what it can do exactly (checksums, VLAN, RSS hash, segments) and offers that as a capability; what
// is not offered is taken off in lenient mode, with a warning that names it, and refused in strict mode. What
// the port says of itself (rte_eth_dev_info_get()) is never changed.

#include <algorithm>
#include <string>

#include "shim/counts.h"
#include "shim/modes.h"
#include "shim/next.h"
#include "shim/ports.h"
#include "shim/report.h"
#include "shim/say.h"
#include "shim/settings.h"

namespace zcnbrh::shim {
namespace {

std::string names(uint64_t bits, OffloadName* name_of) {
  std::string out;
  for (const std::string& name : offload_names(bits, name_of)) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// True: go on, with what is left. `what`: "RX offloads of port 0".
bool do_without(const MappedDevice& device, const std::string& what, const std::string& missing) {
  const bool strict = settings().strict;
  say(strict ? Say::kError : Say::kWarning, "%s on %s does not have %s%s: %s", device.map.device.c_str(),
      device.map.config.iface.c_str(), what.c_str(),
      strict ? ", and ZCNBRH_MODE=strict" : "; they are left out", missing.c_str());
  return !strict;
}

bool mask_offloads(const MappedDevice& device, struct rte_eth_conf& conf, PortAsked& asked) {
  bool go = true;
  if (asked.rx.missing != 0)
    go &= do_without(device, "RX offloads", names(asked.rx.missing, NEXT(rte_eth_dev_rx_offload_name)));
  if (asked.tx.missing != 0)
    go &= do_without(device, "TX offloads", names(asked.tx.missing, NEXT(rte_eth_dev_tx_offload_name)));
  if (asked.rss.missing != 0) {
    char bits[32];
    std::snprintf(bits, sizeof bits, "rss_hf 0x%llx", static_cast<unsigned long long>(asked.rss.missing));
    go &= do_without(device, "RSS hash types", bits);
  }
  conf.rxmode.offloads &= ~asked.rx.missing;
  conf.txmode.offloads &= ~asked.tx.missing;
  conf.rx_adv_conf.rss_conf.rss_hf &= ~asked.rss.missing;
  return go;
}

PortHas modes_of(const MappedDevice& device, const struct rte_eth_dev_info& info) {
  const uint32_t flags = info.dev_flags != nullptr ? *info.dev_flags : 0;
  // The loop backend has no descriptor to wait for.
  return {(flags & RTE_ETH_DEV_INTR_LSC) != 0, (flags & RTE_ETH_DEV_INTR_RMV) != 0,
          !device.map.config.is_loop()};
}

bool mask_modes(const MappedDevice& device, const PortAsked& asked) {
  std::string missing;
  for (const std::string& mode : asked.missing_modes) missing += (missing.empty() ? "" : ", ") + mode;
  return missing.empty() || do_without(device, "modes of the port", missing);
}

PortAsked asked_of(uint16_t rx_queues, uint16_t tx_queues, const struct rte_eth_conf& conf,
                   const struct rte_eth_dev_info& info) {
  PortAsked asked;
  asked.rx_queues = rx_queues;
  asked.tx_queues = tx_queues;
  asked.rx = {conf.rxmode.offloads, conf.rxmode.offloads & ~info.rx_offload_capa};
  asked.tx = {conf.txmode.offloads, conf.txmode.offloads & ~info.tx_offload_capa};
  const uint64_t rss = conf.rx_adv_conf.rss_conf.rss_hf;
  asked.rss = {rss, rss & ~info.flow_type_rss_offloads};
  return asked;
}

// What a queue may ask for beyond what its port has: the queue's own, and the port's, which ethdev takes for
// granted.
uint64_t missing_in_queue(uint64_t asked, uint64_t queue_capabilities, const Asked& port) {
  return asked & ~(queue_capabilities | (port.asked & ~port.missing));
}

uint16_t fitting(uint16_t descriptors, const struct rte_eth_desc_lim& limits) {
  if (descriptors == 0) return 0;  // ethdev takes the driver's default
  uint32_t out = std::clamp<uint32_t>(descriptors, limits.nb_min, limits.nb_max);
  if (limits.nb_align > 1) out -= out % limits.nb_align;
  return static_cast<uint16_t>(std::max<uint32_t>(out, limits.nb_min));
}

struct Queue {
  const MappedDevice* device;  // nullptr: the port is not ours
  uint16_t port_id, queue;
  struct rte_eth_dev_info info;
  PortAsked port;
};

Queue queue_of(uint16_t port_id, uint16_t queue) {
  Queue out{find_port(port_id), port_id, queue, {}, {}};
  NEXT(rte_eth_dev_info_get)(port_id, &out.info);
  const auto ports = ports_asked();
  if (const auto found = ports.find(port_id); found != ports.end()) out.port = found->second;
  return out;
}

bool mask_queue(const Queue& at, const char* direction, OffloadName* name_of, const QueueAsked& asked,
                const Asked& of_port) {
  const std::string queue = std::string(direction) + " queue " + std::to_string(at.queue);
  bool go = true;
  // What the whole port does without was said then.
  if (const uint64_t missing = asked.offloads.missing & ~of_port.missing; missing != 0)
    go &= do_without(*at.device, "offloads of " + queue, names(missing, name_of));
  if (asked.given != asked.descriptors)
    go &= do_without(
        *at.device, "descriptors of " + queue,
        std::to_string(asked.descriptors) + " asked for, " + std::to_string(asked.given) + " to be had");
  return go;
}

// Buffer split and several pools by size are receive features of hardware: the last pool is the one for the
// rest.
struct rte_mempool* plain_pool(struct rte_eth_rxconf& conf, struct rte_mempool* pool, uint64_t masked) {
  if (pool != nullptr || (masked & RTE_ETH_RX_OFFLOAD_BUFFER_SPLIT) == 0 || conf.rx_nseg == 0) return pool;
  pool = conf.rx_seg[conf.rx_nseg - 1].split.mp;
  conf.rx_nseg = 0;
  conf.rx_seg = nullptr;
  return pool;
}

int configure(uint16_t port_id, uint16_t rx_queues, uint16_t tx_queues, const struct rte_eth_conf& given) {
  struct rte_eth_dev_info info {};
  struct rte_eth_conf conf = given;
  bool is_ours = false;
  {
    const ErrnoGuard guard;
    const MappedDevice* device = find_port(port_id);
    is_ours = device != nullptr;
    if (NEXT(rte_eth_dev_info_get)(port_id, &info) == 0) {
      PortAsked asked = asked_of(rx_queues, tx_queues, conf, info);
      bool go = true;
      if (device != nullptr) {
        asked.missing_modes = take_out_modes(conf, modes_of(*device, info));
        go = mask_offloads(*device, conf, asked);
        go &= mask_modes(*device, asked);
      }
      note_port(port_id, asked);
      if (!go) return -ENOTSUP;
    }
  }
  return NEXT(rte_eth_dev_configure)(port_id, rx_queues, tx_queues, is_ours ? &conf : &given);
}

int set_up_rx(uint16_t port_id, uint16_t queue, uint16_t descriptors, unsigned socket,
              const struct rte_eth_rxconf* given, struct rte_mempool* pool) {
  struct rte_eth_rxconf conf {};
  {
    const ErrnoGuard guard;
    const Queue at = queue_of(port_id, queue);
    conf = given != nullptr ? *given : at.info.default_rxconf;
    QueueAsked asked{0, descriptors, descriptors, {conf.offloads, 0}, pool != nullptr ? pool->name : ""};
    asked.offloads.missing = missing_in_queue(conf.offloads, at.info.rx_queue_offload_capa, at.port.rx);
    if (at.device != nullptr) asked.given = fitting(descriptors, at.info.rx_desc_lim);
    note_rx_queue(port_id, queue, asked);
    if (at.device != nullptr) {
      if (!mask_queue(at, "RX", NEXT(rte_eth_dev_rx_offload_name), asked, at.port.rx)) return -ENOTSUP;
      pool = plain_pool(conf, pool, asked.offloads.missing | at.port.rx.missing);
      conf.offloads &= ~asked.offloads.missing;
      descriptors = asked.given;
      given = &conf;
    }
  }
  return NEXT(rte_eth_rx_queue_setup)(port_id, queue, descriptors, socket, given, pool);
}

int set_up_tx(uint16_t port_id, uint16_t queue, uint16_t descriptors, unsigned socket,
              const struct rte_eth_txconf* given) {
  struct rte_eth_txconf conf {};
  {
    const ErrnoGuard guard;
    const Queue at = queue_of(port_id, queue);
    conf = given != nullptr ? *given : at.info.default_txconf;
    QueueAsked asked{0, descriptors, descriptors, {conf.offloads, 0}, ""};
    asked.offloads.missing = missing_in_queue(conf.offloads, at.info.tx_queue_offload_capa, at.port.tx);
    if (at.device != nullptr) asked.given = fitting(descriptors, at.info.tx_desc_lim);
    note_tx_queue(port_id, queue, asked);
    if (at.device != nullptr) {
      if (!mask_queue(at, "TX", NEXT(rte_eth_dev_tx_offload_name), asked, at.port.tx)) return -ENOTSUP;
      conf.offloads &= ~asked.offloads.missing;
      descriptors = asked.given;
      given = &conf;
    }
  }
  return NEXT(rte_eth_tx_queue_setup)(port_id, queue, descriptors, socket, given);
}

}  // namespace
}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED int rte_eth_dev_configure(uint16_t port_id, uint16_t nb_rx_queue, uint16_t nb_tx_queue,
                                             const struct rte_eth_conf* eth_conf) {
  if (doing() == Doing::kIdle || eth_conf == nullptr)
    return NEXT(rte_eth_dev_configure)(port_id, nb_rx_queue, nb_tx_queue, eth_conf);
  const int result = configure(port_id, nb_rx_queue, nb_tx_queue, *eth_conf);
  count_port_call(Call::rte_eth_dev_configure, port_id, answer_of(result));
  return result;
}

ZCNBRH_INTERCEPTED int rte_eth_rx_queue_setup(uint16_t port_id, uint16_t rx_queue_id, uint16_t nb_rx_desc,
                                              unsigned int socket_id, const struct rte_eth_rxconf* rx_conf,
                                              struct rte_mempool* mb_pool) {
  if (doing() == Doing::kIdle)
    return NEXT(rte_eth_rx_queue_setup)(port_id, rx_queue_id, nb_rx_desc, socket_id, rx_conf, mb_pool);
  const int result = set_up_rx(port_id, rx_queue_id, nb_rx_desc, socket_id, rx_conf, mb_pool);
  count_port_call(Call::rte_eth_rx_queue_setup, port_id, answer_of(result));
  return result;
}

ZCNBRH_INTERCEPTED int rte_eth_tx_queue_setup(uint16_t port_id, uint16_t tx_queue_id, uint16_t nb_tx_desc,
                                              unsigned int socket_id, const struct rte_eth_txconf* tx_conf) {
  if (doing() == Doing::kIdle)
    return NEXT(rte_eth_tx_queue_setup)(port_id, tx_queue_id, nb_tx_desc, socket_id, tx_conf);
  const int result = set_up_tx(port_id, tx_queue_id, nb_tx_desc, socket_id, tx_conf);
  count_port_call(Call::rte_eth_tx_queue_setup, port_id, answer_of(result));
  return result;
}

ZCNBRH_INTERCEPTED int rte_eth_dev_close(uint16_t port_id) {
  MappedDevice* device = doing() == Doing::kMoving ? find_port(port_id) : nullptr;
  if (device != nullptr) {
    const ErrnoGuard guard;
    note_closing(*device);
  }
  const int result = NEXT(rte_eth_dev_close)(port_id);
  count_port_call(Call::rte_eth_dev_close, port_id, answer_of(result));
  if (result == 0 && device != nullptr) device->port_id = kNoPort;
  return result;
}
