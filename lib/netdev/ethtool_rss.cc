// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/ethtool_rss.h"

#include <linux/ethtool.h>

#include <cerrno>
#include <cstring>

namespace zcnbrh {
namespace {

constexpr uint32_t kTableUnchanged = 0xffffffff;  // ETH_RXFH_INDIR_NO_CHANGE, net/ethtool/ioctl.c
constexpr uint32_t kMostEntries = 65536;          // guards the allocation
constexpr uint32_t kMostKeyBytes = 4096;

// A struct ethtool_rxfh with room behind it: the table in 32-bit words, then the key in bytes.
class Request {
 public:
  Request(uint32_t command, uint32_t table_size, uint32_t key_size)
      : words_(sizeof(ethtool_rxfh) / 4 + table_size + (key_size + 3) / 4) {
    head().cmd = command;
  }
  ethtool_rxfh& head() { return *reinterpret_cast<ethtool_rxfh*>(words_.data()); }
  uint32_t* table() { return head().rss_config; }
  uint8_t* key(uint32_t table_size) { return reinterpret_cast<uint8_t*>(table() + table_size); }

 private:
  std::vector<uint32_t> words_;
};
static_assert(sizeof(ethtool_rxfh) % 4 == 0 && alignof(ethtool_rxfh) == 4);

struct Sizes {
  uint32_t table = 0;
  uint32_t key = 0;
};

// Asked with sizes of 0 the kernel answers with the device's.
Result<Sizes> sizes_of(EthtoolCalls& nic) {
  Request request(ETHTOOL_GRSSH, 0, 0);
  if (Status s = ethtool_ask(nic, "ETHTOOL_GRSSH", &request.head()); !s) return s.error();
  const Sizes sizes{request.head().indir_size, request.head().key_size};
  if (sizes.table > kMostEntries || sizes.key > kMostKeyBytes)
    return Error{EOVERFLOW, "ETHTOOL_GRSSH", "an indirection table beyond reason"};
  return sizes;
}

uint32_t flow_type(HashedFlow flow) {
  switch (flow) {
    case HashedFlow::kIpv4:
      return IPV4_FLOW;
    case HashedFlow::kTcp4:
      return TCP_V4_FLOW;
    case HashedFlow::kUdp4:
      return UDP_V4_FLOW;
    case HashedFlow::kSctp4:
      return SCTP_V4_FLOW;
    case HashedFlow::kIpv6:
      return IPV6_FLOW;
    case HashedFlow::kTcp6:
      return TCP_V6_FLOW;
    case HashedFlow::kUdp6:
      return UDP_V6_FLOW;
    default:
      return SCTP_V6_FLOW;
  }
}

constexpr uint64_t kAddresses = RXH_IP_SRC | RXH_IP_DST;
constexpr uint64_t kPorts = RXH_L4_B_0_1 | RXH_L4_B_2_3;

}  // namespace

Result<RssState> ethtool_rss(EthtoolCalls& nic) {
  const auto sizes = sizes_of(nic);
  if (!sizes) return sizes.error();
  Request request(ETHTOOL_GRSSH, sizes->table, sizes->key);
  request.head().indir_size = sizes->table;
  request.head().key_size = sizes->key;
  if (Status s = ethtool_ask(nic, "ETHTOOL_GRSSH", &request.head()); !s) return s.error();
  RssState out;
  out.table.assign(request.table(), request.table() + sizes->table);
  out.key.assign(request.key(sizes->table), request.key(sizes->table) + sizes->key);
  return out;
}

Status ethtool_set_rss(EthtoolCalls& nic, std::span<const uint32_t> table, std::span<const uint8_t> key) {
  const auto sizes = sizes_of(nic);
  if (!sizes) return sizes.error();
  if ((!table.empty() && table.size() != sizes->table) || (!key.empty() && key.size() != sizes->key))
    return Error{EINVAL, "ETHTOOL_SRSSH",
                 "the device's table has " + std::to_string(sizes->table) + " entries, its key " +
                     std::to_string(sizes->key) + " bytes"};
  const auto entries = static_cast<uint32_t>(table.size());
  Request request(ETHTOOL_SRSSH, entries, static_cast<uint32_t>(key.size()));
  request.head().indir_size = table.empty() ? kTableUnchanged : entries;
  request.head().key_size = static_cast<uint32_t>(key.size());
  if (!table.empty()) std::memcpy(request.table(), table.data(), table.size_bytes());
  if (!key.empty()) std::memcpy(request.key(entries), key.data(), key.size());
  return ethtool_ask(nic, "ETHTOOL_SRSSH", &request.head());
}

Result<HashedFields> ethtool_hashed_fields(EthtoolCalls& nic, HashedFlow flow) {
  ethtool_rxnfc request{};
  request.cmd = ETHTOOL_GRXFH;
  request.flow_type = flow_type(flow);
  if (Status s = ethtool_ask(nic, "ETHTOOL_GRXFH", &request); !s) return s.error();
  return HashedFields{(request.data & kAddresses) == kAddresses, (request.data & kPorts) == kPorts,
                      (request.data & ~(kAddresses | kPorts)) != 0};
}

Status ethtool_set_hashed_fields(EthtoolCalls& nic, HashedFlow flow, const HashedFields& fields) {
  ethtool_rxnfc request{};
  request.cmd = ETHTOOL_SRXFH;
  request.flow_type = flow_type(flow);
  request.data = (fields.addresses ? kAddresses : 0) | (fields.ports ? kPorts : 0);
  return ethtool_ask(nic, "ETHTOOL_SRXFH", &request);
}

}  // namespace zcnbrh
