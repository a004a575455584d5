// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethdev asks of the NIC behind a netdev: on a veth, which has none of it, each call says ENOTSUP; and on
// a veth that a NIC of paper answers for. For that this program has an ioctl() of its own, which the driver's
// calls meet before the C library's.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_bus_vdev.h>
#include <rte_dev_info.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstring>
#include <memory>

#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/rss_oracle.h"
#include "tests/dpdk/wire.h"
#include "tests/fakes/fake_nic.h"
#include "tests/support/net_namespace.h"

namespace {
zcnbrh::testing::FakeNic* g_nic = nullptr;
}

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list rest;
  va_start(rest, request);
  void* argument = va_arg(rest, void*);
  va_end(rest);
  if (request == SIOCETHTOOL && g_nic != nullptr) {
    auto* question = static_cast<struct ifreq*>(argument);
    if (std::strcmp(question->ifr_name, "zl0") == 0) {
      const int answer = g_nic->call(question->ifr_data);
      if (answer == 0) return 0;
      if (answer != -ENOSYS) {
        errno = -answer;
        return -1;
      }
    }
  }
  return static_cast<int>(::syscall(SYS_ioctl, fd, request, argument));
}

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
// ethtool cannot tell how extension headers of IPv6 are hashed, so that is not offered.
constexpr uint64_t kIp = RTE_ETH_RSS_IP & ~RTE_ETH_RSS_IPV6_EX;

class Nic : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(here_.error(), "");
    ASSERT_EQ(NetNamespace::connect(here_, "zl0", there_, "zl1", 4), "");
    inside_ = std::make_unique<InNamespace>(here_);
    ASSERT_TRUE(eal_ready());
    pool_ = rte_pktmbuf_pool_create("nic", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  }
  void TearDown() override {
    port_.reset();
    g_nic = nullptr;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    rte_mempool_free(pool_);
  }
  uint16_t open(FakeNic* nic, const std::string& keys = ",queue_count=4") {
    g_nic = nic;
    PortPlan plan;
    plan.devargs = "iface=zl0" + keys;
    plan.rx_queues = plan.tx_queues = keys.find("count=4") != std::string::npos ? 4 : 2;
    plan.rx_desc = plan.tx_desc = 128;
    port_ = std::make_unique<EalPort>("net_zcnbrh_nic", plan, pool_);
    EXPECT_EQ(port_->error(), "");
    return port_->id();
  }
  bool from_peer(const std::vector<uint8_t>& bytes) {
    bool sent = false;
    there_.run([&] {
      const UniqueFd fd(::socket(AF_PACKET, SOCK_RAW, 0));
      sockaddr_ll to{};
      to.sll_family = AF_PACKET;
      to.sll_ifindex = static_cast<int>(::if_nametoindex("zl1"));
      sent = ::sendto(fd.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) > 0;
    });
    return sent;
  }
  // RSS calls want a port that was configured for it.
  int configure_rss(uint64_t types, uint8_t* key = nullptr, uint8_t length = 0) {
    rte_eth_dev_stop(port_->id());
    rte_eth_conf conf{};
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf = {key, length, types};
    return rte_eth_dev_configure(port_->id(), 2, 2, &conf);
  }

  NetNamespace here_, there_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  std::unique_ptr<EalPort> port_;
};

TEST_F(Nic, AVethHasNoneOfItAndOffersNone) {
  const uint16_t id = open(nullptr);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  EXPECT_EQ(info.speed_capa, RTE_ETH_LINK_SPEED_10G) << "veth names no modes, but says 10 Gbit/s";
  EXPECT_EQ(info.reta_size, 0);
  char text[32];
  rte_dev_reg_info regs{};
  rte_eth_dev_module_info module{};
  rte_eth_fc_conf pause{};
  EXPECT_EQ(rte_eth_dev_fw_version_get(id, text, sizeof text), -ENOTSUP);
  EXPECT_EQ(rte_eth_dev_get_reg_info(id, &regs), -ENOTSUP);
  EXPECT_EQ(rte_eth_dev_get_eeprom_length(id), -ENOTSUP);
  EXPECT_EQ(rte_eth_dev_get_module_info(id, &module), -ENOTSUP);
  EXPECT_EQ(rte_eth_dev_flow_ctrl_get(id, &pause), -ENOTSUP);
  EXPECT_EQ(rte_eth_led_on(id), -ENOTSUP);
  EXPECT_EQ(rte_eth_led_off(id), -ENOTSUP);
}

TEST_F(Nic, SpeedsAreThoseOfTheLinkModes) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  // 400G has no bit in DPDK 22.11.
  EXPECT_EQ(info.speed_capa, RTE_ETH_LINK_SPEED_1G | RTE_ETH_LINK_SPEED_10G | RTE_ETH_LINK_SPEED_25G);
  nic.modes.clear();
  info = {};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  EXPECT_EQ(info.speed_capa, RTE_ETH_LINK_SPEED_25G) << "no modes: the link's own speed";
}

TEST_F(Nic, TheTableIsReadAndWrittenInThePortsOwnNumbers) {
  FakeNic nic;
  for (size_t i = 0; i < nic.table.size(); ++i) nic.table[i] = i % 4;
  const uint16_t id = open(&nic, ",start_queue=2,queue_count=2");
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  ASSERT_EQ(info.reta_size, 128);
  ASSERT_EQ(configure_rss(RTE_ETH_RSS_IPV4), 0);
  EXPECT_EQ(nic.table[1], 1U) << "configuring leaves the table alone";
  rte_eth_rss_reta_entry64 table[2]{};
  table[0].mask = table[1].mask = UINT64_MAX;
  ASSERT_EQ(rte_eth_dev_rss_reta_query(id, table, 128), 0);
  EXPECT_EQ(table[0].reta[0], UINT16_MAX) << "a NIC queue that is not the port's";
  EXPECT_EQ(table[0].reta[2], 0);
  EXPECT_EQ(table[1].reta[63], 1);
  std::memset(table, 0, sizeof table);
  table[1].mask = 1;
  table[1].reta[0] = 1;
  ASSERT_EQ(rte_eth_dev_rss_reta_update(id, table, 128), 0);
  EXPECT_EQ(nic.table[64], 3U);
  EXPECT_EQ(nic.table[65], 1U) << "an entry that was not asked for";
  table[1].reta[0] = 2;
  EXPECT_EQ(rte_eth_dev_rss_reta_update(id, table, 128), -EINVAL) << "a queue beyond the port's";
  EXPECT_EQ(nic.table[64], 3U);
  EXPECT_EQ(nic.key, std::vector<uint8_t>(40, 0x5a)) << "the key is left alone";
}

TEST_F(Nic, KeyAndHashTypes) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  EXPECT_EQ(info.hash_key_size, 40);
  const uint64_t udp = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
  EXPECT_EQ(info.flow_type_rss_offloads,
            kIp | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP | udp);
  uint8_t key[40];
  std::memset(key, 0x77, sizeof key);
  ASSERT_EQ(configure_rss(kIp | RTE_ETH_RSS_NONFRAG_IPV4_UDP, key, sizeof key), 0);
  EXPECT_EQ(nic.key, std::vector<uint8_t>(40, 0x77));
  rte_eth_rss_conf conf{};
  uint8_t read[40]{};
  conf.rss_key = read;
  conf.rss_key_len = sizeof read;
  ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(id, &conf), 0);
  EXPECT_EQ(std::memcmp(read, key, sizeof key), 0);
  EXPECT_EQ(conf.rss_hf, info.flow_type_rss_offloads & ~uint64_t{RTE_ETH_RSS_NONFRAG_IPV6_UDP});
  conf.rss_key = nullptr;
  conf.rss_hf = info.flow_type_rss_offloads & ~udp;
  ASSERT_EQ(rte_eth_dev_rss_hash_update(id, &conf), 0);
  ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(id, &conf), 0);
  EXPECT_EQ(conf.rss_hf, info.flow_type_rss_offloads & ~udp);
  EXPECT_EQ(nic.key, std::vector<uint8_t>(40, 0x77));
}

// Where the NIC has RSS but does not tell its hash: by its key and types, as they are now. FakeNic hashes UDP
// by address alone.
TEST_F(Nic, TheHashInSoftwareIsByTheNicsKey) {
  FakeNic nic;
  open(&nic, ",queue_count=4,mode=skb");
  rte_eth_dev_stop(port_->id());
  rte_eth_conf conf{};
  conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH;
  ASSERT_EQ(rte_eth_dev_configure(port_->id(), 4, 4, &conf), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  std::vector<uint8_t> bytes(60, 0x21);
  const uint8_t head[] = {0x08, 0x00, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};
  std::copy_n(head, sizeof head, bytes.begin() + 12);
  for (const uint8_t fill : {0x5a, 0x13}) {
    std::fill(nic.key.begin(), nic.key.end(), fill);
    nic.key[3] = 0x77;
    std::vector<uint8_t> key = nic.key;
    constexpr uint64_t kTcp = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP;
    rte_eth_rss_conf rss{key.data(), 40, kIp | kTcp};
    ASSERT_EQ(rte_eth_dev_rss_hash_update(port_->id(), &rss), 0);
    ASSERT_TRUE(from_peer(bytes));
    rte_mbuf* m = nullptr;
    ASSERT_TRUE(eventually([&] {
      for (uint16_t queue = 0; queue < 4; ++queue)
        if (rte_eth_rx_burst(port_->id(), queue, &m, 1) == 1) return true;
      return false;
    }));
    EXPECT_EQ(m->ol_flags, RTE_MBUF_F_RX_RSS_HASH);
    EXPECT_EQ(m->hash.rss, rss_hash(bytes, nic.key.data(), RTE_ETH_RSS_IPV4));
    rte_pktmbuf_free(m);
  }
}

TEST_F(Nic, ARefusedHashTypePutsTheOthersBack) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  ASSERT_EQ(configure_rss(kIp), 0);
  const auto before = nic.hashed;
  rte_eth_rss_conf conf{};
  conf.rss_hf = kIp | RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP;  // not TCP over IPv6
  EXPECT_EQ(rte_eth_dev_rss_hash_update(id, &conf), -EINVAL);
  EXPECT_EQ(nic.hashed, before);
  conf.rss_hf = 0;
  EXPECT_EQ(rte_eth_dev_rss_hash_update(id, &conf), -ENOTSUP);
}

TEST_F(Nic, ANicWithoutAKeyTakesNone) {
  FakeNic nic;
  nic.key.clear();
  const uint16_t id = open(&nic);
  uint8_t key[40]{};
  EXPECT_EQ(configure_rss(kIp, key, sizeof key), -ENOTSUP);
  EXPECT_EQ(configure_rss(kIp), 0);
  rte_eth_dev_info info{};
  ASSERT_EQ(rte_eth_dev_info_get(id, &info), 0);
  EXPECT_EQ(info.hash_key_size, 0);
  EXPECT_EQ(info.reta_size, 128);
}

TEST_F(Nic, PauseFrames) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  rte_eth_fc_conf conf{};
  ASSERT_EQ(rte_eth_dev_flow_ctrl_get(id, &conf), 0);
  EXPECT_EQ(conf.mode, RTE_ETH_FC_RX_PAUSE);
  EXPECT_EQ(conf.autoneg, 1);
  conf.mode = RTE_ETH_FC_FULL;
  conf.autoneg = 0;
  ASSERT_EQ(rte_eth_dev_flow_ctrl_set(id, &conf), 0);
  EXPECT_EQ((std::vector<uint32_t>{nic.pause.autoneg, nic.pause.rx_pause, nic.pause.tx_pause}),
            (std::vector<uint32_t>{0, 1, 1}));
  conf.mode = RTE_ETH_FC_NONE;
  conf.high_water = 1000;
  EXPECT_EQ(rte_eth_dev_flow_ctrl_set(id, &conf), -EINVAL) << "water marks cannot be set";
  EXPECT_EQ(nic.pause.tx_pause, 1U);
  nic.fails[ETHTOOL_SPAUSEPARAM] = EBUSY;
  conf.high_water = 0;
  EXPECT_EQ(rte_eth_dev_flow_ctrl_set(id, &conf), -EBUSY);
}

TEST_F(Nic, FirmwareRegistersAndEeproms) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  char text[32]{};
  EXPECT_EQ(rte_eth_dev_fw_version_get(id, text, 3), 7) << "the room that is needed";
  EXPECT_EQ(rte_eth_dev_fw_version_get(id, text, sizeof text), 0);
  EXPECT_STREQ(text, "1.52.3");

  rte_dev_reg_info regs{};
  ASSERT_EQ(rte_eth_dev_get_reg_info(id, &regs), 0);
  EXPECT_EQ(regs.length * regs.width, 64U);
  std::vector<uint8_t> dump(64);
  regs.data = dump.data();
  ASSERT_EQ(rte_eth_dev_get_reg_info(id, &regs), 0);
  EXPECT_EQ(dump, nic.registers);
  EXPECT_EQ(regs.version, 7U);
  regs.offset = 60;
  EXPECT_EQ(rte_eth_dev_get_reg_info(id, &regs), -EINVAL);

  ASSERT_EQ(rte_eth_dev_get_eeprom_length(id), 256);
  std::vector<uint8_t> bytes(16);
  rte_dev_eeprom_info eeprom{bytes.data(), 240, 16, 0};
  ASSERT_EQ(rte_eth_dev_get_eeprom(id, &eeprom), 0);
  EXPECT_EQ(bytes, std::vector<uint8_t>(16, 0x22));
  EXPECT_EQ(eeprom.magic, nic.magic);
  bytes.assign(16, 0x44);
  ASSERT_EQ(rte_eth_dev_set_eeprom(id, &eeprom), 0);
  EXPECT_EQ(nic.eeprom[255], 0x44);
  eeprom.magic = 1;
  EXPECT_EQ(rte_eth_dev_set_eeprom(id, &eeprom), -EFAULT);
  eeprom.offset = 241;
  EXPECT_EQ(rte_eth_dev_get_eeprom(id, &eeprom), -EINVAL);

  rte_eth_dev_module_info module{};
  ASSERT_EQ(rte_eth_dev_get_module_info(id, &module), 0);
  EXPECT_EQ(module.type, static_cast<uint32_t>(RTE_ETH_MODULE_SFF_8472));
  EXPECT_EQ(module.eeprom_len, 512U);
  rte_dev_eeprom_info part{bytes.data(), 496, 16, 0};
  ASSERT_EQ(rte_eth_dev_get_module_eeprom(id, &part), 0);
  EXPECT_EQ(bytes, std::vector<uint8_t>(16, 0x33));
}

TEST_F(Nic, TheLedBlinksUntilItIsTurnedOffOrThePortCloses) {
  FakeNic nic;
  const uint16_t id = open(&nic);
  EXPECT_EQ(rte_eth_led_off(id), -ENOTSUP) << "it is not on";
  ASSERT_EQ(rte_eth_led_on(id), 0);
  ASSERT_EQ(rte_eth_led_on(id), 0);
  while (nic.blinks < 2) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_EQ(rte_eth_led_off(id), 0);
  const int then = nic.blinks;
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));
  EXPECT_EQ(nic.blinks, then);
  ASSERT_EQ(rte_eth_led_on(id), 0);
  port_.reset();
  nic.has_led = false;
}

}  // namespace
}  // namespace zcnbrh::testing
