// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Every operation in ethdev's table holds the control lock. Not among them: dev_close, which first has to wait
// for the interrupt thread; and what a polling core calls about its own queue.
#include "drivers/net/zcnbrh/control_lock.h"
#include "drivers/net/zcnbrh/ops.h"

namespace zcnbrh::pmd {
namespace {

// One wrapper an operation, made from the type of its place in the table. There is one table a process, so
// what is wrapped can be kept beside the wrapper.
template <auto kPlace, typename Operation>
struct Place;
template <auto kPlace, typename R, typename Dev, typename... Args>
struct Place<kPlace, R (*)(Dev, Args...)> {
  static inline R (*operation)(Dev, Args...) = nullptr;
  static R call(Dev dev, Args... args) noexcept {
    const ControlLock lock;
    return operation(dev, args...);
  }
};

template <auto kPlace>
void lock(struct eth_dev_ops& ops) {
  using Operation = std::remove_reference_t<decltype(ops.*kPlace)>;
  if (ops.*kPlace == nullptr) return;
  Place<kPlace, Operation>::operation = ops.*kPlace;
  ops.*kPlace = Place<kPlace, Operation>::call;
}

template <auto... kPlaces>
void lock_all(struct eth_dev_ops& ops) {
  (lock<kPlaces>(ops), ...);
}

using Ops = struct eth_dev_ops;

}  // namespace

void lock_ops(struct eth_dev_ops& ops) {
  lock_all<&Ops::dev_configure, &Ops::dev_start, &Ops::dev_stop, &Ops::dev_set_link_up, &Ops::dev_set_link_down,
           &Ops::dev_reset, &Ops::link_update, &Ops::is_removed, &Ops::dev_infos_get, &Ops::eth_dev_priv_dump>(
      ops);
  lock_all<&Ops::promiscuous_enable, &Ops::promiscuous_disable, &Ops::allmulticast_enable,
           &Ops::allmulticast_disable, &Ops::mac_addr_remove, &Ops::mac_addr_add, &Ops::mac_addr_set,
           &Ops::set_mc_addr_list, &Ops::mtu_set>(ops);
  lock_all<&Ops::stats_get, &Ops::stats_reset, &Ops::xstats_get, &Ops::xstats_reset, &Ops::xstats_get_names,
           &Ops::xstats_get_by_id, &Ops::xstats_get_names_by_id, &Ops::queue_stats_mapping_set>(ops);
  lock_all<&Ops::rxq_info_get, &Ops::txq_info_get, &Ops::rx_burst_mode_get, &Ops::tx_burst_mode_get,
           &Ops::rx_queue_start, &Ops::rx_queue_stop, &Ops::tx_queue_start, &Ops::tx_queue_stop,
           &Ops::set_queue_rate_limit, &Ops::rx_queue_setup, &Ops::rx_queue_release, &Ops::tx_queue_setup,
           &Ops::tx_queue_release, &Ops::rx_queue_intr_enable, &Ops::rx_queue_intr_disable,
           &Ops::rx_queue_avail_thresh_set, &Ops::rx_queue_avail_thresh_query, &Ops::eth_rx_descriptor_dump,
           &Ops::eth_tx_descriptor_dump>(ops);
  lock_all<&Ops::dev_supported_ptypes_get, &Ops::dev_ptypes_set, &Ops::vlan_filter_set, &Ops::vlan_tpid_set,
           &Ops::vlan_strip_queue_set, &Ops::vlan_offload_set, &Ops::vlan_pvid_set, &Ops::flow_ops_get,
           &Ops::timesync_enable, &Ops::timesync_disable, &Ops::timesync_read_rx_timestamp,
           &Ops::timesync_read_tx_timestamp, &Ops::timesync_adjust_time, &Ops::timesync_read_time,
           &Ops::timesync_write_time, &Ops::read_clock, &Ops::rx_metadata_negotiate>(ops);
  lock_all<&Ops::fw_version_get, &Ops::dev_led_on, &Ops::dev_led_off, &Ops::flow_ctrl_get, &Ops::flow_ctrl_set,
           &Ops::rss_hash_update, &Ops::rss_hash_conf_get, &Ops::reta_update, &Ops::reta_query, &Ops::get_reg,
           &Ops::get_eeprom_length, &Ops::get_eeprom, &Ops::set_eeprom, &Ops::get_module_info,
           &Ops::get_module_eeprom, &Ops::pool_ops_supported>(ops);
}

}  // namespace zcnbrh::pmd
