// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receive time stamps of a device: veth's driver serves the XDP program's question for one, but has no clock
// and answers 0. So the netdev is given a clock of paper, and the test writes the device's answer where the
// program has put the metadata, between the packet's arrival in the ring and the burst that takes it.
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <rte_ip.h>
#include <rte_thash.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "bpf/zcnbrh_meta.h"
#include "lib/base/uapi_xdp.h"
#include "lib/netdev/netdev_genl.h"
#include "lib/xdp/features.h"
#include "tests/dpdk/offload_fixture.h"
#include "tests/dpdk/paper_clock.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {
namespace {

constexpr uint64_t kPtp = RTE_MBUF_F_RX_IEEE1588_PTP | RTE_MBUF_F_RX_IEEE1588_TMST;
constexpr uint16_t kPlainType = 0x88b5;  // for local experiments, IEEE 802
constexpr uint64_t kStamp = 777'000'000'123;

class RxStamp : public Offload {
 protected:
  void SetUp() override {
    Offload::SetUp();
    ASSERT_EQ(NetNamespace::connect(here_, "zk0", there_, "zk1", 1), "");
    far_ = far_socket();
    ASSERT_TRUE(far_);
    inside_ = std::make_unique<InNamespace>(here_);
    const auto features = query_xdp_features(static_cast<int>(::if_nametoindex("zk0")));
    if (!features || (features->rx_metadata & ZCNBRH_META_TIMESTAMP) == 0)
      GTEST_SKIP() << "veth tells no time stamps on this kernel (6.7)";
    g_clock.there = true;
    g_clock.ns = 5'000'000'000;
  }
  void TearDown() override {
    Offload::TearDown();
    g_clock = {};
    inside_.reset();
  }
  void start_veth(uint64_t rx_offloads, const std::string& keys = "") {
    PortPlan plan;
    plan.devargs = "iface=zk0" + keys;
    plan.rx_desc = plan.tx_desc = 64;
    plan.conf.rxmode.offloads = rx_offloads;
    if ((rx_offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) plan.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    plan.conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_UDP;
    port_ = std::make_unique<EalPort>("net_zcnbrh_stamp", plan, pool_);
    ASSERT_EQ(port_->error(), "");
    at_ = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
    const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, nullptr);
    flag_ = bit < 0 ? 0 : 1ULL << bit;
  }
  UniqueFd far_socket() {
    const InNamespace inside(there_);
    UniqueFd fd(::socket(AF_PACKET, SOCK_RAW, 0));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_ifindex = static_cast<int>(::if_nametoindex("zk1"));
    return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 ? std::move(fd) : UniqueFd();
  }
  static Bytes packet(uint16_t type, uint8_t number) {
    Bytes bytes(60, number);
    const uint8_t head[] = {1, 0x1b, 0x19, 0, 0, 0, 2, 0, 0, 0, 0, 9, uint8_t(type >> 8), uint8_t(type), 0, 2};
    std::copy(std::begin(head), std::end(head), bytes.begin());  // a Sync message, where it is PTP
    return bytes;
  }
  // Sends it and waits until it lies in the RX ring, with the program's metadata before it if there is any.
  void arrives(const Bytes& bytes) {
    const int before = rte_eth_rx_queue_count(port_->id(), 0);
    ASSERT_EQ(::send(far_.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    for (int i = 0; i < 5000 && rte_eth_rx_queue_count(port_->id(), 0) == before; ++i) ::usleep(1000);
    ASSERT_GT(rte_eth_rx_queue_count(port_->id(), 0), before);
  }
  // The metadata of packets in the ring, in any buffer of the pool.
  std::vector<zcnbrh_meta*> metadata() {
    std::vector<zcnbrh_meta*> found;
    const auto look = [](rte_mempool*, void* out, void* object, unsigned) {
      auto* m = static_cast<rte_mbuf*>(object);
      auto* bytes = static_cast<uint8_t*>(m->buf_addr);
      for (size_t at = 0; at + sizeof(zcnbrh_meta) <= m->buf_len; at += 4) {
        auto* meta = reinterpret_cast<zcnbrh_meta*>(bytes + at);
        uint32_t magic;
        std::memcpy(&magic, &meta->magic, sizeof magic);
        if (magic == ZCNBRH_META_MAGIC) static_cast<std::vector<zcnbrh_meta*>*>(out)->push_back(meta);
      }
    };
    rte_mempool_obj_iter(pool_, look, &found);
    return found;
  }
  // The device's answer for the one packet in the ring; no value: it did not stamp it.
  void device_says(std::optional<uint64_t> stamp) {
    const auto found = metadata();
    ASSERT_EQ(found.size(), 1U);
    ASSERT_NE(found[0]->have & ZCNBRH_META_TIMESTAMP, 0U) << "the program did not ask for a time stamp";
    if (stamp)
      found[0]->timestamp = *stamp;
    else
      found[0]->have &= ~uint32_t{ZCNBRH_META_TIMESTAMP};
  }
  rte_mbuf* take(const Bytes& bytes) {
    rte_mbuf* m = receive();
    EXPECT_TRUE(m != nullptr && bytes_of(m) == bytes);
    return m;
  }
  std::optional<uint64_t> stamp_of(const rte_mbuf* m) const {
    if (flag_ == 0 || (m->ol_flags & flag_) == 0) return std::nullopt;
    return *RTE_MBUF_DYNFIELD(m, at_, const rte_mbuf_timestamp_t*);
  }
  uint64_t ptp_stamp_of(const rte_mbuf* m) {
    timespec t{};
    if (rte_eth_timesync_read_rx_timestamp(port_->id(), &t, m->timesync) != 0) return 0;
    return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(t.tv_nsec);
  }
  uint64_t port_clock() {
    uint64_t now = 0;
    EXPECT_EQ(rte_eth_read_clock(port_->id(), &now), 0);
    return now;
  }

  NetNamespace here_, there_;
  UniqueFd far_;  // a packet socket at the other end
  std::unique_ptr<InNamespace> inside_;
  int at_ = -1;
  uint64_t flag_ = 0;
};

TEST_F(RxStamp, TheDevicesIsThePackets) {
  start_veth(RTE_ETH_RX_OFFLOAD_TIMESTAMP);
  for (unsigned round = 0; round < 80; ++round) {  // buffers come round more than once
    const Bytes bytes = packet(kPlainType, static_cast<uint8_t>(round));
    arrives(bytes);
    ASSERT_FALSE(HasFatalFailure());
    device_says(kStamp + round);
    ASSERT_FALSE(HasFatalFailure());
    rte_mbuf* m = take(bytes);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(stamp_of(m), kStamp + round);
    rte_pktmbuf_free(m);
    ASSERT_TRUE(metadata().empty()) << "read, but not taken away: the next packet there would have it, too";
  }
  EXPECT_EQ(port_clock(), g_clock.ns) << "and it is of the clock that the port shows";
}

// One clock a port: what the device did not stamp gets no stamp of software.
TEST_F(RxStamp, APacketThatItDidNotStampHasNone) {
  start_veth(RTE_ETH_RX_OFFLOAD_TIMESTAMP);
  for (unsigned round = 0; round < 20; ++round) {
    const Bytes bytes = packet(kPlainType, static_cast<uint8_t>(round));
    arrives(bytes);
    const std::optional<uint64_t> says = round % 2 == 0 ? std::optional<uint64_t>() : kStamp;
    device_says(says);
    ASSERT_FALSE(HasFatalFailure());
    rte_mbuf* m = take(bytes);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(stamp_of(m), says);
    rte_pktmbuf_free(m);
  }
}

TEST_F(RxStamp, TheProtocolsPacketsHaveItToo) {
  start_veth(0);
  ASSERT_EQ(rte_eth_timesync_enable(port_->id()), 0);
  for (unsigned round = 0; round < 20; ++round) {
    const Bytes bytes = packet(RTE_ETHER_TYPE_1588, static_cast<uint8_t>(round));
    arrives(bytes);
    const bool stamped = round % 2 != 0;
    device_says(stamped ? std::optional<uint64_t>(kStamp + round) : std::nullopt);
    ASSERT_FALSE(HasFatalFailure());
    rte_mbuf* m = take(bytes);
    ASSERT_NE(m, nullptr);
    EXPECT_EQ(m->ol_flags & kPtp, kPtp);
    EXPECT_EQ(stamp_of(m), std::nullopt) << "nobody asked for the offload";
    EXPECT_EQ(ptp_stamp_of(m), stamped ? kStamp + round : g_clock.ns) << "else a reading of that clock";
    rte_pktmbuf_free(m);
  }
}

// Where no program of ours for this device alone runs, or no clock can be read beside its stamps, the device is
// not asked, and software delivers all the same: stamp, hash and tag.
class BySoftware : public RxStamp {
 protected:
  void delivers(const std::string& keys) {
    start_veth(RTE_ETH_RX_OFFLOAD_TIMESTAMP | RTE_ETH_RX_OFFLOAD_RSS_HASH | RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
               keys);
    if (HasFatalFailure()) return;
    const uint64_t before = port_clock();
    Bytes bytes = udp();
    arrives(bytes);
    ASSERT_FALSE(HasFatalFailure());
    for (const zcnbrh_meta* meta : metadata()) EXPECT_EQ(meta->have & ZCNBRH_META_TIMESTAMP, 0U);
    rte_mbuf* m = receive();
    ASSERT_NE(m, nullptr);
    const auto stamp = stamp_of(m);
    ASSERT_TRUE(stamp.has_value());
    EXPECT_LE(before, *stamp);
    EXPECT_LE(*stamp, port_clock()) << "another clock than the port's";
    EXPECT_EQ(m->ol_flags & ~flag_, RTE_MBUF_F_RX_RSS_HASH | RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED);
    EXPECT_EQ(m->vlan_tci, 100);
    bytes.erase(bytes.begin() + 12, bytes.begin() + 16);
    EXPECT_EQ(bytes_of(m), bytes);
    uint8_t key[40];
    rte_eth_rss_conf conf{};
    conf.rss_key = key;
    conf.rss_key_len = sizeof key;
    ASSERT_EQ(rte_eth_dev_rss_hash_conf_get(port_->id(), &conf), 0);
    uint32_t tuple[] = {RTE_IPV4(10, 9, 0, 2), RTE_IPV4(10, 9, 0, 1), 5000U << 16 | 9000};
    EXPECT_EQ(m->hash.rss, rte_softrss(tuple, 3, key));
    rte_pktmbuf_free(m);
  }
  static Bytes udp() {
    return {0x02, 0, 0, 0, 0,  1,  0x02, 0, 0,  0, 0, 9,  0x81, 0,  0,  100, 8,    0,    0x45, 0,    0, 46,
            0,    0, 0, 0, 64, 17, 0,    0, 10, 9, 0, 2,  10,   9,  0,  1,   0x13, 0x88, 0x23, 0x28, 0, 26,
            0,    0, 1, 2, 3,  4,  5,    6, 7,  8, 9, 10, 11,   12, 13, 14,  15,   16,   17,   18};
  }
};

TEST_F(BySoftware, WithoutAClock) {
  g_clock.there = false;
  delivers("");
}

TEST_F(BySoftware, InSkbMode) { delivers(",mode=skb"); }

TEST_F(BySoftware, BehindTheDispatcher) {
  if (const std::string no = lacks(Kernel::real(), Feature::kProgExtension); !no.empty()) GTEST_SKIP() << no;
  delivers(",attach=dispatcher");
}

// An XDP program that knows nothing of ours.
std::string users_object() {
  return std::string(std::getenv("ZCNBRH_BUILD_DIR")) + "/tests/bpf/user_plain.bpf.o";
}

TEST_F(BySoftware, WithAUsersProgram) { delivers(",xdp_prog=" + users_object()); }

TEST_F(BySoftware, WithAPinnedMap) {
  char folder[] = "/tmp/zcnbrh-pin-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const bool mounted = ::mount("bpf", folder, "bpf", 0, nullptr) == 0;
  bpf_object* object = bpf_object__open(users_object().c_str());
  ASSERT_NE(object, nullptr);
  const int index = static_cast<int>(::if_nametoindex("zk0"));
  if (mounted) {
    EXPECT_EQ(bpf_object__load(object), 0);
    const std::string path = std::string(folder) + "/xsks_map";
    EXPECT_EQ(bpf_map__pin(bpf_object__find_map_by_name(object, "my_sockets"), path.c_str()), 0);
    const bpf_program* program = bpf_object__next_program(object, nullptr);
    EXPECT_EQ(bpf_xdp_attach(index, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr), 0);
    delivers(",use_pinned_map=1,dp_path=" + path);
    port_.reset();
    bpf_xdp_detach(index, XDP_FLAGS_DRV_MODE, nullptr);
  }
  bpf_object__close(object);
  ::umount(folder);
  ::rmdir(folder);
  if (!mounted) GTEST_SKIP() << "no BPF file system may be mounted here";
}

}  // namespace
}  // namespace zcnbrh::testing
