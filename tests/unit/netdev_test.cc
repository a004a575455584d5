// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// lib/netdev without a kernel: link messages built by hand, sysfs as a tree of the test's own.
#include "lib/netdev/netdev.h"

#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/base/netlink.h"
#include "lib/netdev/link_message.h"
#include "lib/netdev/netdev_genl.h"
#include "lib/netdev/sysfs.h"

namespace zcnbrh {
namespace {

namespace fs = std::filesystem;

TEST(LinkMessage, TakesTheFieldsApart) {
  ifinfomsg link{};
  link.ifi_index = 7;
  link.ifi_flags = IFF_UP;
  NetlinkRequest message(RTM_NEWLINK, 0, link);
  const uint8_t mac[6] = {2, 1, 2, 3, 4, 5};
  const uint8_t one = 1;
  message.put_string(IFLA_IFNAME, "eth7").put_u32(IFLA_MTU, 9000).put_u32(IFLA_MIN_MTU, 68);
  message.put(IFLA_ADDRESS, mac, 6).put(IFLA_CARRIER, &one, 1).put_u32(IFLA_PROMISCUITY, 3);
  message.put_u32(IFLA_NUM_RX_QUEUES, 16).put_u32(IFLA_NUM_TX_QUEUES, 17);
  message.put_string(IFLA_PARENT_DEV_NAME, "0000:01:00.0").put_string(IFLA_PARENT_DEV_BUS_NAME, "pci");
  nlattr* nest = mnl_attr_nest_start(message.header, IFLA_LINKINFO);
  message.put_string(IFLA_INFO_KIND, "veth");
  mnl_attr_nest_end(message.header, nest);
  ASSERT_TRUE(message.fits);

  LinkMessage out = parse_link_message(message.header);
  EXPECT_EQ(out.info.ifindex, 7);
  EXPECT_EQ(out.info.name, "eth7");
  EXPECT_EQ(out.info.mtu, 9000U);
  EXPECT_EQ(out.info.min_mtu, 68U);
  EXPECT_EQ(out.info.max_mtu, 0U);
  EXPECT_EQ(out.info.mac, (MacAddress{2, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(out.info.admin_up);
  EXPECT_TRUE(out.info.carrier);
  EXPECT_TRUE(out.info.promisc);
  EXPECT_FALSE(out.info.xdp_attached);
  EXPECT_EQ(out.max_rx_queues, 16U);
  EXPECT_EQ(out.max_tx_queues, 17U);
  EXPECT_EQ(out.parent_device, "0000:01:00.0");
  EXPECT_EQ(out.parent_bus, "pci");
  EXPECT_EQ(out.kind, "veth");
  EXPECT_FALSE(out.has_stats);
}

TEST(LinkMessage, DriverProgramIsTheOneNamed) {
  ifinfomsg link{};
  NetlinkRequest message(RTM_NEWLINK, 0, link);
  nlattr* nest = mnl_attr_nest_start(message.header, IFLA_XDP);
  const uint8_t multi = XDP_ATTACHED_MULTI;
  message.put(IFLA_XDP_ATTACHED, &multi, 1).put_u32(IFLA_XDP_SKB_PROG_ID, 11).put_u32(IFLA_XDP_DRV_PROG_ID, 12);
  mnl_attr_nest_end(message.header, nest);
  LinkMessage out = parse_link_message(message.header);
  EXPECT_TRUE(out.info.xdp_attached);
  EXPECT_EQ(out.info.xdp_prog_id, 12U);
  EXPECT_EQ(out.info.xdp_mode, static_cast<uint32_t>(XDP_ATTACHED_MULTI));
}

TEST(LinkMessage, CarrierOfADownInterfaceIsNone) {
  ifinfomsg link{};
  NetlinkRequest message(RTM_NEWLINK, 0, link);
  const uint8_t one = 1;
  message.put(IFLA_CARRIER, &one, 1);
  EXPECT_FALSE(parse_link_message(message.header).info.carrier);
}

// Short attributes and a header cut short are absent values, never a read outside the message (ASan watches).
TEST(LinkMessage, ShortAttributesAreAbsent) {
  ifinfomsg link{};
  NetlinkRequest message(RTM_NEWLINK, 0, link);
  const uint8_t short_value[2] = {0xff, 0xff};
  message.put(IFLA_MTU, short_value, 2).put(IFLA_ADDRESS, short_value, 2).put(IFLA_CARRIER, nullptr, 0);
  message.put(IFLA_IFNAME, "abcd", 4);        // no terminating NUL
  message.put(IFLA_STATS64, short_value, 2);  // an "older kernel" with a shorter struct
  LinkMessage out = parse_link_message(message.header);
  EXPECT_EQ(out.info.mtu, 0U);
  EXPECT_EQ(out.info.mac, MacAddress{});
  EXPECT_EQ(out.info.name, "abcd");
  EXPECT_TRUE(out.has_stats);
  EXPECT_EQ(out.stats.rx_packets, 0xffffU);
  EXPECT_EQ(out.stats.tx_packets, 0U);

  nlmsghdr header{};
  header.nlmsg_len = sizeof(header);
  header.nlmsg_type = RTM_NEWLINK;
  EXPECT_EQ(parse_link_message(&header).info.ifindex, 0);
}

TEST(NetlinkRequest, TooLongAttributeIsRefusedBeforeSending) {
  NetlinkRequest request(RTM_GETLINK, 0, ifinfomsg{});
  request.put_string(IFLA_ALT_IFNAME, std::string(2000, 'x').c_str());
  EXPECT_FALSE(request.fits);
  request.put_u32(IFLA_MTU, 1);
  EXPECT_FALSE(request.fits) << "a later fitting attribute must not hide the lost one";
  auto route = Netlink::open(NETLINK_ROUTE);
  ASSERT_TRUE(route.ok());
  EXPECT_EQ(route->transact(request, "test").error().code, EMSGSIZE);
}

TEST(NetdevQuery, NamesThatCannotBeAreRefused) {
  for (const std::string& name :
       {std::string(), std::string(200, 'a'), std::string("../x"), std::string("a\0b", 3)}) {
    auto result = netdev_query(name);
    ASSERT_FALSE(result.ok()) << name;
    EXPECT_EQ(result.error().code, EINVAL);
    EXPECT_NE(result.error().why.find("not an interface name"), std::string::npos);
  }
}

// Asking is no traffic and needs no privilege; the loopback exists in each namespace and has index 1.
TEST(NetdevQuery, LoopbackIsFound) {
  auto info = netdev_query("lo");
  ASSERT_TRUE(info.ok()) << info.error().text();
  EXPECT_EQ(info->ifindex, 1);
  EXPECT_EQ(info->rx_queues, 1U);
  EXPECT_FALSE(info->has_device);
}

TEST(NetdevGenl, DescribeNamesTheBits) {
  XdpDeviceFeatures features;
  EXPECT_EQ(describe(features), "unknown");
  features.known = true;
  EXPECT_EQ(describe(features), "none");
  features.xdp_features = uapi::kNetdevXdpActBasic | uapi::kNetdevXdpActXskZerocopy;
  EXPECT_EQ(describe(features), "basic xsk-zerocopy");
  EXPECT_TRUE(features.has_zerocopy());
  EXPECT_FALSE(features.has_zerocopy_sg());
  features.zc_max_segs = 1;
  EXPECT_FALSE(features.has_zerocopy_sg());
  features.zc_max_segs = 8;
  EXPECT_TRUE(features.has_zerocopy_sg());
}

class Sysfs : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/zcnbrh_sysfs_XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    fs::create_directories(root_ + "/bus/pci/devices");
    fs::create_directories(root_ + "/bus/virtio/devices");
    fs::create_directories(root_ + "/class/net");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  // A PCI function with an IOMMU group of `type` (empty: none) and a node.
  void add_pci(const std::string& address, const std::string& type, const std::string& node) {
    const std::string device = "/devices/pci0000:00/" + address;
    write(device + "/numa_node", node + "\n");
    fs::create_directory_symlink(root_ + device, root_ + "/bus/pci/devices/" + address);
    if (type.empty()) return;
    write("/kernel/iommu_groups/5/type", type + "\n");
    fs::create_directory_symlink(root_ + "/kernel/iommu_groups/5", root_ + device + "/iommu_group");
  }
  void add_net(const std::string& name, int ifindex, const std::string& mac, int rx, int tx) {
    write("/class/net/" + name + "/ifindex", std::to_string(ifindex) + "\n");
    write("/class/net/" + name + "/address", mac + "\n");
    for (int i = 0; i < rx; ++i) write("/class/net/" + name + "/queues/rx-" + std::to_string(i) + "/x", "");
    for (int i = 0; i < tx; ++i) write("/class/net/" + name + "/queues/tx-" + std::to_string(i) + "/x", "");
  }

  std::string root_;
};

constexpr std::array<uint8_t, 6> kMac{2, 0, 0, 0, 0, 0xab};

TEST_F(Sysfs, EntryOfAnotherNamespacesInterfaceIsNotTaken) {
  add_net("eth0", 4, "02:00:00:00:00:ab", 2, 3);
  const std::string entry = sysfs_net_entry(root_, "eth0", 4, kMac);
  EXPECT_EQ(entry, root_ + "/class/net/eth0");
  EXPECT_EQ(sysfs_queue_count(entry, "rx-"), 2U);
  EXPECT_EQ(sysfs_queue_count(entry, "tx-"), 3U);
  EXPECT_EQ(sysfs_net_entry(root_, "eth0", 5, kMac), "");
  EXPECT_EQ(sysfs_net_entry(root_, "eth0", 4, {2, 0, 0, 0, 0, 0xac}), "");
  EXPECT_EQ(sysfs_net_entry(root_, "eth1", 4, kMac), "");
  EXPECT_EQ(sysfs_net_entry(root_, "../net/eth0", 4, kMac), "");
  EXPECT_EQ(sysfs_queue_count("", "rx-"), 0U);
}

TEST_F(Sysfs, TypesOfIommuGroup) {
  const struct {
    const char* type;
    bool translated;
  } rows[] = {{"", false}, {"identity", false}, {"DMA", true}, {"DMA-FQ", true}, {"unmanaged", true}};
  for (const auto& row : rows) {
    SCOPED_TRACE(row.type);
    TearDown();
    SetUp();
    add_pci("0000:01:00.0", row.type, "1");
    const std::string path = sysfs_device_path(root_, "pci", "0000:01:00.0", "");
    ASSERT_FALSE(path.empty());
    DmaTranslation dma = sysfs_dma_translation(root_, path);
    EXPECT_EQ(dma.translated, row.translated);
    EXPECT_FALSE(dma.reason.empty());
    EXPECT_EQ(sysfs_numa_node(root_, path), 1);
  }
}

TEST_F(Sysfs, GroupWithoutAReadableTypeCountsAsTranslated) {
  add_pci("0000:01:00.0", "DMA", "0");
  fs::remove(root_ + "/kernel/iommu_groups/5/type");
  DmaTranslation dma = sysfs_dma_translation(root_, sysfs_device_path(root_, "pci", "0000:01:00.0", ""));
  EXPECT_TRUE(dma.translated);
  EXPECT_NE(dma.reason.find("cannot be read"), std::string::npos);
}

TEST_F(Sysfs, VirtioAsksItsPciParent) {
  add_pci("0000:00:03.0", "DMA-FQ", "1");
  const std::string device = "/devices/pci0000:00/0000:00:03.0/virtio0";
  fs::create_directories(root_ + device);
  fs::create_directory_symlink(root_ + device, root_ + "/bus/virtio/devices/virtio0");
  const std::string path = sysfs_device_path(root_, "virtio", "virtio0", "");
  EXPECT_EQ(sysfs_numa_node(root_, path), 1);
  EXPECT_TRUE(sysfs_dma_translation(root_, path).translated);
}

TEST_F(Sysfs, UnknownNodeIsMinusOne) {
  add_pci("0000:01:00.0", "", "-1");
  EXPECT_EQ(sysfs_numa_node(root_, sysfs_device_path(root_, "pci", "0000:01:00.0", "")), -1);
  EXPECT_EQ(sysfs_numa_node(root_, ""), -1);
  EXPECT_EQ(sysfs_numa_node(root_, "/etc"), -1) << "a path outside sysfs's devices";
}

TEST_F(Sysfs, DeviceBehindTheNetEntryIsTheSecondChoice) {
  add_pci("0000:01:00.0", "", "0");
  add_net("eth0", 4, "02:00:00:00:00:ab", 1, 1);
  EXPECT_EQ(sysfs_device_path(root_, "", "", root_ + "/class/net/eth0"), "") << "no device link: software";
  fs::create_directory_symlink(root_ + "/devices/pci0000:00/0000:01:00.0", root_ + "/class/net/eth0/device");
  EXPECT_NE(sysfs_device_path(root_, "", "", root_ + "/class/net/eth0"), "");
  EXPECT_EQ(sysfs_device_path(root_, "pci", "0000:09:00.0", ""), "");
}

}  // namespace
}  // namespace zcnbrh
