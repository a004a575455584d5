// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What rollback does to a NIC's own settings, on a NIC of paper: read, changed by somebody, put back, in an
// order that a NIC takes. Not seen on hardware.
#include "shim/migrate/ethtool_settings.h"

#include <gtest/gtest.h>
#include <linux/ethtool.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "shim/migrate/netdev_settings.h"
#include "tests/fakes/fake_ethtool.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

// Holds what it is told; refuses an RSS table that names a queue that is not there, as drivers do, and fewer
// channels than the table names (ethtool_set_channels() of the kernel).
class PaperNic final : public EthtoolCalls {
 public:
  zcnbrh::testing::FakeEthtool filters;
  struct ethtool_channels channels {};
  ethtool_ringparam rings{};
  ethtool_pauseparam pause{};
  std::vector<uint32_t> table;
  std::vector<uint8_t> key;
  std::map<uint32_t, uint64_t> hashed;
  std::map<uint32_t, int> fails;
  int writes = 0;

  int call(void* command) noexcept override {
    uint32_t number;
    std::memcpy(&number, command, sizeof number);
    if (const auto fail = fails.find(number); fail != fails.end()) return -fail->second;
    switch (number) {
      case ETHTOOL_GCHANNELS:
        return give(channels, command);
      case ETHTOOL_SCHANNELS:
        return set_channels(command);
      case ETHTOOL_GRINGPARAM:
        return give(rings, command);
      case ETHTOOL_SRINGPARAM:
        return take(rings, command);
      case ETHTOOL_GPAUSEPARAM:
        return give(pause, command);
      case ETHTOOL_SPAUSEPARAM:
        return take(pause, command);
      case ETHTOOL_GRXFH:
      case ETHTOOL_SRXFH:
        return hash_fields(*static_cast<ethtool_rxnfc*>(command));
      case ETHTOOL_GRSSH:
        return get_rss(*static_cast<ethtool_rxfh*>(command));
      case ETHTOOL_SRSSH:
        return set_rss(*static_cast<ethtool_rxfh*>(command));
      default:
        return filters.call(command);
    }
  }

 private:
  template <typename T>
  int give(const T& from, void* command) {
    *static_cast<T*>(command) = from;
    return 0;
  }
  template <typename T>
  int take(T& into, const void* command) {
    into = *static_cast<const T*>(command);
    ++writes;
    return 0;
  }
  int set_channels(const void* command) {
    const auto& wanted = *static_cast<const struct ethtool_channels*>(command);
    if (!table.empty() && *std::max_element(table.begin(), table.end()) >= wanted.combined_count)
      return -EINVAL;
    return take(channels, command);
  }
  int hash_fields(ethtool_rxnfc& command) {
    if (!hashed.contains(command.flow_type)) return -EOPNOTSUPP;
    if (command.cmd == ETHTOOL_GRXFH) {
      command.data = hashed[command.flow_type];
    } else {
      hashed[command.flow_type] = command.data;
      ++writes;
    }
    return 0;
  }
  int get_rss(ethtool_rxfh& command) {
    const bool both = command.indir_size == table.size() && command.key_size == key.size();
    command.indir_size = static_cast<uint32_t>(table.size());
    command.key_size = static_cast<uint32_t>(key.size());
    if (!both) return 0;
    std::copy(table.begin(), table.end(), command.rss_config);
    std::memcpy(command.rss_config + table.size(), key.data(), key.size());
    return 0;
  }
  int set_rss(const ethtool_rxfh& command) {
    std::vector<uint32_t> next(command.rss_config, command.rss_config + table.size());
    for (const uint32_t queue : next)
      if (queue >= channels.combined_count) return -EINVAL;
    table = next;
    const auto* bytes = reinterpret_cast<const uint8_t*>(command.rss_config + table.size());
    key.assign(bytes, bytes + key.size());
    ++writes;
    return 0;
  }
};

PaperNic nic_of_four() {
  PaperNic nic;
  nic.channels.combined_count = 4;
  nic.channels.max_combined = 8;
  nic.rings.rx_pending = 512;
  nic.rings.tx_pending = 256;
  nic.rings.rx_max_pending = 4096;
  nic.pause.rx_pause = 1;
  nic.table = {0, 1, 2, 3};
  nic.key = {1, 2, 3, 4, 5};
  nic.hashed = {{TCP_V4_FLOW, RXH_IP_SRC | RXH_IP_DST}, {UDP_V4_FLOW, RXH_IP_SRC}};
  nic.filters.filters[2] = {};
  return nic;
}

Json read_all(PaperNic& nic) {
  Json out = Json::object();
  for (const EthtoolSetting& setting : ethtool_settings())
    if (Json value = setting.read(nic); !value.is_null()) out[setting.name] = value;
  return out;
}

Status write(PaperNic& nic, const std::string& name, const Json& was) {
  for (const EthtoolSetting& setting : ethtool_settings())
    if (name == setting.name) return setting.write(nic, was);
  return Error{ENOENT, "test", name};
}

std::vector<Change> put_back_to(PaperNic& nic, const Json& was) {
  return put_back(
      was, [&] { return read_all(nic); },
      [&](const std::string& name, const Json& value) { return write(nic, name, value); });
}

TEST(EthtoolSettings, AllAreReadAndPutBackInAnOrderThatTheNicTakes) {
  PaperNic nic = nic_of_four();
  const Json was = read_all(nic);
  EXPECT_EQ(was.size(), ethtool_settings().size());
  nic.table = {0, 0, 1, 1};
  nic.channels.combined_count = 2;
  nic.key = {9, 9, 9, 9, 9};
  nic.rings.rx_pending = 4096;
  nic.pause.tx_pause = 1;
  nic.hashed[UDP_V4_FLOW] = RXH_IP_SRC | RXH_L4_B_0_1;
  nic.filters.filters[0] = {};
  nic.filters.filters[3] = {};
  for (const EthtoolSetting& setting : ethtool_settings()) {
    const Status s = setting.write(nic, was[setting.name]);
    EXPECT_TRUE(s) << setting.name << ": " << s.error().text();
  }
  EXPECT_EQ(read_all(nic), was);
  EXPECT_EQ(nic.filters.filters.size(), 1U);   // the one that was there
  EXPECT_EQ(nic.rings.rx_max_pending, 4096U);  // what is no setting stays
}

TEST(EthtoolSettings, HashedFieldsThatAreRightAreNotWritten) {
  PaperNic nic = nic_of_four();
  const Json was = read_all(nic);
  nic.hashed[TCP_V4_FLOW] = RXH_IP_DST;
  EXPECT_TRUE(write(nic, "hashed", was["hashed"]));
  EXPECT_EQ(nic.writes, 1);
}

TEST(EthtoolSettings, WhatADriverDoesNotHaveIsNotThere) {
  PaperNic nic = nic_of_four();
  for (const uint32_t command : {ETHTOOL_GCHANNELS, ETHTOOL_GRINGPARAM, ETHTOOL_GPAUSEPARAM, ETHTOOL_GRSSH})
    nic.fails[command] = EOPNOTSUPP;
  nic.hashed.clear();
  nic.filters.has_filters = false;
  EXPECT_EQ(read_all(nic), Json::object());
}

TEST(EthtoolSettings, ARefusalIsToldWithItsCause) {
  PaperNic nic = nic_of_four();
  const Json was = read_all(nic);
  for (const uint32_t command :
       {ETHTOOL_SCHANNELS, ETHTOOL_SRINGPARAM, ETHTOOL_SPAUSEPARAM, ETHTOOL_SRSSH, ETHTOOL_SRXFH})
    nic.fails[command] = EPERM;
  nic.hashed[TCP_V4_FLOW] = 0;
  for (const EthtoolSetting& setting : ethtool_settings()) {
    if (std::string(setting.name) == "filters") continue;
    const Status s = setting.write(nic, was[setting.name]);
    EXPECT_EQ(s.error().code, EPERM) << setting.name;
  }
  nic.filters.filters[0] = {};
  nic.filters.fails[ETHTOOL_SRXCLSRLDEL] = EPERM;
  EXPECT_EQ(ethtool_settings()[0].write(nic, was["filters"]).error().code, EPERM);
}

TEST(EthtoolSettings, AStateFileThatWasMendedByHandDoesNotGoUnseen) {
  PaperNic nic = nic_of_four();
  Json was = read_all(nic);
  was["rings"] = "many";
  const auto changes = put_back_to(nic, was);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_NE(changes[0].failure.find("state file"), std::string::npos) << changes[0].failure;
  EXPECT_EQ(nic.writes, 0);
}

TEST(EthtoolSettings, OneThatStandsInAnothersWayIsPutBackInTheSecondRound) {
  PaperNic nic = nic_of_four();
  const Json was = read_all(nic);
  nic.channels.combined_count = 8;
  nic.table = {4, 5, 6, 7};  // four channels cannot be while it names these
  const auto changes = put_back_to(nic, was);
  ASSERT_EQ(changes.size(), 2U);
  for (const Change& change : changes) EXPECT_EQ(change.failure, "") << change.setting;
  EXPECT_EQ(read_all(nic), was);
  EXPECT_TRUE(put_back_to(nic, was).empty());
}

TEST(EthtoolSettings, WhatTheDeviceDoesNotKeepIsTold) {
  PaperNic nic = nic_of_four();
  const Json was = read_all(nic);
  nic.pause.rx_pause = 0;
  const auto changes = put_back(
      was, [&] { return read_all(nic); }, [](auto&&...) { return Status(); });
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].failure.rfind("set, but the device says ", 0), 0U) << changes[0].failure;
}

}  // namespace
}  // namespace zcnbrh::migrate
