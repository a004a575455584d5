// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One EAL for a test binary, and a port of the driver in it: plugged in, configured, started, and taken out
// again with every buffer counted.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <map>
#include <string>
#include <vector>

namespace zcnbrh::testing {

// Starts EAL at first use, in memory of its own, with the driver under test loaded. False: it did not start.
bool eal_ready();

struct PortPlan {
  std::string devargs;  // without the device's name
  uint16_t rx_queues = 1;
  uint16_t tx_queues = 1;
  uint16_t rx_desc = 512;
  uint16_t tx_desc = 512;
  rte_eth_conf conf{};
};

class EalPort {
 public:
  // `error()` is empty when the port is up. `pool` serves every RX queue.
  EalPort(const std::string& name, const PortPlan& plan, rte_mempool* pool);
  EalPort(const EalPort&) = delete;
  EalPort& operator=(const EalPort&) = delete;
  ~EalPort() { close(); }

  const std::string& error() const { return error_; }
  uint16_t id() const { return id_; }
  void set_interrupts(bool on) { plan_.conf.intr_conf.rxq = on; }  // for the next setup_queues()
  int setup_queues(uint16_t rx, uint16_t tx);  // of a stopped port; 0 or the first call's negative result
  std::map<std::string, uint64_t> xstats() const;
  uint64_t sum(const std::string& ending) const;  // of all xstats whose name ends so
  void close();                                   // stop, close and unplug; idempotent

 private:
  std::string name_;
  PortPlan plan_;
  rte_mempool* pool_;
  uint16_t id_ = RTE_MAX_ETHPORTS;
  std::string error_;
};

}  // namespace zcnbrh::testing
