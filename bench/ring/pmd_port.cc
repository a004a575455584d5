// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/ring/pmd_port.h"

#include <dlfcn.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <vector>

#include "bench/ring/xsk_answers.h"

namespace zcnbrh::bench {
namespace {

[[noreturn]] void fail(const std::string& what, int code) {
  throw std::runtime_error(what + ": " + rte_strerror(code < 0 ? -code : code));
}
void must(int result, const std::string& what) {
  if (result < 0) fail(what, result);
}

unsigned free_huge_megabytes() {
  std::ifstream in("/proc/meminfo");
  std::string key;
  unsigned long pages = 0, kilobytes = 0;
  for (unsigned long value = 0; in >> key >> value; in.ignore(256, '\n')) {
    if (key == "HugePages_Free:") pages = value;
    if (key == "Hugepagesize:") kilobytes = value;
  }
  return static_cast<unsigned>(pages * kilobytes / 1024);
}

std::string unused_name(PmdDriver driver) {
  static unsigned count = 0;
  return std::string(to_string(driver)) + "_ring" + std::to_string(count++);
}

uint64_t xstat_sum(uint16_t port, std::initializer_list<std::string> endings) {
  const int count = rte_eth_xstats_get_names(port, nullptr, 0);
  if (count <= 0) return 0;
  std::vector<struct rte_eth_xstat_name> names(static_cast<size_t>(count));
  std::vector<struct rte_eth_xstat> values(names.size());
  must(rte_eth_xstats_get_names(port, names.data(), static_cast<unsigned>(count)), "rte_eth_xstats_get_names");
  must(rte_eth_xstats_get(port, values.data(), static_cast<unsigned>(count)), "rte_eth_xstats_get");
  uint64_t sum = 0;
  for (const struct rte_eth_xstat& value : values)
    for (const std::string& ending : endings)
      if (std::string(names[value.id].name).ends_with(ending)) sum += value.value;
  return sum;
}

}  // namespace

const char* to_string(PmdDriver driver) { return driver == PmdDriver::kZcnbrh ? "net_zcnbrh" : "net_af_xdp"; }
const char* to_string(Pages pages) { return pages == Pages::kHuge ? "2 MiB pages" : "4 KiB pages"; }

Pages start_eal(int cpu, unsigned megabytes, const std::string& extra_argument, bool plain) {
  // Global: its calls are to find our answers, and those are looked for in the program first.
  if (::dlopen("librte_net_af_xdp.so", RTLD_NOW | RTLD_GLOBAL) == nullptr)
    throw std::runtime_error(std::string("net_af_xdp: ") + ::dlerror() + "; install libdpdk-dev");
  const Pages pages = !plain && free_huge_megabytes() >= megabytes ? Pages::kHuge : Pages::kPlain;
  std::vector<std::string> words = {"bench",
                                    "--no-pci",
                                    "--no-telemetry",
                                    "-l",
                                    std::to_string(cpu),
                                    "-m",
                                    std::to_string(megabytes),
                                    "--log-level=lib.eal:warning",
                                    "--log-level=pmd.net.zcnbrh:error"};
  if (pages == Pages::kHuge) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(),
                 {"--no-huge", "--no-shconf", "--file-prefix", "zcnbrh-bench-" + std::to_string(::getpid())});
  }
  if (!extra_argument.empty()) words.push_back(extra_argument);
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) fail("rte_eal_init", rte_errno);
  LoopKernel::instance().allow_zero_copy(true);
  LoopKernel::instance().allow_busy_poll(true);
  return pages;
}

Pool::Pool(const std::string& name, uint32_t mbufs, const char* ops)
    : pool_(rte_pktmbuf_pool_create_by_ops(name.c_str(), mbufs, kMempoolCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                           SOCKET_ID_ANY, ops)) {
  if (pool_ == nullptr) fail("mempool of " + std::to_string(mbufs) + " mbufs", rte_errno);
}

RingPort::RingPort(PmdDriver driver, const PmdPlan& plan) : driver_(driver), name_(unused_name(driver)) {
  probe(plan);
  pool_ = std::make_unique<Pool>(name_, plan.mbufs, driver == PmdDriver::kZcnbrh ? nullptr : "ring_mp_mc");
  start(plan);
}

RingPort::~RingPort() {
  if (id_ != RTE_MAX_ETHPORTS) close();
}

// net_af_xdp wants a netdev that exists; all it asks of it is its index and address.
void RingPort::probe(const PmdPlan& plan) {
  std::string devargs = driver_ == PmdDriver::kZcnbrh ? "iface=loop" : "iface=lo";
  devargs += ",busy_budget=" + std::to_string(plan.busy_budget);
  if (plan.queues != 1) devargs += ",queue_count=" + std::to_string(plan.queues);
  devargs += plan.keys;
  must(rte_vdev_init(name_.c_str(), devargs.c_str()), name_);
  must(rte_eth_dev_get_port_by_name(name_.c_str(), &id_), name_);
}

void RingPort::start(const PmdPlan& plan) {
  struct rte_eth_conf conf {};
  must(rte_eth_dev_configure(id_, plan.queues, plan.queues, &conf), "rte_eth_dev_configure");
  for (uint16_t q = 0; q < plan.queues; ++q) {
    must(rte_eth_rx_queue_setup(id_, q, plan.descriptors, SOCKET_ID_ANY, nullptr, pool_->get()),
         "rte_eth_rx_queue_setup");
    must(rte_eth_tx_queue_setup(id_, q, plan.descriptors, SOCKET_ID_ANY, nullptr), "rte_eth_tx_queue_setup");
  }
  must(rte_eth_dev_start(id_), "rte_eth_dev_start");
  for (uint16_t q = 0; q < plan.queues; ++q) {
    sockets_.push_back(driver_ == PmdDriver::kZcnbrh ? LoopKernel::instance().kernel_side(name_, q)
                                                     : answered_socket());
    if (sockets_.back() == nullptr) throw std::runtime_error(name_ + ": no socket");
  }
}

uint64_t RingPort::system_calls() const {
  return driver_ == PmdDriver::kZcnbrh ? xstat_sum(id_, {"_wakes", "_busy_polls", "_kicks"}) : answered_calls();
}

uint32_t RingPort::close() {
  must(rte_eth_dev_stop(id_), "rte_eth_dev_stop");
  must(rte_eth_dev_close(id_), "rte_eth_dev_close");
  must(rte_vdev_uninit(name_.c_str()), "rte_vdev_uninit");
  id_ = RTE_MAX_ETHPORTS;
  return pool_->mbufs() - pool_->available();
}

}  // namespace zcnbrh::bench
