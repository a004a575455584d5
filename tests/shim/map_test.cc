// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/map.h"

#include <gtest/gtest.h>

namespace zcnbrh::shim {
namespace {

std::vector<Map> maps_of(const char* text) {
  auto maps = parse_maps(text);
  EXPECT_TRUE(maps) << text << ": " << maps.error().text();
  return maps ? *maps : std::vector<Map>();
}

std::string error_of(const std::string& text) {
  const auto maps = parse_maps(text);
  EXPECT_FALSE(maps) << text;
  return maps ? "" : maps.error().why;
}

TEST(Pci, IsReadInBothForms) {
  EXPECT_EQ(parse_pci("0000:3b:00.0"), (PciAddress{0, 0x3b, 0, 0}));
  EXPECT_EQ(parse_pci("3b:1f.7"), (PciAddress{0, 0x3b, 0x1f, 7}));
  EXPECT_EQ(parse_pci("10000:e1:00.0"), (PciAddress{0x10000, 0xe1, 0, 0}));
}

TEST(Pci, WhatIsNoAddress) {
  for (const char* text : {"", "3b", "3b:00", "3b:00.8", "3b:20.0", "100:00.0", "3b:00.0x", ":00.0", "3b::0",
                           "net_x", "0000:3b:00.0 ", "000g:3b:00.0"})
    EXPECT_FALSE(parse_pci(text)) << text;
}

TEST(Pci, OrderIsThatOfTheBus) {
  EXPECT_LT(*parse_pci("ffff:00:00.0"), *parse_pci("10000:00:00.0"));
  EXPECT_LT(*parse_pci("0000:02:00.1"), *parse_pci("0000:10:00.0"));
  EXPECT_LT(*parse_pci("0000:02:00.0"), *parse_pci("0000:02:00.1"));
}

TEST(DeviceName, IsAsEalWritesIt) {
  EXPECT_EQ(device_name("3B:0.1"), "0000:3b:00.1");
  EXPECT_EQ(device_name("10000:e1:00.0"), "10000:e1:00.0");
  EXPECT_EQ(device_name("net_tap0"), "net_tap0");
}

TEST(Maps, WhatStandsForANicGivesPacketTypes) {
  const auto maps = maps_of(
      "3b:00.0=eth0 3b:00.1=eth1,packet_types=0 net_tap0=eth2 net_null0=eth3 net_null1=eth4,packet_types=1");
  ASSERT_EQ(maps.size(), 5u);
  for (size_t i = 0; i < maps.size(); ++i)
    EXPECT_EQ(maps[i].config.packet_types, i == 0 || i == 2 || i == 4) << maps[i].device;
}

TEST(Maps, DevicesAndTheirKeys) {
  const auto maps =
      maps_of("3b:00.0=eth0,queue_count=4,zc=require net_tap0=eth1\n\t# all\nnet_null1=loop # the last");
  ASSERT_EQ(maps.size(), 3u);
  EXPECT_EQ(maps[0].device, "0000:3b:00.0");
  EXPECT_EQ(maps[0].config.iface, "eth0");
  EXPECT_EQ(maps[0].config.queue_count, 4u);
  EXPECT_TRUE(maps[0].queues_given);
  EXPECT_EQ(maps[0].config.zc, ZeroCopy::kRequire);
  EXPECT_EQ(maps[1].device, "net_tap0");
  EXPECT_EQ(maps[1].config.iface, "eth1");
  EXPECT_FALSE(maps[1].queues_given);
  EXPECT_TRUE(maps[2].config.is_loop());
}

TEST(Maps, NothingIsNoMap) {
  for (const char* text : {"", ",", " \n", "# only a comment", ",,\n#x\n"})
    EXPECT_TRUE(maps_of(text).empty()) << text;
}

TEST(Maps, OneNetdevShared) {
  EXPECT_EQ(maps_of("net_a=e0,queue_count=2,net_b=e0,start_queue=2,queue_count=2").size(), 2u);
  EXPECT_EQ(maps_of("net_a=loop,net_b=loop").size(), 2u);
  EXPECT_NE(error_of("net_a=e0,queue_count=2,net_b=e0,start_queue=1,queue_count=1").find("in common"),
            std::string::npos);
  EXPECT_NE(error_of("net_a=e0,net_b=e0,start_queue=4,queue_count=2").find("start_queue=, queue_count="),
            std::string::npos);
}

TEST(Maps, WrongOnesNameTheItem) {
  EXPECT_NE(error_of("net_a").find("'net_a' has no '='"), std::string::npos);
  EXPECT_NE(error_of("net_a=").find("net_a="), std::string::npos);
  EXPECT_NE(error_of("net_a=e0,net_a=e1").find("mapped twice"), std::string::npos);
  EXPECT_NE(error_of("net_a=e0,iface=e1").find("iface="), std::string::npos);
  EXPECT_NE(error_of("net_a=e0,zc=off,force_cpoy=1").find("did you mean 'force_copy'"), std::string::npos);
  EXPECT_NE(error_of("net_a=e0,zc=require,force_copy=1").find("net_a: "), std::string::npos);
  EXPECT_NE(error_of("zc=off").find("before any DEVICE"), std::string::npos);
}

}  // namespace
}  // namespace zcnbrh::shim
