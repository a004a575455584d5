// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The ethdev operations, a group a file: each group fills in its own entries of the table.
#pragma once

#include "drivers/net/zcnbrh/pmd.h"

namespace zcnbrh::pmd {

// ethdev_ops.cc
const struct eth_dev_ops* ethdev_ops();
void keep_info(struct rte_eth_dev* dev);  // in SharedPort

void add_link_ops(struct eth_dev_ops& ops);        // link.cc
void add_ethtool_ops(struct eth_dev_ops& ops);     // ethtool_ops.cc
void add_rss_ops(struct eth_dev_ops& ops);         // rss_ops.cc
void add_netdev_ops(struct eth_dev_ops& ops);      // netdev_ops.cc
void add_offload_ops(struct eth_dev_ops& ops);     // offload_ops.cc
void add_timesync_ops(struct eth_dev_ops& ops);    // timesync.cc
void add_queue_ops(struct eth_dev_ops& ops);       // queue_ops.cc
void add_queue_run_ops(struct eth_dev_ops& ops);   // queue_run.cc
void add_queue_info_ops(struct eth_dev_ops& ops);  // queue_info.cc
void add_interrupt_ops(struct eth_dev_ops& ops);   // interrupts.cc
void add_threshold_ops(struct eth_dev_ops& ops);   // rx_threshold.cc
void add_xstats_ops(struct eth_dev_ops& ops);      // xstats.cc
void add_stats_ops(struct eth_dev_ops& ops);       // stats.cc, xstats.cc

void register_telemetry();  // telemetry.cc: once a process

// queue_info.cc: what ethdev calls through rte_eth_fp_ops besides the bursts
void set_queue_functions(struct rte_eth_dev* dev);

// What dev_infos_get reports, a group a function
void add_queue_info(struct rte_eth_dev_info& info);  // queue_ops.cc

// offload_ops.cc
void add_offload_info(const PmdPort& port, struct rte_eth_dev_info& info);  // capabilities
Status prepare_offloads(struct rte_eth_dev* dev);  // before queues are opened; in dev_start
Status apply_offloads(struct rte_eth_dev* dev);    // what was configured, to the queues; in dev_start

// offload_ops.cc: what a burst reads, and which burst, anew while the port runs
void switch_bursts(struct rte_eth_dev* dev);

// timesync.cc
void find_clock(PmdPort& port);                   // the device's own, if it has one that may be opened
bool rx_stamps_are_devices(const PmdPort& port);  // and of that clock
bool device_stamps_sent(const PmdPort& port);     // packets, if asked, and by that clock

// lock_ops.cc
void lock_ops(
    struct eth_dev_ops& ops);  // wraps each operation that is there in one that holds the control lock

// link.cc
inline constexpr uint32_t kLoopSpeed = 10000;  // Mbit/s, of a loop port: programs divide by it
int set_link(struct rte_eth_dev* dev, const LinkState& state);
void start_link(struct rte_eth_dev* dev);                            // as it is, for a port that starts
void stop_link(struct rte_eth_dev* dev);                             // down, whatever the netdev's is
bool link_changed(struct rte_eth_dev* dev, const LinkState& state);  // true: the application is to be told
bool refresh_link(struct rte_eth_dev* dev);                          // the same, and asks the netdev

// ethdev_ops.cc
Status bring_up(struct rte_eth_dev* dev);  // the XDP program, then all queues that are to run; or nothing

// netdev_ops.cc
void replay_settings(struct rte_eth_dev* dev);  // on a netdev that is new to the port
void drop_holds(PmdPort& port);

// rss_ops.cc
void add_rss_info(const PmdPort& port, struct rte_eth_dev_info& info);
void add_speed_info(const PmdPort& port, struct rte_eth_dev_info& info);  // ethtool_ops.cc
Status configure_rss(struct rte_eth_dev* dev);
bool nic_has_rss(const PmdPort& port);
void follow_nic_rss(struct rte_eth_dev* dev);  // the hash in software by the NIC's key and types, if it has RSS

// removal.cc
Status watch_netdev(struct rte_eth_dev* dev);  // from probe on; nothing to do for a loop port
void watch_program(const PmdPort& port);       // from a start on

}  // namespace zcnbrh::pmd
