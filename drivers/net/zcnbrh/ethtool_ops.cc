// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethdev asks of the NIC itself and the kernel's driver serves by ethtool: firmware version, registers,
// EEPROMs, pause frames, the LED. A NIC without one of them gives -ENOTSUP, and without a log line: programs
// ask for the sake of asking.
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "drivers/net/zcnbrh/ops.h"
#include "lib/netdev/ethtool_device.h"

namespace zcnbrh::pmd {
namespace {

NetdevEthtool nic_of(const PmdPort& port) { return NetdevEthtool(port.port->info().name); }

// Only a primary process has a netdev, and a loop port has none.
PmdPort* with_netdev(struct rte_eth_dev* dev) {
  PmdPort* port = port_of(dev);
  return port != nullptr && !port->port->is_loop() && port->port->ifindex() > 0 ? port : nullptr;
}

// ethdev's bit for a speed; 0: it has none.
uint32_t speed_bit(uint32_t mbps) { return rte_eth_speed_bitflag(mbps, RTE_ETH_LINK_FULL_DUPLEX); }

int failed(const PmdPort& port, const char* doing, const Error& error) {
  return error.code == ENOTSUP ? -ENOTSUP : log_error(port, doing, error);
}

int fw_version_get(struct rte_eth_dev* dev, char* text, size_t size) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const auto version = ethtool_firmware(nic);
  if (!version) return failed(*port, "firmware version", version.error());
  if (size <= version->size()) return static_cast<int>(version->size() + 1);
  std::memcpy(text, version->c_str(), version->size() + 1);
  return 0;
}

// The dump as the driver makes it; ethtool cannot tell the width of one register, so it counts bytes.
int get_reg(struct rte_eth_dev* dev, struct rte_dev_reg_info* info) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  if (info->data == nullptr) {
    const auto size = ethtool_registers_size(nic);
    if (!size) return failed(*port, "registers", size.error());
    info->length = *size;
    info->width = 1;
    return 0;
  }
  const auto dump = ethtool_registers(nic);
  if (!dump) return failed(*port, "registers", dump.error());
  const size_t all = dump->bytes.size();
  const size_t length = info->length == 0 ? all : info->length;
  if (info->offset > all || length > all - info->offset) return -EINVAL;
  std::memcpy(info->data, dump->bytes.data() + info->offset, length);
  info->length = static_cast<uint32_t>(length);
  info->width = 1;
  info->version = dump->version;
  return 0;
}

int get_eeprom_length(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const auto size = ethtool_eeprom_size(nic);
  return size ? static_cast<int>(*size) : failed(*port, "EEPROM", size.error());
}

std::span<uint8_t> bytes_of(const struct rte_dev_eeprom_info* info) {
  return {static_cast<uint8_t*>(info->data), info->length};
}

int get_eeprom(struct rte_eth_dev* dev, struct rte_dev_eeprom_info* info) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const Status s = ethtool_read_eeprom(nic, info->offset, bytes_of(info), info->magic);
  return s ? 0 : failed(*port, "EEPROM", s.error());
}

int set_eeprom(struct rte_eth_dev* dev, struct rte_dev_eeprom_info* info) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const Status s = ethtool_write_eeprom(nic, info->offset, bytes_of(info), info->magic);
  return s ? 0 : failed(*port, "EEPROM", s.error());
}

// ethtool and ethdev number the kinds of module alike: both took them from the SFF standards.
static_assert(RTE_ETH_MODULE_SFF_8079 == 1 && RTE_ETH_MODULE_SFF_8472 == 2 && RTE_ETH_MODULE_SFF_8636 == 3 &&
              RTE_ETH_MODULE_SFF_8436 == 4);

int get_module_info(struct rte_eth_dev* dev, struct rte_eth_dev_module_info* info) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const auto module = ethtool_module(nic);
  if (!module) return failed(*port, "module", module.error());
  info->type = module->type;
  info->eeprom_len = module->bytes;
  return 0;
}

int get_module_eeprom(struct rte_eth_dev* dev, struct rte_dev_eeprom_info* info) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const Status s = ethtool_read_module(nic, info->offset, bytes_of(info));
  return s ? 0 : failed(*port, "module EEPROM", s.error());
}

int flow_ctrl_get(struct rte_eth_dev* dev, struct rte_eth_fc_conf* conf) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const auto pause = ethtool_pause(nic);
  if (!pause) return failed(*port, "flow control", pause.error());
  *conf = {};
  conf->autoneg = pause->autoneg;
  if (pause->rx) conf->mode = pause->tx ? RTE_ETH_FC_FULL : RTE_ETH_FC_RX_PAUSE;
  if (!pause->rx && pause->tx) conf->mode = RTE_ETH_FC_TX_PAUSE;
  return 0;
}

// Water marks, pause time and the forwarding of MAC control frames are the driver's own.
int flow_ctrl_set(struct rte_eth_dev* dev, struct rte_eth_fc_conf* conf) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  NetdevEthtool nic = nic_of(*port);
  const auto now = ethtool_pause(nic);
  if (!now) return failed(*port, "flow control", now.error());
  if (conf->high_water != 0 || conf->low_water != 0 || conf->pause_time != 0 || conf->mac_ctrl_frame_fwd != 0)
    return log_error(*port, "flow control",
                     Error{EINVAL, "ETHTOOL_SPAUSEPARAM",
                           "water marks, pause time and mac_ctrl_frame_fwd are the kernel driver's; give 0"});
  const PauseFrames wanted{conf->autoneg != 0,
                           conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_RX_PAUSE,
                           conf->mode == RTE_ETH_FC_FULL || conf->mode == RTE_ETH_FC_TX_PAUSE};
  const Status s = ethtool_set_pause(nic, wanted);
  return s ? 0 : failed(*port, "flow control", s.error());
}

// The kernel offers no LED that is simply on: it blinks, to identify the port, until it is turned off.
int dev_led_on(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr) return -ENOTSUP;
  if (port->control.led) return 0;
  auto led = IdentifyLed::start(std::make_shared<NetdevEthtool>(nic_of(*port)));
  if (!led) return failed(*port, "LED", led.error());
  port->control.led = std::move(*led);
  return 0;
}

int dev_led_off(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = with_netdev(dev);
  if (port == nullptr || !port->control.led) return -ENOTSUP;
  port->control.led.reset();
  return 0;
}

}  // namespace

// What the driver's link modes name; where they name none, the speed the link has.
void add_speed_info(const PmdPort& port, struct rte_eth_dev_info& info) {
  if (port.port->is_loop()) {
    info.speed_capa = speed_bit(kLoopSpeed);
    return;
  }
  NetdevEthtool nic = nic_of(port);
  if (const auto speeds = ethtool_speeds(nic))
    for (const uint32_t mbps : *speeds) info.speed_capa |= speed_bit(mbps);
  if (info.speed_capa != 0) return;
  if (const auto link = netdev_link_state(port.port->ifindex())) info.speed_capa = speed_bit(link->speed_mbps);
}

void add_ethtool_ops(struct eth_dev_ops& ops) {
  ops.fw_version_get = fw_version_get;
  ops.get_reg = get_reg;
  ops.get_eeprom_length = get_eeprom_length;
  ops.get_eeprom = get_eeprom;
  ops.set_eeprom = set_eeprom;
  ops.get_module_info = get_module_info;
  ops.get_module_eeprom = get_module_eeprom;
  ops.flow_ctrl_get = flow_ctrl_get;
  ops.flow_ctrl_set = flow_ctrl_set;
  ops.dev_led_on = dev_led_on;
  ops.dev_led_off = dev_led_off;
}

}  // namespace zcnbrh::pmd
