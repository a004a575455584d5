// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A DPDK driver by rte_eth_rx_burst() and rte_eth_tx_burst(); it sleeps as l3fwd-power does, by RX interrupts.
#include <dlfcn.h>
#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_epoll.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "bench/io/path.h"

namespace zcnbrh::bench {
namespace {

constexpr unsigned kBuffers = 16384;
constexpr uint16_t kDescriptors = 2048;

// `driver` is from the folder named by ZCNBRH_PMD when it is ours; EAL finds the others by itself.
void start_eal(const PathOptions& options) {
  if (const char* own = std::getenv("ZCNBRH_PMD"); own != nullptr && ::dlopen(own, RTLD_NOW) == nullptr)
    fail(::dlerror());
  std::vector<std::string> words = {"bench",
                                    "--no-pci",
                                    "--no-telemetry",
                                    "--no-shconf",
                                    "--log-level=error",
                                    "--file-prefix",
                                    "zcnbrh-bench-" + std::to_string(::getpid()),
                                    "-l",
                                    std::to_string(options.cpu)};
  // As many as the pool takes; the caller has seen to huge pages, or says that there are none.
  if (std::getenv("ZCNBRH_BENCH_NO_HUGE") == nullptr)
    words.insert(words.end(), {"--in-memory"});
  else
    words.insert(words.end(), {"--no-huge", "-m", "256"});
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0)
    fail(std::string("EAL: ") + rte_strerror(rte_errno));
}

class EthdevPath final : public Path {
 public:
  EthdevPath(const std::string& driver, const PathOptions& options) : name_(driver + "0") {
    start_eal(options);
    pool_ = rte_pktmbuf_pool_create("bench", kBuffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool_ == nullptr) fail(std::string("mbuf pool: ") + rte_strerror(rte_errno));
    std::string keys = "iface=" + options.netdev;
    if (!options.keys.empty()) keys += "," + options.keys;
    check(rte_vdev_init(name_.c_str(), keys.c_str()), "probe");
    check(rte_eth_dev_get_port_by_name(name_.c_str(), &port_), "port");
    rte_eth_conf conf{};
    conf.intr_conf.rxq = options.sleeps;
    check(rte_eth_dev_configure(port_, 1, 1, &conf),
          options.sleeps ? "configure with RX interrupts" : "configure");
    check(rte_eth_rx_queue_setup(port_, 0, kDescriptors, SOCKET_ID_ANY, nullptr, pool_), "RX queue");
    check(rte_eth_tx_queue_setup(port_, 0, kDescriptors, SOCKET_ID_ANY, nullptr), "TX queue");
    check(rte_eth_dev_start(port_), "start");
    if (options.sleeps)
      check(rte_eth_dev_rx_intr_ctl_q(port_, 0, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, nullptr),
            "RX interrupts");
  }
  ~EthdevPath() override {
    rte_eth_dev_stop(port_);
    rte_eth_dev_close(port_);
    rte_vdev_uninit(name_.c_str());
  }

  std::span<const Bytes> receive() override {
    count_ = rte_eth_rx_burst(port_, 0, mbufs_.data(), kBatch);
    for (uint16_t i = 0; i < count_; ++i)
      packets_[i] = {rte_pktmbuf_mtod(mbufs_[i], std::byte*), rte_pktmbuf_data_len(mbufs_[i])};
    return {packets_.data(), count_};
  }
  void release() override {
    if (count_ != 0) rte_pktmbuf_free_bulk(mbufs_.data(), count_);
  }
  void send_back() override { transmit(); }
  uint32_t send(std::span<const std::byte> packet) override {
    if (rte_pktmbuf_alloc_bulk(pool_, mbufs_.data(), kBatch) != 0) {
      rte_eth_tx_burst(port_, 0, nullptr, 0);
      return 0;
    }
    count_ = kBatch;
    for (rte_mbuf* mbuf : mbufs_)
      std::memcpy(rte_pktmbuf_append(mbuf, static_cast<uint16_t>(packet.size())), packet.data(), packet.size());
    return transmit();
  }
  void wait(int milliseconds) override {
    if (rte_eth_dev_rx_intr_enable(port_, 0) != 0) return;
    rte_epoll_event event;
    rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, milliseconds);
    rte_eth_dev_rx_intr_disable(port_, 0);
  }

 private:
  static void check(int result, const char* step) {
    if (result < 0) fail(std::string(step) + ": " + rte_strerror(-result));
  }
  uint32_t transmit() {
    const uint16_t sent = rte_eth_tx_burst(port_, 0, mbufs_.data(), count_);
    if (sent < count_) rte_pktmbuf_free_bulk(mbufs_.data() + sent, count_ - sent);
    return sent;
  }

  std::string name_;
  rte_mempool* pool_ = nullptr;
  uint16_t port_ = 0;
  std::array<rte_mbuf*, kBatch> mbufs_{};
  std::array<Bytes, kBatch> packets_{};
  uint16_t count_ = 0;
};

}  // namespace

std::unique_ptr<Path> open_ethdev(const std::string& driver, const PathOptions& options) {
  return std::make_unique<EthdevPath>(driver, options);
}

}  // namespace zcnbrh::bench
