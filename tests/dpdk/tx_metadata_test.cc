// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Requests to the device by TX metadata. No device here has them, so the environment says that it does, and the
// kernel does the device's part as it reads the requests in copy mode (XDP_UMEM_TX_SW_CSUM): a wrong one
// does not reach the peer's socket.
#include <gtest/gtest.h>
#include <rte_mbuf_dyn.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "lib/base/uapi_xdp.h"
#include "lib/xdp/features.h"
#include "tests/dpdk/eal_port.h"
#include "tests/dpdk/judged_packet.h"
#include "tests/dpdk/kernel_peer.h"
#include "tests/dpdk/made_packet.h"
#include "tests/dpdk/mbuf_shapes.h"

namespace zcnbrh::testing {
namespace {

constexpr unsigned kBuffers = 2047;
constexpr unsigned kForeign = 255;
constexpr uint64_t kTx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
                         RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
                         RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
constexpr uint64_t kLaunch = RTE_ETH_TX_OFFLOAD_SEND_ON_TIMESTAMP;

class TxMetadata : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(eal_ready());
    if (const std::string no = lacks(Kernel::real(), Feature::kTxMetadata); !no.empty()) GTEST_SKIP() << no;
    pool_ = rte_pktmbuf_pool_create("metatx", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    foreign_ = rte_pktmbuf_pool_create("strange", kForeign, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    ASSERT_TRUE(pool_ != nullptr && foreign_ != nullptr);
    peer_ = std::make_unique<KernelPeer>(here_);
    ASSERT_EQ(peer_->error(), "");
    inside_ = std::make_unique<InNamespace>(here_);
  }
  void TearDown() override {
    ::unsetenv("ZCNBRH_FORCE_XSK_FEATURES");
    if (port_ != nullptr) {
      EXPECT_EQ(port_->sum("violations"), 0U);
      EXPECT_EQ(port_->sum("xsk_invalid_descs"), 0U) << "the kernel refused a descriptor or its metadata";
    }
    port_.reset();
    peer_.reset();
    inside_.reset();
    if (pool_ == nullptr) return;
    EXPECT_EQ(rte_mempool_avail_count(pool_), kBuffers);
    EXPECT_EQ(rte_mempool_avail_count(foreign_), kForeign);
    rte_mempool_free(pool_);
    rte_mempool_free(foreign_);
  }
  // `features`: NETDEV_XSK_FLAGS_* that the device is said to have.
  void start(const char* features, uint64_t offloads) {
    ::setenv("ZCNBRH_FORCE_XSK_FEATURES", features, 1);
    PortPlan plan;
    plan.devargs = "iface=zk0";
    plan.conf.txmode.offloads = offloads;
    port_ = std::make_unique<EalPort>("net_zcnbrh_txmeta", plan, pool_);
    ASSERT_EQ(port_->error(), "");
  }
  uint64_t offered(const char* features) {
    ::setenv("ZCNBRH_FORCE_XSK_FEATURES", features, 1);
    EalPort port("net_zcnbrh_offered", {.devargs = "iface=zk0"}, pool_);
    rte_eth_dev_info info{};
    rte_eth_dev_info_get(port.id(), &info);
    return info.tx_offload_capa;
  }
  rte_mbuf* made(const MadePacket& packet, Shape shape) {
    rte_mbuf* m = MbufMaker(pool_, foreign_).make(packet.bytes, shape, random_);
    if (m != nullptr) packet.describe(*m);
    return m;
  }
  void send(rte_mbuf* m) {
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(rte_eth_tx_prepare(port_->id(), 0, &m, 1), 1);
    ASSERT_EQ(rte_eth_tx_burst(port_->id(), 0, &m, 1), 1);
  }
  void arrives(const MadePacket& packet, size_t payload) {
    expect_arrival(port_->id(), *peer_, packet, payload);
  }
  // Bytes of the longest packet that the port sends, found by trying.
  uint32_t longest() {
    longest_ = 1000;
    for (uint32_t refused = 5000; refused - longest_ > 1;) {
      const uint32_t tried = (longest_ + refused) / 2;
      const uint64_t before = port_->sum("_invalid");
      rte_mbuf* m = MbufMaker(pool_, foreign_).make(Bytes(tried, 0x11), Shape::kExternal, random_);
      if (m == nullptr || rte_eth_tx_burst(port_->id(), 0, &m, 1) != 1) return 0;
      (port_->sum("_invalid") == before ? longest_ : refused) = tried;
    }
    return longest_;
  }
  static uapi::XskTxMetadata before(const uint8_t* data) {
    uapi::XskTxMetadata metadata;
    std::memcpy(&metadata, data - sizeof metadata, sizeof metadata);
    return metadata;
  }

  NetNamespace here_;
  std::unique_ptr<KernelPeer> peer_;
  std::unique_ptr<InNamespace> inside_;
  rte_mempool* pool_ = nullptr;
  rte_mempool* foreign_ = nullptr;
  std::unique_ptr<EalPort> port_;
  std::mt19937 random_{11};
  uint32_t longest_ = 0;
};

TEST_F(TxMetadata, TheChecksumIsLeftToTheDevice) {
  start("2", kTx);
  for (int round = 0; round < 100; ++round) {
    MadeOptions options;
    options.ipv6 = round % 2 != 0;
    options.tags = round % 3 == 0;
    options.payload = 1 + random_() % 1000;
    MadePacket packet = make_packet(options, random_);
    packet.tci = 0;
    rte_mbuf* m = made(packet, Shape::kDirect);
    const uint8_t* data = rte_pktmbuf_mtod(m, const uint8_t*) - 4 * options.tags;
    SCOPED_TRACE(round);
    send(m);
    arrives(packet, options.payload);
    ASSERT_FALSE(HasFatalFailure());
    const uapi::XskTxMetadata request = before(data);  // still there: nobody has taken the buffer again
    EXPECT_EQ(request.flags, uapi::kXdpTxmdChecksum);
    EXPECT_EQ(request.csum_start, packet.l2 + packet.l3 + 4 * static_cast<uint32_t>(options.tags));
    EXPECT_EQ(request.csum_offset, 6);
  }
  EXPECT_EQ(port_->sum("bounce_copies"), 0U);
  EXPECT_EQ(peer_->count("Udp", "InCsumErrors") + peer_->count("", "Udp6InCsumErrors"), 0U);
}

// A request is written before the packet: never into what somebody else may read, or the application's memory.
TEST_F(TxMetadata, EveryOtherShapeGoesBySoftware) {
  start("2", kTx);
  MbufMaker maker(pool_, foreign_);
  const int written = MbufMaker::written_external();
  for (int round = 0; round < 400; ++round) {
    MadeOptions options;
    options.ipv6 = round % 2 != 0;
    options.tags = round % 5 == 0;
    options.payload = 1 + random_() % 1200;
    MadePacket packet = make_packet(options, random_);
    packet.tci = 0;
    const auto shape = static_cast<Shape>(round / 2 % static_cast<int>(Shape::kCount));
    SCOPED_TRACE(to_string(shape));
    const uint64_t copied = port_->sum("bounce_copies");
    rte_mbuf* m = maker.make(packet.bytes, shape, random_);
    ASSERT_NE(m, nullptr);
    packet.describe(*m);
    send(m);
    arrives(packet, options.payload);
    ASSERT_FALSE(HasFatalFailure());
    const bool others_see_it =
        shape == Shape::kShared || shape == Shape::kIndirect || shape == Shape::kExternal;
    EXPECT_GE(port_->sum("bounce_copies"), copied + (others_see_it ? 1 : 0));
    ASSERT_TRUE(maker.untouched());
  }
  port_.reset();  // and every external buffer is back
  EXPECT_EQ(MbufMaker::written_external(), written);
  EXPECT_EQ(peer_->count("Udp", "InCsumErrors") + peer_->count("", "Udp6InCsumErrors"), 0U);
}

// The request takes its bytes from the bounce frame: the longest packet is so much shorter, fills the frame to
// its end, and arrives as any other. One byte more is refused by the driver, not by the kernel.
TEST_F(TxMetadata, ThePacketThatFillsAFrameHasRoomForItsRequest) {
  ASSERT_TRUE(peer_->shell("ip link set dev zk1 mtu 3400"));
  start("2", 0);
  const uint32_t whole = longest();
  port_.reset();
  start("6", (kTx & ~RTE_ETH_TX_OFFLOAD_MULTI_SEGS) | kLaunch);  // or a longer one goes in two frames
  ASSERT_EQ(longest(), whole - sizeof(uapi::XskTxMetadata));
  const int at = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
  const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_TX_TIMESTAMP_NAME, nullptr);
  const uint64_t copied = port_->sum("bounce_copies");
  for (int round = 0; round < 160; ++round) {  // several go through each bounce frame's neighbourhood
    const uint32_t shorter = round % 16;
    MadeOptions options;
    options.ipv6 = round % 2 != 0;
    options.tags = round % 3 == 0;
    options.payload = longest_ - (14 + (options.ipv6 ? 40 : 20) + 8) - 4 * options.tags - shorter;
    MadePacket packet = make_packet(options, random_);
    packet.tci = 0;
    rte_mbuf* m = made(packet, round % 2 != 0 ? Shape::kExternal : Shape::kChain);
    ASSERT_NE(m, nullptr);
    ASSERT_EQ(m->pkt_len + 4 * options.tags + shorter, longest_);
    *RTE_MBUF_DYNFIELD(m, at, rte_mbuf_timestamp_t*) = 1;
    m->ol_flags |= 1ULL << bit;
    send(m);
    arrives(packet, options.payload);
    ASSERT_FALSE(HasFatalFailure()) << round;
  }
  EXPECT_EQ(port_->sum("bounce_copies"), copied + 160);
}

TEST_F(TxMetadata, TheLaunchTimeIsHandedOver) {
  EXPECT_EQ(offered("2") & kLaunch, 0U);
  EXPECT_EQ(offered("6") & kLaunch, kLaunch);
  start("6", kTx | kLaunch);
  const int at = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
  const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_TX_TIMESTAMP_NAME, nullptr);
  ASSERT_TRUE(at >= 0 && bit >= 0);
  for (int round = 0; round < 60; ++round) {
    static constexpr Shape kShapes[] = {Shape::kDirect, Shape::kNoHeadroom, Shape::kChain, Shape::kForeign};
    const Shape shape = kShapes[round % 4];
    MadeOptions options;
    options.payload = 1 + random_() % 1000;
    const MadePacket packet = make_packet(options, random_);
    rte_mbuf* m = made(packet, shape);
    const uint8_t* data = rte_pktmbuf_mtod(m, const uint8_t*);
    *RTE_MBUF_DYNFIELD(m, at, rte_mbuf_timestamp_t*) = 1'000'000'000ULL + static_cast<uint64_t>(round);
    m->ol_flags |= 1ULL << bit;
    send(m);
    arrives(packet, options.payload);
    if (shape != Shape::kDirect) continue;
    EXPECT_EQ(before(data).flags, uapi::kXdpTxmdChecksum | uapi::kXdpTxmdLaunchTime);
    EXPECT_EQ(before(data).launch_time, 1'000'000'000ULL + static_cast<uint64_t>(round));
  }
}

TEST_F(TxMetadata, WithoutAnOffloadThatNeedsItThereIsNone) {
  start("6", RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS);
  MadeOptions options;
  options.payload = 100;
  MadePacket packet = make_packet(options, random_);
  packet.bytes = packet.on_wire;
  packet.flags &= ~RTE_MBUF_F_TX_L4_MASK;
  rte_mbuf* m = made(packet, Shape::kDirect);
  uint8_t* data = rte_pktmbuf_mtod(m, uint8_t*);
  std::memset(data - 24, 0x77, 24);
  send(m);
  arrives(packet, options.payload);
  for (int i = 1; i <= 24; ++i) EXPECT_EQ(data[-i], 0x77);
}

TEST_F(TxMetadata, QueuesComeBackWithTheRoomWhenAnOffloadIsSwitchedOn) {
  start("2", 0);
  for (const uint64_t offloads : {kTx, uint64_t{0}, kTx}) {
    ASSERT_EQ(rte_eth_dev_stop(port_->id()), 0);
    rte_eth_conf conf{};
    conf.txmode.offloads = offloads;
    ASSERT_EQ(rte_eth_dev_configure(port_->id(), 1, 1, &conf), 0);  // and no queue set-up
    ASSERT_EQ(rte_eth_dev_start(port_->id()), 0);
    MadeOptions options;
    options.payload = 200;
    MadePacket packet = make_packet(options, random_);
    if (offloads == 0) packet.bytes = packet.on_wire;
    if (offloads == 0) packet.flags = 0;
    rte_mbuf* m = made(packet, Shape::kDirect);
    uint8_t* data = rte_pktmbuf_mtod(m, uint8_t*);
    std::memset(data - 24, 0, 24);
    send(m);
    arrives(packet, options.payload);
    EXPECT_EQ(before(data).flags, offloads != 0 ? uapi::kXdpTxmdChecksum : 0);
  }
}

}  // namespace
}  // namespace zcnbrh::testing
