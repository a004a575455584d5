// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/eal_port.h"

#include <dlfcn.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace zcnbrh::testing {
namespace {

bool start_eal() {
  // Not by -d: EAL refuses a driver below a world-writable folder, and a clone may lie in one.
  const char* driver = std::getenv("ZCNBRH_PMD");
  if (driver == nullptr || ::dlopen(driver, RTLD_NOW) == nullptr) {
    std::fprintf(stderr, "ZCNBRH_PMD: %s\n", driver == nullptr ? "not set; meson test sets it" : ::dlerror());
    return false;
  }
  const std::string prefix = "zcnbrh-test-" + std::to_string(::getpid());
  std::vector<std::string> words = {"test",        "--no-huge",     "-m",   "256", "--no-pci", "--no-telemetry",
                                    "--no-shconf", "--file-prefix", prefix, "-l",  "0"};
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
}

}  // namespace

bool eal_ready() {
  static const bool ready = start_eal();
  return ready;
}

EalPort::EalPort(const std::string& name, const PortPlan& plan, rte_mempool* pool)
    : name_(name), plan_(plan), pool_(pool) {
  if (int r = rte_vdev_init(name.c_str(), plan.devargs.c_str()); r != 0) {
    error_ = "probe: " + std::to_string(r);
    return;
  }
  if (rte_eth_dev_get_port_by_name(name.c_str(), &id_) != 0) error_ = "no such port";
  if (error_.empty() && setup_queues(plan.rx_queues, plan.tx_queues) != 0) error_ = "queue setup";
  if (error_.empty())
    if (int r = rte_eth_dev_start(id_); r != 0) error_ = "start: " + std::to_string(r);
}

int EalPort::setup_queues(uint16_t rx, uint16_t tx) {
  if (int r = rte_eth_dev_configure(id_, rx, tx, &plan_.conf); r != 0) return r;
  for (uint16_t q = 0; q < rx; ++q)
    if (int r = rte_eth_rx_queue_setup(id_, q, plan_.rx_desc, SOCKET_ID_ANY, nullptr, pool_); r != 0) return r;
  for (uint16_t q = 0; q < tx; ++q)
    if (int r = rte_eth_tx_queue_setup(id_, q, plan_.tx_desc, SOCKET_ID_ANY, nullptr); r != 0) return r;
  return 0;
}

std::map<std::string, uint64_t> EalPort::xstats() const {
  const int count = rte_eth_xstats_get(id_, nullptr, 0);
  if (count <= 0) return {};
  std::vector<rte_eth_xstat> values(static_cast<size_t>(count));
  std::vector<rte_eth_xstat_name> names(values.size());
  rte_eth_xstats_get(id_, values.data(), static_cast<unsigned>(count));
  rte_eth_xstats_get_names(id_, names.data(), static_cast<unsigned>(count));
  std::map<std::string, uint64_t> out;
  for (const rte_eth_xstat& value : values) out[names[value.id].name] = value.value;
  return out;
}

uint64_t EalPort::sum(const std::string& ending) const {
  uint64_t total = 0;
  for (const auto& [name, value] : xstats())
    if (name.ends_with(ending)) total += value;
  return total;
}

void EalPort::close() {
  if (id_ == RTE_MAX_ETHPORTS) {
    return;
  }
  rte_eth_dev_stop(id_);
  rte_eth_dev_close(id_);
  rte_vdev_uninit(name_.c_str());
  id_ = RTE_MAX_ETHPORTS;
}

}  // namespace zcnbrh::testing
