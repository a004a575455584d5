// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// EAL, mempools, and ethdev ports of both drivers whose rings a peer serves.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/xsk/loop_kernel.h"

namespace zcnbrh::bench {

inline constexpr uint32_t kMempoolCache = 250;  // testpmd's

enum class PmdDriver { kZcnbrh, kAfXdp };
const char* to_string(PmdDriver driver);

// Starts EAL on one core, with net_af_xdp loaded. On huge pages where `megabytes` of them are free, otherwise
// on plain ones, or where `plain`; says which. Throws.
enum class Pages { kHuge, kPlain };
Pages start_eal(int cpu, unsigned megabytes, const std::string& extra_argument = {}, bool plain = false);
const char* to_string(Pages pages);

class Pool {
 public:
  // `ops`: null for the default.
  Pool(const std::string& name, uint32_t mbufs, const char* ops);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { rte_mempool_free(pool_); }
  struct rte_mempool* get() const {
    return pool_;
  }
  uint32_t mbufs() const { return pool_->size; }
  uint32_t available() const { return rte_mempool_avail_count(pool_); }

 private:
  struct rte_mempool* pool_;
};

struct PmdPlan {
  uint32_t mbufs = 8192;
  uint16_t descriptors = 2048;
  uint32_t busy_budget = 0;
  uint16_t queues = 1;  // net_zcnbrh only: the rival asks the netdev how many it has, and gets 1
  std::string keys;     // more of them, as ",key=value"
};

// The bursts of one queue of a port.
struct PortQueue {
  uint16_t port;
  uint16_t queue;

  uint16_t receive(struct rte_mbuf** packets, uint16_t count) const {
    return rte_eth_rx_burst(port, queue, packets, count);
  }
  uint16_t send(struct rte_mbuf** packets, uint16_t count) const {
    return rte_eth_tx_burst(port, queue, packets, count);
  }
};

// A started port, with its own pool: for net_zcnbrh with the mempool ops that it makes the default
// when it probes, for net_af_xdp with DPDK's own default.
class RingPort {
 public:
  RingPort(PmdDriver driver, const PmdPlan& plan);
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;
  ~RingPort();

  // Of queue 0.
  uint16_t receive(struct rte_mbuf** packets, uint16_t count) const { return at(0).receive(packets, count); }
  uint16_t send(struct rte_mbuf** packets, uint16_t count) const { return at(0).send(packets, count); }
  PortQueue at(uint16_t queue) const { return {id_, queue}; }

  PmdDriver driver() const { return driver_; }
  uint16_t id() const { return id_; }
  struct rte_mempool* pool() const {
    return pool_->get();
  }
  LoopSocket* socket() const { return sockets_[0]; }
  const std::vector<LoopSocket*>& sockets() const { return sockets_; }  // one a queue
  uint64_t system_calls() const;                                        // so far
  // Stops and closes the port. How many mbufs are not back in their pool.
  uint32_t close();

 private:
  void probe(const PmdPlan& plan);
  void start(const PmdPlan& plan);

  PmdDriver driver_;
  std::string name_;
  std::unique_ptr<Pool> pool_;
  uint16_t id_ = RTE_MAX_ETHPORTS;
  std::vector<LoopSocket*> sockets_;
};

}  // namespace zcnbrh::bench
