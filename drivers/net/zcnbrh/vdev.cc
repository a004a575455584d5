// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The virtual device net_zcnbrh: from --vdev=net_zcnbrh0,iface=eth0 to an ethdev port, and back.
#include <bus_vdev_driver.h>
#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ether.h>

#include <cerrno>
#include <cstring>

#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/mempool_ops.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/pool_events.h"
#include "drivers/net/zcnbrh/share.h"
#include "lib/base/log.h"
#include "lib/config/port_keys.h"

int zcnbrh_logtype;

namespace zcnbrh::pmd {
namespace {

void to_rte_log(LogLevel level, const char* line) {
  switch (level) {
    case LogLevel::kWarning:
      ZLOG(WARNING, "%s", line);
      break;
    case LogLevel::kNotice:
      ZLOG(NOTICE, "%s", line);
      break;
    case LogLevel::kInfo:
      ZLOG(INFO, "%s", line);
      break;
    case LogLevel::kDebug:
      ZLOG(DEBUG, "%s", line);
      break;
  }
}

int refuse(const char* device, const Error& error) {
  ZLOG(ERR, "%s: %s", device,
       error.why.empty() ? error.text().c_str() : (std::string(error.call) + ": " + error.why).c_str());
  return -error.code;
}

Result<PortConfig> read_devargs(struct rte_vdev_device* device) {
  const char* text = rte_vdev_device_args(device);
  auto config = parse_port_config(text != nullptr ? text : "");
  if (!config) return config.error();
  if (Status s = validate(*config); !s) return s.error();
  return config;
}

// Locally administered and the same at each start: a loop port has no hardware to ask.
void set_mac(const PmdPort& port, struct rte_ether_addr& mac) {
  if (!port.port->is_loop()) {
    std::memcpy(mac.addr_bytes, port.port->info().mac.data(), sizeof mac.addr_bytes);
    return;
  }
  const uint8_t loop[RTE_ETHER_ADDR_LEN] = {
      0x02, 'z', 'c', 'n', static_cast<uint8_t>(port.port_id >> 8), static_cast<uint8_t>(port.port_id)};
  std::memcpy(mac.addr_bytes, loop, sizeof loop);
}

int probe_primary(struct rte_vdev_device* device) {
  const char* name = rte_vdev_device_name(device);
  auto config = read_devargs(device);
  if (!config) return refuse(name, config.error());
  auto port = Port::open(*config, name);
  if (!port) return refuse(name, port.error());
  struct rte_eth_dev* dev = rte_eth_vdev_allocate(device, sizeof(SharedPort));
  if (dev == nullptr)
    return refuse(name, Error{ENOMEM, "rte_eth_vdev_allocate", "no free port, or no EAL memory"});

  auto* mine = new PmdPort;
  mine->name = name;
  mine->port_id = dev->data->port_id;
  mine->port = std::move(*port);
  mine->offloads.packet_types.asked = config->packet_types;
  if (const auto stats = netdev_stats(mine->port->ifindex())) mine->nic_missed_before = stats->rx_missed_errors;
  if (!mine->port->is_loop()) mine->stats.nic = NicStats::of(mine->port->info().name);
  for (uint32_t i = 0; i < config->queue_count; ++i) mine->slots.push_back(std::make_unique<QueueSlot>());
  auto* shared = new (dev->data->dev_private) SharedPort{};
  set_mac(*mine, shared->mac[0]);
  dev->data->mac_addrs = shared->mac;
  if (mine->node() >= 0) dev->data->numa_node = mine->node();
  dev->process_private = mine;
  dev->dev_ops = ethdev_ops();
  choose_bursts(dev);
  set_queue_functions(dev);
  Status s = share_port(dev);
  if (s) s = watch_netdev(dev);
  if (!s) {
    unshare_port(*mine);
    delete mine;
    dev->process_private = nullptr;
    dev->data->mac_addrs = nullptr;
    rte_eth_dev_release_port(dev);
    return refuse(name, s.error());
  }
  keep_info(dev);
  if (config->pool_ops) make_pool_ops_default();
  watch_pools();
  rte_eth_dev_probing_finish(dev);
  return 0;
}

int probe_secondary(struct rte_vdev_device* device) {
  struct rte_eth_dev* dev = rte_eth_dev_attach_secondary(rte_vdev_device_name(device));
  if (dev == nullptr) return -ENODEV;
  dev->device = &device->device;
  return join_primary(dev, rte_vdev_device_name(device));
}

int probe(struct rte_vdev_device* device) noexcept {
  const ControlLock lock;
  set_log_sink(to_rte_log);
  return rte_eal_process_type() == RTE_PROC_PRIMARY ? probe_primary(device) : probe_secondary(device);
}

int remove(struct rte_vdev_device* device) noexcept {
  struct rte_eth_dev* dev = rte_eth_dev_allocated(rte_vdev_device_name(device));
  if (dev == nullptr) return 0;
  if (rte_eal_process_type() == RTE_PROC_PRIMARY) {
    rte_eth_dev_close(dev->data->port_id);
  } else if (dev->dev_ops != nullptr && dev->dev_ops->dev_close != nullptr) {
    dev->dev_ops->dev_close(dev);
  }
  return rte_eth_dev_release_port(dev);
}

constexpr struct rte_vdev_driver make_driver() {
  struct rte_vdev_driver driver {};
  driver.probe = probe;
  driver.remove = remove;
  return driver;
}

// constinit: the registration below runs as a constructor too, and must not be overwritten by a later one.
constinit struct rte_vdev_driver zcnbrh_driver = make_driver();

}  // namespace
}  // namespace zcnbrh::pmd

using zcnbrh::pmd::zcnbrh_driver;
RTE_PMD_REGISTER_VDEV(net_zcnbrh, zcnbrh_driver);
RTE_PMD_REGISTER_PARAM_STRING(net_zcnbrh, ZCNBRH_PORT_PARAM_STRING);

RTE_INIT(zcnbrh_init_log) {
  zcnbrh_logtype = rte_log_register("pmd.net.zcnbrh");
  if (zcnbrh_logtype >= 0) rte_log_set_level(zcnbrh_logtype, RTE_LOG_NOTICE);
}

RTE_INIT(zcnbrh_init_telemetry) { zcnbrh::pmd::register_telemetry(); }
