// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The application of the PMD ring bench: the loops of testpmd's rxonly, txonly and io, the same code for every
// port. A port has receive() and send(), as ethdev's bursts.
//
// What the application itself costs (giving buffers back, taking and resetting new ones) is measured over
// NullPort, which is no driver at all. Its buffers are as cold as a driver's: those handed out are the oldest
// of as many as a port has descriptors.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "bench/ring/peer_queue.h"

namespace zcnbrh::bench {

inline constexpr uint16_t kPmdBurst = 32;

// Looks at received packets: each has the number after the one before.
class NumberCheck {
 public:
  void look(const struct rte_mbuf* m) {
    uint64_t number;
    std::memcpy(&number, rte_pktmbuf_mtod(m, const void*), sizeof number);
    const bool good = m->pkt_len == kPacketBytes && m->data_len == kPacketBytes && m->nb_segs == 1 &&
                      m->next == nullptr && m->ol_flags == 0 && rte_mbuf_refcnt_read(m) == 1;
    if (!good || number != next_) ++wrong_;
    next_ = number + 1;
  }
  uint64_t wrong() const { return wrong_; }

 private:
  uint64_t next_ = 0;
  uint64_t wrong_ = 0;
};

// kRaw: buffers go back to the pool unlooked at, as a program may that knows them to be fresh.
template <bool kRaw, bool kCheck, typename Port>
class RxOnly {
 public:
  static constexpr bool kReceives = true;
  RxOnly(Port& port, struct rte_mempool* pool) : port_(port), pool_(pool) {}
  uint32_t operator()() {
    struct rte_mbuf* packets[kPmdBurst];
    const uint16_t n = port_.receive(packets, kPmdBurst);
    if constexpr (kCheck)
      for (uint16_t i = 0; i < n; ++i) check_.look(packets[i]);
    if (n == 0) return 0;
    if constexpr (kRaw)
      rte_mempool_put_bulk(pool_, reinterpret_cast<void**>(packets), n);
    else
      rte_pktmbuf_free_bulk(packets, n);
    return n;
  }
  bool pending() const { return false; }
  void finish() {}
  uint64_t wrong() const { return check_.wrong(); }

 private:
  Port& port_;
  struct rte_mempool* pool_;
  NumberCheck check_;
};

// Sends what is pending, and says how much went; what does not fit is offered again, never thrown away.
template <typename Port>
class Sender {
 public:
  explicit Sender(Port& port) : port_(port) {}
  bool pending() const { return at_ < count_; }
  struct rte_mbuf** load(uint16_t count) {
    at_ = 0;
    count_ = count;
    return packets_;
  }
  uint32_t send() {
    const uint16_t n = port_.send(packets_ + at_, static_cast<uint16_t>(count_ - at_));
    at_ = static_cast<uint16_t>(at_ + n);
    return n;
  }
  // Gives back what was not sent.
  void drop() {
    rte_pktmbuf_free_bulk(packets_ + at_, static_cast<unsigned>(count_ - at_));
    at_ = count_ = 0;
  }

 private:
  Port& port_;
  struct rte_mbuf* packets_[kPmdBurst];
  uint16_t at_ = 0;
  uint16_t count_ = 0;
};

template <bool kCheck, typename Port>
class TxOnly {
 public:
  static constexpr bool kReceives = false;
  TxOnly(Port& port, struct rte_mempool* pool) : sender_(port), pool_(pool) {}
  uint32_t operator()() {
    if (!sender_.pending()) {
      struct rte_mbuf** fresh = sender_.load(kPmdBurst);
      if (rte_pktmbuf_alloc_bulk(pool_, fresh, kPmdBurst) != 0)
        throw std::runtime_error("txonly: the pool is empty");
      for (uint32_t i = 0; i < kPmdBurst; ++i) {
        fresh[i]->data_len = kPacketBytes;
        fresh[i]->pkt_len = kPacketBytes;
        if constexpr (kCheck)
          std::memcpy(rte_pktmbuf_mtod(fresh[i], void*), &number_, sizeof number_), ++number_;
      }
    }
    return sender_.send();
  }
  bool pending() const { return sender_.pending(); }
  void finish() { sender_.drop(); }
  uint64_t wrong() const { return 0; }  // the peer looks

 private:
  Sender<Port> sender_;
  struct rte_mempool* pool_;
  uint64_t number_ = 0;
};

// One port: what comes in goes out. A packet counts when it is sent.
template <bool kCheck, typename Port>
class Io {
 public:
  static constexpr bool kReceives = true;
  Io(Port& port, struct rte_mempool* /*pool*/) : port_(port), sender_(port) {}
  uint32_t operator()() {
    if (!sender_.pending()) {
      struct rte_mbuf** packets = sender_.load(0);
      const uint16_t n = port_.receive(packets, kPmdBurst);
      if (n == 0) return 0;
      sender_.load(n);
      if constexpr (kCheck)
        for (uint16_t i = 0; i < n; ++i) check_.look(packets[i]);
    }
    return sender_.send();
  }
  bool pending() const { return sender_.pending(); }
  void finish() { sender_.drop(); }
  uint64_t wrong() const { return check_.wrong(); }

 private:
  Port& port_;
  Sender<Port> sender_;
  NumberCheck check_;
};

// No driver: receives buffers fresh from the pool and returns sent ones to it, each in one raw bulk call; for
// io, which takes and gives back none, the same buffers go round.
class NullPort {
 public:
  NullPort(struct rte_mempool* pool, uint32_t descriptors, bool takes_buffers)
      : pool_(pool), waiting_(descriptors), takes_(takes_buffers) {
    if (rte_mempool_get_bulk(pool_, slots(), descriptors) != 0)
      throw std::runtime_error("null port: pool is empty");
  }
  NullPort(const NullPort&) = delete;
  NullPort& operator=(const NullPort&) = delete;
  ~NullPort() { rte_mempool_put_bulk(pool_, slots(), static_cast<unsigned>(waiting_.size())); }

  uint16_t receive(struct rte_mbuf** packets, uint16_t count) {
    if (takes_) {
      if (rte_mempool_get_bulk(pool_, reinterpret_cast<void**>(packets), count) != 0) return 0;
      exchange(packets, count);
    } else {
      for (uint16_t i = 0; i < count; ++i) packets[i] = waiting_[(at_ + i) % waiting_.size()];
      at_ += count;
    }
    return count;
  }
  uint16_t send(struct rte_mbuf** packets, uint16_t count) {
    if (!takes_) return count;
    exchange(packets, count);
    rte_mempool_put_bulk(pool_, reinterpret_cast<void**>(packets), count);
    return count;
  }

 private:
  void** slots() { return reinterpret_cast<void**>(waiting_.data()); }
  void exchange(struct rte_mbuf** packets, uint16_t count) {
    for (uint16_t i = 0; i < count; ++i) std::swap(packets[i], waiting_[(at_ + i) % waiting_.size()]);
    at_ += count;
  }

  struct rte_mempool* pool_;
  std::vector<struct rte_mbuf*> waiting_;
  size_t at_ = 0;
  bool takes_;
};

}  // namespace zcnbrh::bench
