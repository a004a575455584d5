// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What ethdev asks of the NIC itself, on a real one: each answer is the one that ethtool gives. Run in the
// lab's guest by nic_test.py, on igb, whose kernel driver has most of it.
#include <fcntl.h>
#include <rte_ethdev.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "tests/lab/two_ends.h"

namespace zcnbrh::testing {
namespace {

struct Shown {
  int status = -1;
  std::string text;  // also of binary output
};

Shown shown_by(const std::string& command) {
  Shown out;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return out;
  char part[4096];
  while (const size_t n = std::fread(part, 1, sizeof part, pipe)) out.text.append(part, n);
  out.status = ::pclose(pipe);
  return out;
}

class NicEnds : public TwoEnds {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(TwoEnds::SetUp());
    port_ = std::make_unique<EalPort>("net_zcnbrh_one", plan(first_), pool_);
    ASSERT_EQ(port_->error(), "");
  }
  void TearDown() override {
    port_.reset();
    TwoEnds::TearDown();
  }
  uint16_t id() const { return port_->id(); }
  Shown ethtool(const std::string& words) const { return shown_by("ethtool " + words); }
  // "Autonegotiate:", "RX:" or "TX:" of ethtool -a.
  bool pause_is_on(const std::string& name) const {
    const std::string text = ethtool("-a " + first_).text;
    const size_t at = text.find("\n" + name + ":");
    return at != std::string::npos && text.find("on", text.find(':', at)) < text.find('\n', at + 1);
  }

  std::unique_ptr<EalPort> port_;
};

TEST_F(NicEnds, EepromAndItsMagic) {
  const std::string wanted = ethtool("-e " + first_ + " raw on").text;
  ASSERT_GT(wanted.size(), 16U);
  ASSERT_EQ(rte_eth_dev_get_eeprom_length(id()), static_cast<int>(wanted.size()));
  std::string found(wanted.size(), 0);
  rte_dev_eeprom_info eeprom{};
  eeprom.data = found.data();
  eeprom.length = static_cast<uint32_t>(found.size());
  ASSERT_EQ(rte_eth_dev_get_eeprom(id(), &eeprom), 0);
  EXPECT_EQ(found, wanted);
  EXPECT_NE(eeprom.magic, 0U);
  // igb wants the device's id as the magic; a wrong one must not write.
  std::string other(2, '\x5a');
  rte_dev_eeprom_info write{other.data(), 0, 2, eeprom.magic + 1};
  EXPECT_LT(rte_eth_dev_set_eeprom(id(), &write), 0);
  EXPECT_EQ(ethtool("-e " + first_ + " raw on").text, wanted);
}

// Some registers change from one reading to the next.
TEST_F(NicEnds, Registers) {
  rte_dev_reg_info info{};
  ASSERT_EQ(rte_eth_dev_get_reg_info(id(), &info), 0);
  std::string found(size_t{info.length} * info.width, 0);
  info.data = found.data();
  const std::string before = ethtool("-d " + first_ + " raw on").text;
  ASSERT_EQ(rte_eth_dev_get_reg_info(id(), &info), 0);
  const std::string after = ethtool("-d " + first_ + " raw on").text;
  ASSERT_EQ(found.size(), before.size());
  ASSERT_EQ(found.size(), after.size());
  size_t steady = 0, set = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    if (before[i] != after[i]) continue;
    ++steady;
    set += found[i] != 0;
    EXPECT_EQ(found[i], before[i]) << "byte " << i;
  }
  EXPECT_GT(steady, found.size() * 9 / 10);
  EXPECT_GT(set, 20U) << "registers that are not 0";
}

// A link that comes up anew brings igb's own idea of them, so its resets after the attach come first.
TEST_F(NicEnds, PauseFrames) {
  ASSERT_TRUE(links_settle(id(), id()));
  rte_eth_fc_conf before{};
  ASSERT_EQ(rte_eth_dev_flow_ctrl_get(id(), &before), 0);
  EXPECT_EQ(before.autoneg != 0, pause_is_on("Autonegotiate"));
  for (const rte_eth_fc_mode mode :
       {RTE_ETH_FC_RX_PAUSE, RTE_ETH_FC_TX_PAUSE, RTE_ETH_FC_NONE, RTE_ETH_FC_FULL}) {
    rte_eth_fc_conf conf{};
    conf.mode = mode;
    ASSERT_EQ(rte_eth_dev_flow_ctrl_set(id(), &conf), 0) << "mode " << mode;
    EXPECT_FALSE(pause_is_on("Autonegotiate"));
    EXPECT_EQ(pause_is_on("RX"), mode == RTE_ETH_FC_RX_PAUSE || mode == RTE_ETH_FC_FULL) << "mode " << mode;
    EXPECT_EQ(pause_is_on("TX"), mode == RTE_ETH_FC_TX_PAUSE || mode == RTE_ETH_FC_FULL) << "mode " << mode;
    rte_eth_fc_conf now{};
    ASSERT_EQ(rte_eth_dev_flow_ctrl_get(id(), &now), 0);
    EXPECT_EQ(now.mode, mode);
  }
  EXPECT_EQ(rte_eth_dev_flow_ctrl_set(id(), &before), 0);
}

// The kernel lets one at a time blink a port's LED: ethtool -p is refused while ours does.
TEST_F(NicEnds, LedBlinksUntilItIsTurnedOff) {
  ASSERT_EQ(rte_eth_led_on(id()), 0);
  const Shown busy = ethtool("-p " + first_ + " 1");
  EXPECT_NE(busy.status, 0);
  EXPECT_NE(busy.text.find("busy"), std::string::npos) << busy.text;
  ASSERT_EQ(rte_eth_led_off(id()), 0);
  const Shown free = ethtool("-p " + first_ + " 1");
  EXPECT_EQ(free.status, 0) << free.text;
}

// The kernel's own view of a NIC's PTP clock: /dev/ptp<n>, which ethtool -T names.
class NicClock {
 public:
  explicit NicClock(const std::string& ethtool_text) {
    const std::string words = "PTP Hardware Clock: ";
    const size_t at = ethtool_text.find(words);
    if (at == std::string::npos) return;
    fd_ = ::open(("/dev/ptp" + std::to_string(std::atoi(ethtool_text.c_str() + at + words.size()))).c_str(),
                 O_RDWR);
  }
  ~NicClock() {
    if (fd_ >= 0) ::close(fd_);
  }
  NicClock(const NicClock&) = delete;
  NicClock& operator=(const NicClock&) = delete;

  bool is_open() const { return fd_ >= 0; }
  double seconds() const {
    timespec now{};
    if (::clock_gettime(static_cast<clockid_t>(~static_cast<unsigned>(fd_) << 3 | 3U), &now) != 0) return -1;
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  }

 private:
  int fd_ = -1;
};

TEST_F(NicEnds, TimesyncIsOnTheNicsPtpClock) {
  const NicClock nic(ethtool("-T " + first_).text);
  ASSERT_TRUE(nic.is_open()) << ethtool("-T " + first_).text;
  const auto ports = [this] {
    timespec now{};
    EXPECT_EQ(rte_eth_timesync_read_time(id(), &now), 0);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
  };
  // Between two looks at the NIC's clock lies ours at the port's.
  const auto same = [&](const char* when) {
    const double before = nic.seconds(), port = ports(), after = nic.seconds();
    EXPECT_LE(before, port) << when;
    EXPECT_LE(port, after) << when;
  };
  ASSERT_EQ(rte_eth_timesync_enable(id()), 0);
  same("at first");
  const timespec set{1'234'567'890, 0};
  ASSERT_EQ(rte_eth_timesync_write_time(id(), &set), 0);
  same("set");
  EXPECT_NEAR(nic.seconds(), 1'234'567'890, 60);
  ASSERT_EQ(rte_eth_timesync_adjust_time(id(), int64_t{1'000} * 1'000'000'000), 0);
  same("shifted");
  const double first = nic.seconds();
  EXPECT_NEAR(first, 1'234'568'890, 60);
  rte_delay_us_sleep(50'000);
  EXPECT_GE(ports() - first, 0.045) << "it runs";
  EXPECT_EQ(rte_eth_timesync_disable(id()), 0);
}

TEST_F(NicEnds, APortOfCopperHasNoModule) {
  rte_eth_dev_module_info module{};
  EXPECT_EQ(rte_eth_dev_get_module_info(id(), &module), -ENOTSUP);
}

}  // namespace
}  // namespace zcnbrh::testing
