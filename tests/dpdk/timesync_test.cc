// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// rte_eth_timesync_*: a port's clock, which packets are told to be of the protocol, and when they came and
// went: by the burst, by the kernel's answer in TX metadata, and on a PTP clock of paper.
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <unistd.h>

#include <ctime>

#include "lib/xdp/features.h"
#include "tests/dpdk/offload_fixture.h"
#include "tests/dpdk/paper_clock.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

constexpr uint64_t kPtp = RTE_MBUF_F_RX_IEEE1588_PTP;
constexpr uint64_t kStamped = RTE_MBUF_F_RX_IEEE1588_PTP | RTE_MBUF_F_RX_IEEE1588_TMST;
constexpr uint64_t kBoth = kStamped;

uint64_t to_ns(const timespec& t) {
  return static_cast<uint64_t>(t.tv_sec) * kSecond + static_cast<uint64_t>(t.tv_nsec);
}
uint64_t tai() {
  timespec now{};
  ::clock_gettime(CLOCK_TAI, &now);
  return to_ns(now);
}

enum Message : uint8_t { kSync = 0, kDelayReq = 1, kPdelayResp = 3, kFollowUp = 8, kAnnounce = 11 };

// A message of the protocol over Ethernet, `tags` VLAN tags before it.
Bytes over_ethernet(Message message, int tags = 0, uint8_t version = 2) {
  Bytes bytes(12, 0x01);
  for (int i = 0; i < tags; ++i) bytes.insert(bytes.end(), {0x81, 0x00, 0x00, 0x64});
  bytes.insert(bytes.end(), {0x88, 0xf7, message, version});
  bytes.resize(bytes.size() + 42);
  return bytes;
}

Bytes over_udp(Message message, uint16_t port, bool ipv6 = false) {
  Bytes bytes(12, 0x01);
  if (ipv6) {
    bytes.insert(bytes.end(), {0x86, 0xdd, 0x60, 0, 0, 0, 0, 52, 17, 64});
    bytes.resize(bytes.size() + 32, 0x20);
  } else {
    bytes.insert(bytes.end(),
                 {0x08, 0x00, 0x46, 0, 0, 76, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 1});
  }
  bytes.insert(bytes.end(), {1, 63, static_cast<uint8_t>(port >> 8), static_cast<uint8_t>(port), 0, 52, 0, 0});
  bytes.insert(bytes.end(), {message, 0x12});
  bytes.resize(bytes.size() + 42);
  return bytes;
}

class Timesync : public Offload {
 protected:
  // The stamps of packets that came and went; 0: there is none.
  uint64_t came(const rte_mbuf* m) {
    timespec t{};
    return rte_eth_timesync_read_rx_timestamp(port_->id(), &t, m->timesync) == 0 ? to_ns(t) : 0;
  }
  uint64_t went() {
    timespec t{};
    return rte_eth_timesync_read_tx_timestamp(port_->id(), &t) == 0 ? to_ns(t) : 0;
  }
  uint64_t clock() {
    timespec t{};
    EXPECT_EQ(rte_eth_timesync_read_time(port_->id(), &t), 0);
    return to_ns(t);
  }
  rte_mbuf* timed(const Bytes& bytes, Shape shape = Shape::kDirect) {
    rte_mbuf* m = MbufMaker(pool_, foreign_).make(bytes, shape, random_);
    m->ol_flags |= RTE_MBUF_F_TX_IEEE1588_TMST;
    return m;
  }
  rte_mbuf* through(rte_mbuf* m) {
    EXPECT_EQ(send(m), 1);
    rte_mbuf* back = receive();
    EXPECT_NE(back, nullptr);
    return back;
  }
  uint64_t flags_of(const Bytes& bytes) {
    rte_mbuf* m = through(direct(bytes));
    const uint64_t flags = m->ol_flags & kBoth;
    EXPECT_EQ(bytes_of(m), bytes);
    rte_pktmbuf_free(m);
    return flags;
  }
};

TEST_F(Timesync, TheClockOfSoftwareRunsAndIsSetAndTurned) {
  start(0, 0);
  const uint64_t before = tai();
  const uint64_t now = clock();
  EXPECT_LE(before, now);
  EXPECT_LE(now, tai());
  ASSERT_EQ(rte_eth_timesync_adjust_time(port_->id(), -5'000'000'000'000), 0);
  EXPECT_LT(clock(), before - 4000 * kSecond);
  ASSERT_EQ(rte_eth_timesync_adjust_time(port_->id(), 5'000'000'000'001), 0);
  EXPECT_GE(clock(), before);
  EXPECT_LT(clock(), before + 1000 * kSecond);
  const timespec to{1000, 5};
  ASSERT_EQ(rte_eth_timesync_write_time(port_->id(), &to), 0);
  EXPECT_GE(clock(), 1000 * kSecond + 5);
  EXPECT_LT(clock(), 2000 * kSecond);
  const timespec wrong{1, static_cast<long>(kSecond)};
  EXPECT_EQ(rte_eth_timesync_write_time(port_->id(), &wrong), -EINVAL);
}

struct Row {
  const char* what;
  Bytes bytes;
  uint64_t flags;
};

TEST_F(Timesync, PacketsOfTheProtocolAreTold) {
  start(0, 0);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  Bytes fragment = over_udp(kSync, 319);
  fragment[21] = 8;  // a later one: what stands in the ports' place is data
  const Row rows[] = {{"Sync", over_ethernet(kSync), kStamped},
                      {"Delay_Req", over_ethernet(kDelayReq), kStamped},
                      {"Pdelay_Resp", over_ethernet(kPdelayResp), kStamped},
                      {"Follow_Up", over_ethernet(kFollowUp), kPtp},
                      {"Announce", over_ethernet(kAnnounce), kPtp},
                      {"version 1", over_ethernet(kSync, 0, 1), kPtp},
                      {"behind a tag", over_ethernet(kSync, 1), kStamped},
                      {"behind two", over_ethernet(kSync, 2), kStamped},
                      {"behind three", over_ethernet(kSync, 3), 0},
                      {"UDP over IPv4 with options", over_udp(kSync, 319), kStamped},
                      {"UDP over IPv6", over_udp(kDelayReq, 319, true), kStamped},
                      {"general port", over_udp(kFollowUp, 320), kPtp},
                      {"another port", over_udp(kSync, 321), 0},
                      {"a later fragment", fragment, 0}};
  for (const Row& row : rows) {
    EXPECT_EQ(flags_of(row.bytes), row.flags) << row.what;
    for (size_t length = 14; length < row.bytes.size() - 10;
         ++length) {  // cut anywhere: no read beyond the end
      const Bytes head(row.bytes.begin(), row.bytes.begin() + static_cast<long>(length));
      EXPECT_EQ(flags_of(head), 0U) << row.what << " of " << length;
    }
  }
}

TEST_F(Timesync, OffNothingIsToldAndNothingStamped) {
  start(0, 0);
  for (const bool on : {false, true, false}) {
    ASSERT_EQ(on ? rte_eth_timesync_enable(port_->id()) : rte_eth_timesync_disable(port_->id()), 0);
    rte_mbuf* m = timed(over_ethernet(kSync));
    EXPECT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), on ? 1 : 0);
    m = through(m);
    EXPECT_EQ(m->ol_flags & kBoth, on ? kStamped : 0);
    EXPECT_EQ(came(m) != 0, on);
    EXPECT_EQ(went() != 0, on);
    rte_pktmbuf_free(m);
  }
}

TEST_F(Timesync, StampsAreInOrderAndReadOnce) {
  start(0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  EXPECT_EQ(went(), 0U);
  for (int round = 0; round < 200; ++round) {
    static constexpr Shape kShapes[] = {Shape::kDirect, Shape::kChain, Shape::kForeign, Shape::kExternal};
    const uint64_t first = clock();
    rte_mbuf* sent = timed(over_ethernet(kSync), kShapes[round % 4]);
    rte_mbuf* m = through(sent);
    const uint64_t tx = went(), rx = came(m);
    EXPECT_LE(first, tx);
    EXPECT_LE(tx, rx);
    EXPECT_LE(rx, clock());
    EXPECT_EQ(came(m), 0U) << "read a second time";
    EXPECT_EQ(went(), 0U);
    rte_pktmbuf_free(m);
  }
}

TEST_F(Timesync, AnAdjustedClockStamps) {
  start(0, 0);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  const timespec to{500, 0};
  ASSERT_EQ(rte_eth_timesync_write_time(port_->id(), &to), 0);
  rte_mbuf* m = through(timed(over_ethernet(kSync)));
  const uint64_t tx = went(), rx = came(m);
  EXPECT_GE(tx, 500 * kSecond);
  EXPECT_LT(rx, 1000 * kSecond);
  EXPECT_LE(tx, rx);
  rte_pktmbuf_free(m);
}

// As the registers of NICs: of a burst of several each has its own stamp.
TEST_F(Timesync, FourPacketsOfABurstKeepTheirStamps) {
  start(0, 0);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  rte_mbuf* burst[5];
  for (auto& m : burst) m = direct(over_ethernet(kSync));
  ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, burst, 5), 5);
  ASSERT_EQ(rte_eth_rx_burst(port_->id(), 0, burst, 5), 5);
  EXPECT_EQ(burst[0]->timesync, burst[4]->timesync);
  EXPECT_NE(came(burst[4]), 0U);
  EXPECT_EQ(came(burst[0]), 0U) << "its register was used again";
  for (int i = 1; i < 4; ++i) EXPECT_NE(came(burst[i]), 0U) << i;
  rte_pktmbuf_free_bulk(burst, 5);
}

// A packet that is not taken has not gone.
TEST_F(Timesync, OnlyWhatWasTakenIsStamped) {
  start(0, 0);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_tx_queue_stop(port_->id(), 0), 0);
  rte_mbuf* m = timed(over_ethernet(kSync));
  EXPECT_EQ(rte_eth_tx_burst(port_->id(), 0, &m, 1), 0);
  EXPECT_EQ(went(), 0U);
  rte_pktmbuf_free(m);
}

// On a veth pair: TX metadata, and the netdev with a clock of paper.
class TimesyncOnVeth : public Timesync {
 protected:
  void SetUp() override {
    Timesync::SetUp();
    ASSERT_EQ(NetNamespace::connect(here_, "zk0", there_, "zk1", 1), "");
    far_ = far_socket();
    ASSERT_TRUE(far_);
    inside_ = std::make_unique<InNamespace>(here_);
  }
  void TearDown() override {
    ::unsetenv("ZCNBRH_FORCE_XSK_FEATURES");
    Timesync::TearDown();
    g_clock = {};
    inside_.reset();
  }
  // As of a device that stamps what it sends. The port's own clock is put wrong, so its readings are told
  // apart.
  void start_stamping() {
    ::setenv("ZCNBRH_FORCE_XSK_FEATURES", "1", 1);
    start_veth(RTE_ETH_RX_OFFLOAD_TIMESTAMP);
    ASSERT_EQ(rte_eth_timesync_adjust_time(port_->id(), -1000 * static_cast<int64_t>(kSecond)), 0);
  }
  void start_veth(uint64_t rx_offloads = 0) {
    PortPlan plan;
    plan.devargs = "iface=zk0,tx_bounce=16";
    plan.tx_desc = plan.rx_desc = 64;
    plan.conf.rxmode.offloads = rx_offloads;
    port_ = std::make_unique<EalPort>("net_zcnbrh_sync", plan, pool_);
    ASSERT_EQ(port_->error(), "");
    ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  }
  uint64_t goes(int patience_ms = 5000) {
    for (int i = 0; i < patience_ms; ++i) {
      if (const uint64_t ns = went(); ns != 0) return ns;
      rte_eth_tx_burst(port_->id(), 0, nullptr, 0);
      ::usleep(1000);
    }
    return 0;
  }

  UniqueFd far_socket() {
    const InNamespace inside(there_);
    UniqueFd fd(::socket(AF_PACKET, SOCK_RAW, htons(RTE_ETHER_TYPE_1588)));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(RTE_ETHER_TYPE_1588);
    at.sll_ifindex = static_cast<int>(::if_nametoindex("zk1"));
    const timeval patience{5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? std::move(fd) : UniqueFd();
  }

  NetNamespace here_, there_;
  UniqueFd far_;  // a packet socket at the other end
  std::unique_ptr<InNamespace> inside_;
};

// What testpmd's ieee1588 forwarder does with each packet, in its order (Debian's testpmd is built without it).
TEST_F(TimesyncOnVeth, AsTestpmdsForwarderDoes) {
  start_veth();
  const Bytes sync = over_ethernet(kSync);
  for (int round = 0; round < 50; ++round) {
    const uint64_t before = tai();
    ASSERT_EQ(::send(far_.get(), sync.data(), sync.size(), 0), static_cast<ssize_t>(sync.size()));
    rte_mbuf* m = nullptr;
    while (m == nullptr || (m->ol_flags & kPtp) == 0) {  // the kernel's own chatter comes, too
      rte_pktmbuf_free(m);
      m = nullptr;
      for (int i = 0; i < 5000 && rte_eth_rx_burst(port_->id(), 0, &m, 1) == 0; ++i) ::usleep(1000);
      ASSERT_NE(m, nullptr);
    }
    ASSERT_EQ(m->ol_flags, kStamped);
    timespec rx{};
    ASSERT_EQ(rte_eth_timesync_read_rx_timestamp(port_->id(), &rx, m->timesync & 3), 0);
    m->ol_flags |= RTE_MBUF_F_TX_IEEE1588_TMST;
    ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, &m, 1), 1);
    const uint64_t tx = went();
    EXPECT_LE(before, to_ns(rx));
    EXPECT_LE(to_ns(rx), tx);
    EXPECT_LE(tx, tai());
    uint8_t back[256];
    ssize_t length = 0;
    for (int i = 0; i < 5 && length <= 0; ++i) {
      rte_eth_tx_burst(port_->id(), 0, nullptr, 0);
      length = ::recv(far_.get(), back, sizeof back, 0);
    }
    ASSERT_EQ(Bytes(back, back + length), sync);
  }
}

TEST_F(TimesyncOnVeth, TheKernelSaysWhenAPacketHasGone) {
  if (const std::string no = lacks(Kernel::real(), Feature::kTxMetadata); !no.empty()) GTEST_SKIP() << no;
  start_stamping();
  for (int round = 0; round < 50; ++round) {
    const uint64_t before = tai();
    ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
    const uint64_t tx = goes();
    EXPECT_LE(before, tx);
    EXPECT_LE(tx, tai());
    EXPECT_EQ(went(), 0U);
  }
}

// The frame it was written to has long been used again by then.
TEST_F(TimesyncOnVeth, AStampWaitsUntilItIsRead) {
  if (const std::string no = lacks(Kernel::real(), Feature::kTxMetadata); !no.empty()) GTEST_SKIP() << no;
  start_stamping();
  for (int round = 0; round < 20; ++round) {
    const uint64_t before = tai();
    ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
    for (int other = 0; other < 100; ++other) {
      rte_mbuf* m = MbufMaker(pool_, foreign_).make(over_ethernet(kFollowUp), Shape::kExternal, random_);
      while (rte_eth_tx_burst(port_->id(), 0, &m, 1) == 0) ::usleep(10);
    }
    const uint64_t after = tai();
    EXPECT_EQ(port_->sum("tx_q0_bounce_copies"), 101U * static_cast<unsigned>(round + 1));
    const uint64_t tx = goes();
    EXPECT_LE(before, tx);
    EXPECT_LE(tx, after);
  }
}

TEST_F(TimesyncOnVeth, OnARunningPortWithoutRoomForRequestsTheBurstStamps) {
  ::setenv("ZCNBRH_FORCE_XSK_FEATURES", "1", 1);
  start_veth();
  ASSERT_EQ(rte_eth_timesync_adjust_time(port_->id(), -1000 * static_cast<int64_t>(kSecond)), 0);
  const uint64_t before = tai();
  ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
  const uint64_t tx = went();
  EXPECT_NE(tx, 0U);
  EXPECT_LT(tx, before);
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
  EXPECT_GE(goes(), before) << "with the room, the kernel";
}

TEST_F(TimesyncOnVeth, ADevicesClockIsThePorts) {
  g_clock.there = true;
  g_clock.ns = 12345 * kSecond + 678;
  start_veth();
  EXPECT_EQ(clock(), 12345 * kSecond + 678);
  ASSERT_EQ(rte_eth_timesync_adjust_time(port_->id(), -45 * static_cast<int64_t>(kSecond) - 679), 0);
  EXPECT_EQ(clock(), 12300 * kSecond - 1);
  const timespec to{99, 999999999};
  ASSERT_EQ(rte_eth_timesync_write_time(port_->id(), &to), 0);
  EXPECT_EQ(clock(), 100 * kSecond - 1);
  ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
  EXPECT_EQ(went(), 100 * kSecond - 1) << "stamped by a reading of that clock";
  g_clock.refuses_changes = EACCES;
  EXPECT_EQ(rte_eth_timesync_adjust_time(port_->id(), 1), -EACCES);
  EXPECT_EQ(rte_eth_timesync_write_time(port_->id(), &to), -EACCES);
  EXPECT_EQ(clock(), 100 * kSecond - 1);
}

TEST_F(TimesyncOnVeth, AClockThatMayNotBeOpenedIsReplacedBySoftware) {
  g_clock.there = true;
  g_clock.refuses_open = EACCES;
  start_veth();
  const uint64_t before = tai(), now = clock();
  EXPECT_LE(before, now);
  EXPECT_LE(now, tai());
  // It is looked for anew when the port starts.
  g_clock.refuses_open = 0;
  g_clock.ns = 7 * kSecond;
  ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
  ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
  EXPECT_EQ(clock(), 7 * kSecond);
  ASSERT_EQ(send(timed(over_ethernet(kSync))), 1);
  EXPECT_EQ(went(), 7 * kSecond) << "and timesync is still on";
}

}  // namespace
}  // namespace zcnbrh::testing
