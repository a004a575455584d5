// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/ethtool_settings.h"

#include <linux/ethtool.h>

#include <algorithm>

#include "lib/netdev/ethtool_device.h"
#include "lib/netdev/ethtool_rss.h"
#include "lib/netdev/rx_filters.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

Status from_errno(const char* call, int code) { return code == 0 ? Status() : Status(Error{code, call, ""}); }

Json read_filters(EthtoolCalls& nic) {
  const auto places = RxFilters(nic).places();
  return places ? Json(places->taken) : Json();
}

Status write_filters(EthtoolCalls& nic, const Json& was) {
  const RxFilters filters(nic);
  const auto places = filters.places();
  if (!places) return places.error();
  const auto before = was.get<std::vector<uint32_t>>();
  for (const uint32_t location : places->taken)
    if (std::find(before.begin(), before.end(), location) == before.end())
      if (Status s = filters.remove(location); !s) return s;
  return {};
}

Json read_channels(EthtoolCalls& nic) {
  struct ethtool_channels now {};
  now.cmd = ETHTOOL_GCHANNELS;
  if (nic.call(&now) != 0) return nullptr;
  return {
      {"rx", now.rx_count}, {"tx", now.tx_count}, {"other", now.other_count}, {"combined", now.combined_count}};
}

Status write_channels(EthtoolCalls& nic, const Json& was) {
  struct ethtool_channels wanted {};
  wanted.cmd = ETHTOOL_GCHANNELS;
  if (const int result = nic.call(&wanted); result != 0) return from_errno("ETHTOOL_GCHANNELS", -result);
  wanted.cmd = ETHTOOL_SCHANNELS;
  wanted.rx_count = was.at("rx");
  wanted.tx_count = was.at("tx");
  wanted.other_count = was.at("other");
  wanted.combined_count = was.at("combined");
  return from_errno("ETHTOOL_SCHANNELS", -nic.call(&wanted));
}

Json read_rings(EthtoolCalls& nic) {
  ethtool_ringparam now{};
  now.cmd = ETHTOOL_GRINGPARAM;
  if (nic.call(&now) != 0) return nullptr;
  return {{"rx", now.rx_pending}, {"tx", now.tx_pending}};
}

Status write_rings(EthtoolCalls& nic, const Json& was) {
  ethtool_ringparam wanted{};
  wanted.cmd = ETHTOOL_GRINGPARAM;
  if (const int result = nic.call(&wanted); result != 0) return from_errno("ETHTOOL_GRINGPARAM", -result);
  wanted.cmd = ETHTOOL_SRINGPARAM;
  wanted.rx_pending = was.at("rx");
  wanted.tx_pending = was.at("tx");
  return from_errno("ETHTOOL_SRINGPARAM", -nic.call(&wanted));
}

Json read_rss(EthtoolCalls& nic) {
  const auto rss = ethtool_rss(nic);
  return rss ? Json{{"table", rss->table}, {"key", rss->key}} : Json();
}

Status write_rss(EthtoolCalls& nic, const Json& was) {
  return ethtool_set_rss(nic, was.at("table").get<std::vector<uint32_t>>(),
                         was.at("key").get<std::vector<uint8_t>>());
}

constexpr uint32_t kHashedTypes[] = {IPV4_FLOW, TCP_V4_FLOW, UDP_V4_FLOW, SCTP_V4_FLOW,
                                     IPV6_FLOW, TCP_V6_FLOW, UDP_V6_FLOW, SCTP_V6_FLOW};

// {"<flow type>": fields}, both as ethtool numbers them.
Json read_hashed(EthtoolCalls& nic) {
  Json out = Json::object();
  for (const uint32_t type : kHashedTypes) {
    ethtool_rxnfc ask{};
    ask.cmd = ETHTOOL_GRXFH;
    ask.flow_type = type;
    if (nic.call(&ask) == 0) out[std::to_string(type)] = ask.data;
  }
  return out.empty() ? Json() : out;
}

Status write_hashed(EthtoolCalls& nic, const Json& was) {
  const Json now = read_hashed(nic);
  for (const auto& [type, fields] : was.items()) {
    if (now.value(type, Json()) == fields) continue;
    ethtool_rxnfc set{};
    set.cmd = ETHTOOL_SRXFH;
    set.flow_type = static_cast<uint32_t>(std::stoul(type));
    set.data = fields;
    if (const int result = nic.call(&set); result != 0) return from_errno("ETHTOOL_SRXFH", -result);
  }
  return {};
}

Json read_pause(EthtoolCalls& nic) {
  const auto pause = ethtool_pause(nic);
  return pause ? Json{{"autoneg", pause->autoneg}, {"rx", pause->rx}, {"tx", pause->tx}} : Json();
}

Status write_pause(EthtoolCalls& nic, const Json& was) {
  return ethtool_set_pause(nic, {was.at("autoneg"), was.at("rx"), was.at("tx")});
}

constexpr EthtoolSetting kSettings[] = {
    {"filters", read_filters, write_filters}, {"channels", read_channels, write_channels},
    {"rings", read_rings, write_rings},       {"rss", read_rss, write_rss},
    {"hashed", read_hashed, write_hashed},    {"pause", read_pause, write_pause},
};

}  // namespace

std::span<const EthtoolSetting> ethtool_settings() { return kSettings; }

}  // namespace zcnbrh::migrate
