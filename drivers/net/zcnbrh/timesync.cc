// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/timesync.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "drivers/net/zcnbrh/log.h"
#include "drivers/net/zcnbrh/ops.h"
#include "drivers/net/zcnbrh/ptp_packet.h"
#include "lib/base/uapi_xdp.h"
#include "lib/xdp/rx_metadata.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t tai_ns() {
  struct timespec now {};
  ::clock_gettime(CLOCK_TAI, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

struct timespec to_timespec(uint64_t ns) {
  return {static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
}

// Ports that have a netdev to find a clock by, and not one that a secondary process sees.
PmdPort* clocked(struct rte_eth_dev* dev) {
  PmdPort* port = port_of(dev);
  if (port != nullptr) find_clock(*port);
  return port;
}

// Where sent packets are stamped by the device, its room for requests must be in the UMEM.
void tell(const PmdPort& port) {
  const char* clock = port.timesync.phc ? "the device's PTP clock" : "a clock of software (CLOCK_TAI)";
  const bool rx = rx_stamps_are_devices(port);
  const bool tx = std::any_of(port.slots.begin(), port.slots.end(),
                              [](const auto& slot) { return slot->tx_policy.device.timestamp; });
  ZLOG(INFO, "port %u (%s): timesync on %s; received packets are stamped by %s, sent ones by %s", port.port_id,
       port.name.c_str(), clock, rx ? "the device" : "the burst", tx ? "the device" : "the burst");
  if (!tx && device_stamps_sent(port))
    ZLOG(NOTICE,
         "port %u (%s): sent packets are stamped by the device if timesync, or "
         "RTE_ETH_RX_OFFLOAD_TIMESTAMP, is on before the port starts",
         port.port_id, port.name.c_str());
}

int timesync_enable(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = clocked(dev);
  if (port == nullptr) return -ENOTSUP;
  uint64_t ignored = 0;
  port->timesync.rx.clear();
  for (const auto& slot : port->slots)
    while (slot->timesync.tx.take(slot->timesync.tx_read)) ++ignored;
  port->timesync.enabled = true;
  switch_bursts(dev);
  tell(*port);
  return 0;
}

int timesync_disable(struct rte_eth_dev* dev) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  port->timesync.enabled = false;
  switch_bursts(dev);
  return 0;
}

int read_rx_timestamp(struct rte_eth_dev* dev, struct timespec* out, uint32_t number) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  const auto ns = port->timesync.rx.take(number);
  if (!ns) return -EINVAL;
  *out = to_timespec(*ns);
  return 0;
}

// Of the queue that has one: an application waits for one at a time.
int read_tx_timestamp(struct rte_eth_dev* dev, struct timespec* out) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  for (const auto& slot : port->slots) {
    const auto ns = slot->timesync.tx.take(slot->timesync.tx_read);
    if (!ns) continue;
    *out = to_timespec(*ns);
    return 0;
  }
  return -EINVAL;
}

int adjust_time(struct rte_eth_dev* dev, int64_t ns) noexcept {
  PmdPort* port = clocked(dev);
  if (port == nullptr) return -ENOTSUP;
  PortTimesync& sync = port->timesync;
  if (!sync.phc) return sync.offset.fetch_add(ns, std::memory_order_relaxed), 0;
  const Status s = sync.phc->shift(ns);
  return s ? 0 : log_error(*port, "timesync", s.error());
}

int read_time(struct rte_eth_dev* dev, struct timespec* out) noexcept {
  const PmdPort* port = clocked(dev);
  if (port == nullptr) return -ENOTSUP;
  *out = to_timespec(port->timesync.now_ns());
  return 0;
}

int write_time(struct rte_eth_dev* dev, const struct timespec* to) noexcept {
  PmdPort* port = clocked(dev);
  if (port == nullptr) return -ENOTSUP;
  if (to->tv_sec < 0 || to->tv_nsec < 0 || to->tv_nsec >= static_cast<long>(kSecond)) return -EINVAL;
  const uint64_t ns = static_cast<uint64_t>(to->tv_sec) * kSecond + static_cast<uint64_t>(to->tv_nsec);
  PortTimesync& sync = port->timesync;
  if (!sync.phc) return sync.offset.store(static_cast<int64_t>(ns - tai_ns()), std::memory_order_relaxed), 0;
  const Status s = sync.phc->set(ns);
  return s ? 0 : log_error(*port, "timesync", s.error());
}

}  // namespace

// No burst reads the clock meanwhile: it is looked for before timesync is switched on, and once more for a
// netdev that has come back, before its queues run.
void find_clock(PmdPort& port) {
  PortTimesync& sync = port.timesync;
  const auto number = port.port->is_loop() ? std::nullopt : ptp_clock_index(port.port->info().name);
  if (number == sync.looked_for) return;
  sync.looked_for = number;
  sync.phc.reset();
  if (!number) return;
  auto clock = PtpClock::open(*number);
  if (clock) return void(sync.phc.emplace(std::move(*clock)));
  ZLOG(NOTICE, "port %u (%s): time stamps are of a clock of software: %s", port.port_id, port.name.c_str(),
       clock.error().text().c_str());
}

bool rx_stamps_are_devices(const PmdPort& port) {
  return port.timesync.phc.has_value() && (port.port->device_metadata() & ZCNBRH_META_TIMESTAMP) != 0;
}

bool device_stamps_sent(const PmdPort& port) {
  const bool stamps = (port.port->device_tx_features() & uapi::kNetdevXskTxTimestamp) != 0;
  return stamps && (port.timesync.phc.has_value() || port.port->tx_features_forced());
}

uint64_t PortTimesync::now_ns() const {
  return phc ? phc->now_ns() : tai_ns() + static_cast<uint64_t>(offset.load(std::memory_order_relaxed));
}

std::optional<uint64_t> TxStamp::take(uint64_t& read) const {
  const uint64_t before = sequence_.load(std::memory_order_acquire);
  const uint64_t number = number_.load(std::memory_order_relaxed);
  if (before % 2 != 0 || number == read) return {};
  uint64_t ns = ns_.load(std::memory_order_relaxed);
  if (uint64_t* awaited = awaited_.load(std::memory_order_relaxed); ns == 0 && awaited != nullptr)
    ns = std::atomic_ref(*awaited).load(std::memory_order_relaxed);
  std::atomic_thread_fence(
      std::memory_order_acquire);  // pairs with begin_change(): the frame was still that one
  if (ns == 0 || sequence_.load(std::memory_order_relaxed) != before) return {};
  read = number;
  return ns;
}

// The kernel writes a stamp before it gives the frame back, so one that is not there now will not come.
void TxStamp::let_go_of(const uint8_t* data) {
  uint64_t* awaited = awaited_.load(std::memory_order_relaxed);
  const uint64_t ns = std::atomic_ref(*awaited).load(std::memory_order_acquire);
  const bool this_frame = reinterpret_cast<const uint8_t*>(awaited) == data - uapi::kXskTxStampBefore;
  if (ns == 0 && !this_frame) return;
  begin_change();
  ns_.store(ns, std::memory_order_relaxed);
  awaited_.store(nullptr, std::memory_order_relaxed);
  end_change();
}

void note_ptp(struct rte_mbuf* m, PortTimesync& port, uint64_t stamp) {
  const PtpKind kind = ptp_kind(m);
  if (kind == PtpKind::kNone) return;
  m->ol_flags |= RTE_MBUF_F_RX_IEEE1588_PTP;
  if (kind != PtpKind::kEvent) return;
  m->timesync = port.rx.keep(stamp != 0 ? stamp : port.now_ns());
  m->ol_flags |= RTE_MBUF_F_RX_IEEE1588_TMST;
}

void add_timesync_ops(struct eth_dev_ops& ops) {
  ops.timesync_enable = timesync_enable;
  ops.timesync_disable = timesync_disable;
  ops.timesync_read_rx_timestamp = read_rx_timestamp;
  ops.timesync_read_tx_timestamp = read_tx_timestamp;
  ops.timesync_adjust_time = adjust_time;
  ops.timesync_read_time = read_time;
  ops.timesync_write_time = write_time;
}

}  // namespace zcnbrh::pmd
