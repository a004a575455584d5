// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The NIC's receive-side scaling by ethtool; where it has none, the hash alone, in software (soft_rss.h). Of a
// NIC: indirection table, key, and the kinds of packet that are hashed. They are the netdev's and serve all its
// queues, those of the kernel's stack too. So nothing of it changes without being asked for: dev_configure()
// takes a key and adds hash types, and leaves the table alone.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "drivers/net/zcnbrh/ops.h"
#include "lib/netdev/ethtool_rss.h"

namespace zcnbrh::pmd {
namespace {

constexpr uint64_t kIpv4 = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER;
constexpr uint64_t kIpv6 = RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER;

struct FlowTypes {
  HashedFlow flow;
  uint64_t types;   // ethdev's, for what is hashed of such a packet: addresses, and ports where `ports`
  uint64_t family;  // ethdev's types for the addresses alone
  bool ports;
  bool
      settable;  // drivers that tell let the ports be switched on and off (igb, ixgbe, i40e, ice, mlx5, virtio)
};
constexpr FlowTypes kFlows[] = {
    {HashedFlow::kIpv4, kIpv4, kIpv4, false, false},
    {HashedFlow::kTcp4, RTE_ETH_RSS_NONFRAG_IPV4_TCP, kIpv4, true, false},
    {HashedFlow::kUdp4, RTE_ETH_RSS_NONFRAG_IPV4_UDP, kIpv4, true, true},
    {HashedFlow::kSctp4, RTE_ETH_RSS_NONFRAG_IPV4_SCTP, kIpv4, true, false},
    {HashedFlow::kIpv6, kIpv6, kIpv6, false, false},
    {HashedFlow::kTcp6, RTE_ETH_RSS_NONFRAG_IPV6_TCP, kIpv6, true, false},
    {HashedFlow::kUdp6, RTE_ETH_RSS_NONFRAG_IPV6_UDP, kIpv6, true, true},
    {HashedFlow::kSctp6, RTE_ETH_RSS_NONFRAG_IPV6_SCTP, kIpv6, true, false},
};

NetdevEthtool nic_of(const PmdPort& port) { return NetdevEthtool(port.port->info().name); }

struct HashTypes {
  uint64_t in_force = 0;
  uint64_t offered = 0;
};

HashTypes hash_types(const PmdPort& port) {
  NetdevEthtool nic = nic_of(port);
  HashTypes out;
  for (const FlowTypes& f : kFlows) {
    const auto fields = ethtool_hashed_fields(nic, f.flow);
    if (!fields || !fields->addresses) continue;
    if (!f.ports || fields->ports) out.in_force |= f.types;
    if (!f.ports || fields->ports || f.settable) out.offered |= f.types;
  }
  return out;
}

bool has_netdev(const PmdPort* port) {
  return port != nullptr && !port->port->is_loop() && port->port->ifindex() > 0;
}

int failed(const PmdPort& port, const char* doing, const Error& error) {
  return error.code == ENOTSUP ? -ENOTSUP : log_error(port, doing, error);
}

// One flow after the other; those changed are put back should one be refused.
Status set_hash_types(const PmdPort& port, uint64_t wanted) {
  struct Changed {
    HashedFlow flow;
    HashedFields before;
  };
  NetdevEthtool nic = nic_of(port);
  std::vector<Changed> changed;
  for (const FlowTypes& f : kFlows) {
    const auto now = ethtool_hashed_fields(nic, f.flow);
    if (!now) continue;
    const bool ports = f.ports && (wanted & f.types) != 0;
    const HashedFields next{ports || (wanted & f.family) != 0, ports, false};
    if (next == *now) continue;
    if (Status s = ethtool_set_hashed_fields(nic, f.flow, next); !s) {
      for (const Changed& undo : changed)
        static_cast<void>(ethtool_set_hashed_fields(nic, undo.flow, undo.before).ok());
      return s;
    }
    changed.push_back({f.flow, *now});
  }
  return {};
}

Status set_key(const PmdPort& port, const uint8_t* key, size_t length) {
  NetdevEthtool nic = nic_of(port);
  const auto state = ethtool_rss(nic);
  if (!state) return state.error();
  if (state->key.empty()) return Error{ENOTSUP, "RSS key", "the driver takes none"};
  if (length == 0) length = state->key.size();  // ethdev before 23.07 let applications leave it out
  if (length == state->key.size() && std::memcmp(key, state->key.data(), length) == 0) return {};
  return ethtool_set_rss(nic, {}, {key, length});
}

// Of a port whose NIC has no RSS. A key of null stays as it is.
Status set_soft_rss(struct rte_eth_dev* dev, const uint8_t* key, size_t length, uint64_t types) {
  SoftRss& rss = shared_of(dev)->rss;
  RssKey next = rss.key();
  if (key != nullptr && length != 0 &&
      length != kRssKey)  // 0: ethdev before 23.07 let applications leave it out
    return Error{EINVAL, "RSS key", std::to_string(length) + " bytes, it takes " + std::to_string(kRssKey)};
  if (key != nullptr) std::memcpy(next.data(), key, kRssKey);
  rss.set(next, types & kSoftRssTypes);
  return {};
}

int rss_hash_update(struct rte_eth_dev* dev, struct rte_eth_rss_conf* conf) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  if (!nic_has_rss(*port)) {
    const Status s = set_soft_rss(dev, conf->rss_key, conf->rss_key_len, conf->rss_hf);
    if (!s) return log_error(*port, "RSS", s.error());
    switch_bursts(dev);
    return 0;
  }
  if (conf->rss_hf == 0)
    return log_error(*port, "RSS",
                     Error{ENOTSUP, "rss_hf", "a netdev's RSS cannot be switched off by ethtool"});
  if (conf->rss_key != nullptr)
    if (Status s = set_key(*port, conf->rss_key, conf->rss_key_len); !s)
      return log_error(*port, "RSS", s.error());
  if (Status s = set_hash_types(*port, conf->rss_hf); !s) return log_error(*port, "RSS", s.error());
  follow_nic_rss(dev);
  return 0;
}

int rss_hash_conf_get(struct rte_eth_dev* dev, struct rte_eth_rss_conf* conf) noexcept {
  PmdPort* port = port_of(dev);
  if (port == nullptr) return -ENOTSUP;
  if (!nic_has_rss(*port)) {
    const SoftRss& rss = shared_of(dev)->rss;
    if (conf->rss_key != nullptr && conf->rss_key_len >= kRssKey)
      std::memcpy(conf->rss_key, rss.key().data(), kRssKey);
    conf->rss_key_len = kRssKey;
    conf->rss_hf = rss.types();
    return 0;
  }
  NetdevEthtool nic = nic_of(*port);
  const auto state = ethtool_rss(nic);
  if (!state) return failed(*port, "RSS", state.error());
  const auto length = static_cast<uint8_t>(state->key.size());
  if (conf->rss_key != nullptr && conf->rss_key_len >= length)
    std::memcpy(conf->rss_key, state->key.data(), length);
  conf->rss_key_len = length;
  conf->rss_hf = hash_types(*port).in_force;
  return 0;
}

// ethdev's queue numbers are the port's own, the table's are the NIC's.
constexpr uint16_t kNotOurs = UINT16_MAX;

Result<RssState> table_of(const PmdPort& port, uint16_t size) {
  NetdevEthtool nic = nic_of(port);
  auto state = ethtool_rss(nic);
  if (!state) return state.error();
  if (state->table.empty()) return Error{ENOTSUP, "RSS table", "the driver has no indirection table"};
  if (state->table.size() != size)
    return Error{EINVAL, "RSS table",
                 std::to_string(size) + " entries, the device has " + std::to_string(state->table.size())};
  return state;
}

int reta_update(struct rte_eth_dev* dev, struct rte_eth_rss_reta_entry64* entries, uint16_t size) noexcept {
  PmdPort* port = port_of(dev);
  if (!has_netdev(port)) return -ENOTSUP;
  auto state = table_of(*port, size);
  if (!state) return failed(*port, "RSS table", state.error());
  for (uint16_t i = 0; i < size; ++i) {
    const auto& group = entries[i / RTE_ETH_RETA_GROUP_SIZE];
    const uint16_t at = i % RTE_ETH_RETA_GROUP_SIZE;
    if ((group.mask >> at & 1) == 0) continue;
    if (group.reta[at] >= port->queues()) return -EINVAL;
    state->table[i] = port->config().start_queue + group.reta[at];
  }
  NetdevEthtool nic = nic_of(*port);
  const Status s = ethtool_set_rss(nic, state->table, {});
  return s ? 0 : failed(*port, "RSS table", s.error());
}

int reta_query(struct rte_eth_dev* dev, struct rte_eth_rss_reta_entry64* entries, uint16_t size) noexcept {
  PmdPort* port = port_of(dev);
  if (!has_netdev(port)) return -ENOTSUP;
  const auto state = table_of(*port, size);
  if (!state) return failed(*port, "RSS table", state.error());
  for (uint16_t i = 0; i < size; ++i) {
    auto& group = entries[i / RTE_ETH_RETA_GROUP_SIZE];
    const uint16_t at = i % RTE_ETH_RETA_GROUP_SIZE;
    if ((group.mask >> at & 1) == 0) continue;
    const uint32_t first = port->config().start_queue;
    const uint32_t queue = state->table[i];
    group.reta[at] =
        queue >= first && queue < first + port->queues() ? static_cast<uint16_t>(queue - first) : kNotOurs;
  }
  return 0;
}

}  // namespace

void add_rss_ops(struct eth_dev_ops& ops) {
  ops.rss_hash_update = rss_hash_update;
  ops.rss_hash_conf_get = rss_hash_conf_get;
  ops.reta_update = reta_update;
  ops.reta_query = reta_query;
}

void add_rss_info(const PmdPort& port, struct rte_eth_dev_info& info) {
  if (!nic_has_rss(port)) {
    info.hash_key_size = kRssKey;
    info.flow_type_rss_offloads = kSoftRssTypes;
    return;
  }
  NetdevEthtool nic = nic_of(port);
  const auto state = ethtool_rss(nic);
  if (!state) return;
  info.reta_size = static_cast<uint16_t>(std::min<size_t>(state->table.size(), UINT16_MAX));
  info.hash_key_size = static_cast<uint8_t>(std::min<size_t>(state->key.size(), UINT8_MAX));
  info.flow_type_rss_offloads = hash_types(port).offered;
}

bool nic_has_rss(const PmdPort& port) {
  if (!has_netdev(&port)) return false;
  NetdevEthtool nic = nic_of(port);
  const auto state = ethtool_rss(nic);
  return state && (!state->table.empty() || !state->key.empty());
}

void follow_nic_rss(struct rte_eth_dev* dev) {
  const PmdPort& port = *port_of(dev);
  if (!nic_has_rss(port)) return;
  NetdevEthtool nic = nic_of(port);
  RssKey key = kDefaultRssKey;
  if (const auto state = ethtool_rss(nic); state && !state->key.empty()) {
    key.fill(0);
    std::copy_n(state->key.begin(), std::min<size_t>(state->key.size(), kRssKey), key.begin());
  }
  shared_of(dev)->rss.set(key, hash_types(port).in_force & kSoftRssTypes);
}

Status configure_rss(struct rte_eth_dev* dev) {
  const PmdPort& port = *port_of(dev);
  const struct rte_eth_conf& conf = dev->data->dev_conf;
  if ((conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) == 0) return {};
  const struct rte_eth_rss_conf& rss = conf.rx_adv_conf.rss_conf;
  if (!nic_has_rss(port)) return set_soft_rss(dev, rss.rss_key, rss.rss_key_len, rss.rss_hf);
  if (rss.rss_key != nullptr)
    if (Status s = set_key(port, rss.rss_key, rss.rss_key_len); !s) return s;
  const uint64_t now = hash_types(port).in_force;
  return (rss.rss_hf & ~now) == 0 ? Status() : set_hash_types(port, now | rss.rss_hf);
}

}  // namespace zcnbrh::pmd
