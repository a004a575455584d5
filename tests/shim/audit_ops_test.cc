// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What `zcnbrh-migrate audit` says of ethdev's calls against the driver itself: a call is "not supported"
// exactly where the driver leaves its operation out. Every operation of struct eth_dev_ops has a row.
#include <ethdev_driver.h>
#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <iterator>

#include "shim/migrate/symbol_table.h"
#include "tests/dpdk/eal_port.h"

namespace zcnbrh::migrate {
namespace {

struct Row {
  const char* op;
  const char* call;  // one of those that end in it
  bool (*is_there)(const eth_dev_ops& ops);
};

constexpr Row kRows[] = {
#define ROW(op, call)                                                    \
  {                                                                      \
#op, #call, [](const eth_dev_ops& ops) { return ops.op != nullptr; } \
  }
    ROW(dev_configure, rte_eth_dev_configure),
    ROW(dev_start, rte_eth_dev_start),
    ROW(dev_stop, rte_eth_dev_stop),
    ROW(dev_set_link_up, rte_eth_dev_set_link_up),
    ROW(dev_set_link_down, rte_eth_dev_set_link_down),
    ROW(dev_close, rte_eth_dev_close),
    ROW(dev_reset, rte_eth_dev_reset),
    ROW(link_update, rte_eth_link_get),
    ROW(is_removed, rte_eth_dev_is_removed),
    ROW(promiscuous_enable, rte_eth_promiscuous_enable),
    ROW(promiscuous_disable, rte_eth_promiscuous_disable),
    ROW(allmulticast_enable, rte_eth_allmulticast_enable),
    ROW(allmulticast_disable, rte_eth_allmulticast_disable),
    ROW(mac_addr_remove, rte_eth_dev_mac_addr_remove),
    ROW(mac_addr_add, rte_eth_dev_mac_addr_add),
    ROW(mac_addr_set, rte_eth_dev_default_mac_addr_set),
    ROW(set_mc_addr_list, rte_eth_dev_set_mc_addr_list),
    ROW(mtu_set, rte_eth_dev_set_mtu),
    ROW(stats_get, rte_eth_stats_get),
    ROW(stats_reset, rte_eth_stats_reset),
    ROW(xstats_get, rte_eth_xstats_get),
    ROW(xstats_reset, rte_eth_xstats_reset),
    ROW(xstats_get_names, rte_eth_xstats_get_names),
    ROW(queue_stats_mapping_set, rte_eth_dev_set_rx_queue_stats_mapping),
    ROW(dev_infos_get, rte_eth_dev_info_get),
    ROW(rxq_info_get, rte_eth_rx_queue_info_get),
    ROW(txq_info_get, rte_eth_tx_queue_info_get),
    ROW(rx_burst_mode_get, rte_eth_rx_burst_mode_get),
    ROW(tx_burst_mode_get, rte_eth_tx_burst_mode_get),
    ROW(fw_version_get, rte_eth_dev_fw_version_get),
    ROW(dev_supported_ptypes_get, rte_eth_dev_get_supported_ptypes),
    ROW(dev_ptypes_set, rte_eth_dev_set_ptypes),
    ROW(vlan_filter_set, rte_eth_dev_vlan_filter),
    ROW(vlan_tpid_set, rte_eth_dev_set_vlan_ether_type),
    ROW(vlan_strip_queue_set, rte_eth_dev_set_vlan_strip_on_queue),
    ROW(vlan_offload_set, rte_eth_dev_set_vlan_offload),
    ROW(vlan_pvid_set, rte_eth_dev_set_vlan_pvid),
    ROW(rx_queue_start, rte_eth_dev_rx_queue_start),
    ROW(rx_queue_stop, rte_eth_dev_rx_queue_stop),
    ROW(tx_queue_start, rte_eth_dev_tx_queue_start),
    ROW(tx_queue_stop, rte_eth_dev_tx_queue_stop),
    ROW(rx_queue_setup, rte_eth_rx_queue_setup),
    ROW(rx_queue_release, rte_eth_dev_close),
    ROW(rx_queue_intr_enable, rte_eth_dev_rx_intr_enable),
    ROW(rx_queue_intr_disable, rte_eth_dev_rx_intr_disable),
    ROW(tx_queue_setup, rte_eth_tx_queue_setup),
    ROW(tx_queue_release, rte_eth_dev_close),
    ROW(tx_done_cleanup, rte_eth_tx_done_cleanup),
    ROW(dev_led_on, rte_eth_led_on),
    ROW(dev_led_off, rte_eth_led_off),
    ROW(flow_ctrl_get, rte_eth_dev_flow_ctrl_get),
    ROW(flow_ctrl_set, rte_eth_dev_flow_ctrl_set),
    ROW(priority_flow_ctrl_set, rte_eth_dev_priority_flow_ctrl_set),
    ROW(priority_flow_ctrl_queue_info_get, rte_eth_dev_priority_flow_ctrl_queue_info_get),
    ROW(priority_flow_ctrl_queue_config, rte_eth_dev_priority_flow_ctrl_queue_configure),
    ROW(uc_hash_table_set, rte_eth_dev_uc_hash_table_set),
    ROW(uc_all_hash_table_set, rte_eth_dev_uc_all_hash_table_set),
    ROW(udp_tunnel_port_add, rte_eth_dev_udp_tunnel_port_add),
    ROW(udp_tunnel_port_del, rte_eth_dev_udp_tunnel_port_delete),
    ROW(set_queue_rate_limit, rte_eth_set_queue_rate_limit),
    ROW(rss_hash_update, rte_eth_dev_rss_hash_update),
    ROW(rss_hash_conf_get, rte_eth_dev_rss_hash_conf_get),
    ROW(reta_update, rte_eth_dev_rss_reta_update),
    ROW(reta_query, rte_eth_dev_rss_reta_query),
    ROW(get_reg, rte_eth_dev_get_reg_info),
    ROW(get_eeprom_length, rte_eth_dev_get_eeprom_length),
    ROW(get_eeprom, rte_eth_dev_get_eeprom),
    ROW(set_eeprom, rte_eth_dev_set_eeprom),
    ROW(get_module_info, rte_eth_dev_get_module_info),
    ROW(get_module_eeprom, rte_eth_dev_get_module_eeprom),
    ROW(flow_ops_get, rte_flow_create),
    ROW(get_dcb_info, rte_eth_dev_get_dcb_info),
    ROW(timesync_enable, rte_eth_timesync_enable),
    ROW(timesync_disable, rte_eth_timesync_disable),
    ROW(timesync_read_rx_timestamp, rte_eth_timesync_read_rx_timestamp),
    ROW(timesync_read_tx_timestamp, rte_eth_timesync_read_tx_timestamp),
    ROW(timesync_adjust_time, rte_eth_timesync_adjust_time),
    ROW(timesync_read_time, rte_eth_timesync_read_time),
    ROW(timesync_write_time, rte_eth_timesync_write_time),
    ROW(read_clock, rte_eth_read_clock),
    ROW(xstats_get_by_id, rte_eth_xstats_get_by_id),
    ROW(xstats_get_names_by_id, rte_eth_xstats_get_names_by_id),
    ROW(tm_ops_get, rte_tm_node_add),
    ROW(mtr_ops_get, rte_mtr_create),
    ROW(pool_ops_supported, rte_eth_dev_pool_ops_supported),
    ROW(hairpin_cap_get, rte_eth_dev_hairpin_capability_get),
    ROW(rx_hairpin_queue_setup, rte_eth_rx_hairpin_queue_setup),
    ROW(tx_hairpin_queue_setup, rte_eth_tx_hairpin_queue_setup),
    ROW(fec_get_capability, rte_eth_fec_get_capability),
    ROW(fec_get, rte_eth_fec_get),
    ROW(fec_set, rte_eth_fec_set),
    ROW(hairpin_get_peer_ports, rte_eth_hairpin_get_peer_ports),
    ROW(hairpin_bind, rte_eth_hairpin_bind),
    ROW(hairpin_unbind, rte_eth_hairpin_unbind),
    ROW(hairpin_queue_peer_update, rte_eth_hairpin_queue_peer_update),
    ROW(hairpin_queue_peer_bind, rte_eth_hairpin_queue_peer_bind),
    ROW(hairpin_queue_peer_unbind, rte_eth_hairpin_queue_peer_unbind),
    ROW(get_monitor_addr, rte_eth_get_monitor_addr),
    ROW(representor_info_get, rte_eth_representor_info_get),
    ROW(rx_metadata_negotiate, rte_eth_rx_metadata_negotiate),
    ROW(ip_reassembly_capability_get, rte_eth_ip_reassembly_capability_get),
    ROW(ip_reassembly_conf_get, rte_eth_ip_reassembly_conf_get),
    ROW(ip_reassembly_conf_set, rte_eth_ip_reassembly_conf_set),
    ROW(buffer_split_supported_hdr_ptypes_get, rte_eth_buffer_split_get_supported_hdr_ptypes),
    ROW(eth_dev_priv_dump, rte_eth_dev_priv_dump),
    ROW(rx_queue_avail_thresh_set, rte_eth_rx_avail_thresh_set),
    ROW(rx_queue_avail_thresh_query, rte_eth_rx_avail_thresh_query),
    ROW(eth_rx_descriptor_dump, rte_eth_rx_descriptor_dump),
    ROW(eth_tx_descriptor_dump, rte_eth_tx_descriptor_dump),
    ROW(cman_info_get, rte_eth_cman_info_get),
    ROW(cman_config_init, rte_eth_cman_config_init),
    ROW(cman_config_set, rte_eth_cman_config_set),
    ROW(cman_config_get, rte_eth_cman_config_get),
#undef ROW
};
static_assert(std::size(kRows) * sizeof(void (*)()) == sizeof(eth_dev_ops), "an operation without a row");

// Without the operation ethdev itself says yes: any pool may serve.
bool ethdev_answers(const Row& row) { return std::string(row.op) == "pool_ops_supported"; }

TEST(Audit, SaysNotSupportedWhereTheDriverHasNoOperation) {
  ASSERT_TRUE(testing::eal_ready());
  rte_mempool* pool = rte_pktmbuf_pool_create("audit", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  ASSERT_NE(pool, nullptr);
  testing::EalPort port("net_zcnbrh_audit", {.devargs = "iface=loop"}, pool);
  ASSERT_EQ(port.error(), "");
  const eth_dev_ops& ops = *rte_eth_devices[port.id()].dev_ops;
  int missing = 0;
  for (const Row& row : kRows) {
    missing += row.is_there(ops) ? 0 : 1;
    const bool supported = judge(row.call).way != Way::kNotSupported;
    EXPECT_EQ(supported, row.is_there(ops) || ethdev_answers(row)) << row.op << ": " << row.call;
  }
  EXPECT_GT(missing, 0);
  EXPECT_EQ(judge("rte_eth_dev_get_sec_ctx").way == Way::kNotSupported,
            rte_eth_devices[port.id()].security_ctx == nullptr);
  port.close();
  rte_mempool_free(pool);
}

}  // namespace
}  // namespace zcnbrh::migrate
