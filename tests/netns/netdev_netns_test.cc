// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// lib/netdev against real interfaces: a veth pair in a network namespace of this process's own, with a sysfs
// mounted for it in a mount namespace of its own. Both go with the process, whatever happens to it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "lib/base/mapping.h"
#include "lib/base/uapi_xdp.h"
#include "lib/netdev/link_watcher.h"
#include "lib/netdev/netdev.h"
#include "lib/netdev/netdev_genl.h"

namespace zcnbrh {
namespace {

std::string why_no_namespace;  // empty: we are in a namespace of our own

std::string enter_own_namespaces() {
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return std::string("unshare: ") + std::strerror(errno);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("sysfs", "/sys", "sysfs", MS_RDONLY, nullptr) != 0) {
    return std::string("mount of a sysfs for the namespace: ") + std::strerror(errno);
  }
  return {};
}

bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

int open_fds() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class NetdevNetns : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { why_no_namespace = enter_own_namespaces(); }

  void SetUp() override {
    if (!why_no_namespace.empty()) GTEST_SKIP() << "needs root: " << why_no_namespace;
    ASSERT_TRUE(
        shell("ip link add znd0 numrxqueues 4 numtxqueues 4 type veth "
              "peer name znd1 numrxqueues 4 numtxqueues 4"))
        << "`ip link add ... type veth` failed";
    // veth does XDP only while the peer has no more TX queues than it has RX queues itself.
    ASSERT_TRUE(shell("ethtool -L znd1 rx 4 tx 2 && ethtool -L znd0 rx 2 tx 3"));
    ASSERT_TRUE(shell("ip link set znd0 up && ip link set znd1 up"));
    index_ = static_cast<int>(if_nametoindex("znd0"));
    peer_ = static_cast<int>(if_nametoindex("znd1"));
    fds_before_ = open_fds();
  }
  void TearDown() override {
    if (!why_no_namespace.empty()) return;
    EXPECT_EQ(open_fds(), fds_before_) << "a file descriptor was left open";
    shell("ip link del znd0");
  }

  int index_ = 0, peer_ = 0, fds_before_ = 0;
};

TEST_F(NetdevNetns, QueryTellsWhatIpTells) {
  ASSERT_TRUE(shell("ip link set znd0 mtu 1400 address 02:00:00:00:00:2a"));
  auto info = netdev_query("znd0");
  ASSERT_TRUE(info.ok()) << info.error().text();
  EXPECT_EQ(info->ifindex, index_);
  EXPECT_EQ(info->name, "znd0");
  EXPECT_EQ(info->mtu, 1400U);
  EXPECT_EQ(info->min_mtu, 68U);
  EXPECT_GT(info->max_mtu, 1500U);
  EXPECT_EQ(info->mac, (MacAddress{2, 0, 0, 0, 0, 0x2a}));
  EXPECT_TRUE(info->admin_up);
  EXPECT_TRUE(info->carrier);
  EXPECT_FALSE(info->promisc);
  EXPECT_EQ(info->driver, "veth");
  EXPECT_EQ(info->numa_node, -1);
  EXPECT_FALSE(info->has_device);
  EXPECT_FALSE(info->dma_translated) << info->dma_reason;
  EXPECT_FALSE(info->xdp_attached);
  EXPECT_EQ(info->rx_queues, 2U);
  EXPECT_EQ(info->tx_queues, 3U);

  auto same = netdev_query(index_);
  ASSERT_TRUE(same.ok()) << same.error().text();
  EXPECT_EQ(same->name, "znd0");
}

TEST_F(NetdevNetns, AlternativeNamesAreFound) {
  const std::string longer = "a-name-longer-than-fifteen-characters";
  if (!shell("ip link property add dev znd0 altname " + longer)) GTEST_SKIP() << "no alternative names (5.5)";
  auto info = netdev_query(longer);
  ASSERT_TRUE(info.ok()) << info.error().text();
  EXPECT_EQ(info->ifindex, index_);
  EXPECT_EQ(info->name, "znd0");
}

// The sysfs of another namespace shows other interfaces, here one of the same name: it must not be believed.
TEST_F(NetdevNetns, SysfsOfAnotherNamespaceIsNotBelieved) {
  int error = -1;
  NetdevInfo info;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    if (!shell("ip link add znd0 numrxqueues 4 numtxqueues 4 type veth peer name znd1")) return;
    if (!shell("ethtool -L znd0 rx 1 tx 4")) return;
    auto result = netdev_query("znd0");
    error = result ? 0 : result.error().code;
    if (result) info = *result;
  }).join();
  ASSERT_EQ(error, 0);
  EXPECT_EQ(info.rx_queues, 1U);
  EXPECT_EQ(info.tx_queues, 4U);
  EXPECT_FALSE(info.has_device);
}

TEST_F(NetdevNetns, NoSuchNetdevSaysCauseAndCure) {
  for (const auto& result : {netdev_query("znd7"), netdev_query(999999), netdev_query(0), netdev_query(-1)}) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ENODEV);
    EXPECT_NE(result.error().why.find("no such netdev; check `ip link`, or the network namespace"),
              std::string::npos)
        << result.error().text();
  }
  EXPECT_NE(netdev_query("znd7").error().why.find("iface znd7"), std::string::npos);
  EXPECT_EQ(netdev_link_state(999999).error().code, ENODEV);
  EXPECT_EQ(netdev_stats(999999).error().code, ENODEV);
  EXPECT_EQ(netdev_set_mtu(999999, 1500).error().code, ENODEV);
  EXPECT_EQ(netdev_set_mac(999999, {2, 0, 0, 0, 0, 1}).error().code, ENODEV);
  EXPECT_EQ(netdev_set_up(999999, true).error().code, ENODEV);
  EXPECT_EQ(netdev_set_up(0, true).error().code, ENODEV);
  EXPECT_EQ(PacketHold::create(999999, PacketHold::What::kPromiscuous).error().code, ENODEV);
}

TEST_F(NetdevNetns, MtuIsSetAndTheRangeIsKept) {
  ASSERT_TRUE(netdev_set_mtu(index_, 1280).ok());
  EXPECT_EQ(netdev_query(index_)->mtu, 1280U);
  Status low = netdev_set_mtu(index_, 10);
  EXPECT_EQ(low.error().code, EINVAL);
  EXPECT_NE(low.error().why.find("outside 68 to 65535"), std::string::npos) << low.error().why;
  EXPECT_EQ(netdev_set_mtu(index_, 1U << 20).error().code, EINVAL);
  EXPECT_EQ(netdev_query(index_)->mtu, 1280U) << "a refusal changed the interface";
}

TEST_F(NetdevNetns, MacIsSetAndBadOnesAreRefused) {
  const MacAddress mac{0x02, 1, 2, 3, 4, 5};
  Status status = netdev_set_mac(index_, mac);
  ASSERT_TRUE(status.ok()) << status.error().text();
  EXPECT_EQ(netdev_query(index_)->mac, mac);
  EXPECT_EQ(netdev_set_mac(index_, {1, 0, 0x5e, 0, 0, 1}).error().code, EADDRNOTAVAIL);
  EXPECT_EQ(netdev_set_mac(index_, {}).error().code, EADDRNOTAVAIL);
  EXPECT_EQ(netdev_query(index_)->mac, mac);
}

TEST_F(NetdevNetns, LinkStateFollowsEitherEnd) {
  auto state = netdev_link_state(index_);
  ASSERT_TRUE(state.ok()) << state.error().text();
  EXPECT_TRUE(state->up);
  EXPECT_EQ(state->speed_mbps, 10000U);  // what veth says of itself
  EXPECT_TRUE(state->full_duplex);
  EXPECT_FALSE(state->autoneg);

  ASSERT_TRUE(netdev_set_up(peer_, false).ok());  // no carrier from the other end
  EXPECT_FALSE(netdev_link_state(index_)->up);
  EXPECT_TRUE(netdev_query(index_)->admin_up);
  EXPECT_FALSE(netdev_query(index_)->carrier);
  ASSERT_TRUE(netdev_set_up(peer_, true).ok());
  EXPECT_TRUE(netdev_link_state(index_)->up);
  ASSERT_TRUE(netdev_set_up(index_, false).ok());
  EXPECT_FALSE(netdev_link_state(index_)->up);
  EXPECT_FALSE(netdev_query(index_)->admin_up);
}

TEST_F(NetdevNetns, PromiscIsHeldByLifeAndCounted) {
  auto first = PacketHold::create(index_, PacketHold::What::kPromiscuous);
  ASSERT_TRUE(first.ok()) << first.error().text();
  EXPECT_TRUE(netdev_query(index_)->promisc);
  {
    auto second = PacketHold::create(index_, PacketHold::What::kPromiscuous);
    ASSERT_TRUE(second.ok());
    PacketHold moved = std::move(second).value();
    EXPECT_TRUE(netdev_query(index_)->promisc);
  }
  EXPECT_TRUE(netdev_query(index_)->promisc) << "the second holder took the first one's membership away";
  { PacketHold last = std::move(first).value(); }
  EXPECT_FALSE(netdev_query(index_)->promisc);

  ASSERT_TRUE(shell("ip link set znd0 promisc on"));  // somebody else's
  { EXPECT_TRUE(PacketHold::create(index_, PacketHold::What::kPromiscuous).ok()); }
  EXPECT_TRUE(netdev_query(index_)->promisc);
}

TEST_F(NetdevNetns, StatsCountWhatWasSent) {
  auto before = netdev_stats(index_);
  ASSERT_TRUE(before.ok()) << before.error().text();
  const int packet_socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  ASSERT_GE(packet_socket, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = index_;
  char frame[60] = {};
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(::sendto(packet_socket, frame, sizeof(frame), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)),
              60);
  }
  ::close(packet_socket);
  auto after = netdev_stats(index_);
  EXPECT_GE(after->tx_packets, before->tx_packets + 10);
  EXPECT_GE(after->tx_bytes, before->tx_bytes + 600);
  EXPECT_GE(netdev_stats(peer_)->rx_packets, 10U);
}

TEST_F(NetdevNetns, AttachedProgramIsSeen) {
  const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, XDP_PASS},
                           {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  UniqueFd program(::bpf_prog_load(BPF_PROG_TYPE_XDP, "znd_pass", "GPL", pass, 2, nullptr));
  ASSERT_TRUE(static_cast<bool>(program)) << std::strerror(errno);
  ASSERT_EQ(::bpf_xdp_attach(index_, program.get(), XDP_FLAGS_DRV_MODE, nullptr), 0);
  auto info = netdev_query(index_);
  EXPECT_TRUE(info->xdp_attached);
  bpf_prog_info program_info{};
  uint32_t length = sizeof(program_info);
  ASSERT_EQ(::bpf_obj_get_info_by_fd(program.get(), &program_info, &length), 0);
  EXPECT_EQ(info->xdp_prog_id, program_info.id);
  EXPECT_EQ(info->xdp_mode, static_cast<uint32_t>(XDP_ATTACHED_DRV));
  EXPECT_FALSE(netdev_query(peer_)->xdp_attached);
  ASSERT_EQ(::bpf_xdp_detach(index_, XDP_FLAGS_DRV_MODE, nullptr), 0);
  EXPECT_FALSE(netdev_query(index_)->xdp_attached);
  program.reset();
}

TEST_F(NetdevNetns, XdpFeaturesOfVeth) {
  auto features = query_xdp_features(index_);
  ASSERT_TRUE(features.ok()) << features.error().text();
  if (!features->known) GTEST_SKIP() << "kernel without the netdev family (6.3)";
  EXPECT_FALSE(features->has_zerocopy());
  EXPECT_FALSE(features->has_zerocopy_sg());
  EXPECT_TRUE(features->has_xdp()) << describe(*features);
  EXPECT_TRUE(features->has_redirect()) << describe(*features);
  EXPECT_NE(describe(*features).find("basic"), std::string::npos);
  EXPECT_EQ(query_xdp_features(999999).error().code, ENODEV);
  EXPECT_EQ(query_xdp_features(0).error().code, ENODEV);
}

// A bound copy-mode socket on (ifindex, queue), without traffic.
struct BoundSocket {
  Mapping memory;
  UniqueFd fd;
  int error = 0;
};
BoundSocket bind_xsk(int ifindex, uint32_t queue) {
  BoundSocket out;
  auto memory = Mapping::create(nullptr, 64 * 2048, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  out.memory = std::move(memory).value();
  out.fd.reset(::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0));
  xdp_umem_reg umem{};
  umem.addr = reinterpret_cast<uintptr_t>(out.memory.data());
  umem.len = out.memory.size();
  umem.chunk_size = 2048;
  const int entries = 64;
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = XDP_COPY;
  address.sxdp_ifindex = static_cast<uint32_t>(ifindex);
  address.sxdp_queue_id = queue;
  const int fd = out.fd.get();
  if (::setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof(umem)) != 0 ||
      ::setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &entries, sizeof(entries)) != 0 ||
      ::setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) != 0 ||
      ::setsockopt(fd, SOL_XDP, XDP_RX_RING, &entries, sizeof(entries)) != 0 ||
      ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    out.error = errno;
  }
  return out;
}

XskQueueUse wait_until_not_in_use(int ifindex, uint32_t queue) {
  for (int i = 0; i < 200; ++i) {
    XskQueueUse use = query_xsk_queue_use(ifindex, queue);
    if (use != XskQueueUse::kInUse) return use;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return XskQueueUse::kInUse;
}

TEST_F(NetdevNetns, QueueUseFollowsAnAfXdpSocket) {
  const XskQueueUse before = query_xsk_queue_use(index_, 1);
  EXPECT_NE(before, XskQueueUse::kInUse);
  {
    BoundSocket socket = bind_xsk(index_, 1);
    ASSERT_EQ(socket.error, 0) << std::strerror(socket.error);
    const XskQueueUse bound = query_xsk_queue_use(index_, 1);
    if (bound == XskQueueUse::kUnknown) GTEST_SKIP() << "the kernel does not tell (6.15)";
    EXPECT_EQ(bound, XskQueueUse::kInUse);
    EXPECT_EQ(query_xsk_queue_use(index_, 0), XskQueueUse::kFree) << "another queue";
    // The third TX queue has no RX queue beside it: asked for in its one direction.
    EXPECT_EQ(query_xsk_queue_use(index_, 2), XskQueueUse::kFree);
  }
  EXPECT_EQ(wait_until_not_in_use(index_, 1), XskQueueUse::kFree);
  {
    BoundSocket tx_only = bind_xsk(index_, 2);
    ASSERT_EQ(tx_only.error, 0) << std::strerror(tx_only.error);
    EXPECT_EQ(query_xsk_queue_use(index_, 2), XskQueueUse::kInUse);
  }
  EXPECT_EQ(wait_until_not_in_use(index_, 2), XskQueueUse::kFree);
  EXPECT_EQ(query_xsk_queue_use(index_, 77), XskQueueUse::kUnknown) << "no such queue";
  ASSERT_TRUE(netdev_set_up(index_, false).ok());
  EXPECT_EQ(query_xsk_queue_use(index_, 1), XskQueueUse::kUnknown)
      << "the kernel hides queues of a down netdev";
  EXPECT_EQ(query_xsk_queue_use(999999, 0), XskQueueUse::kNoDevice);
}

// Events of one interface until `wanted` says yes, at most two seconds.
template <typename F>
bool saw_event(LinkWatcher& watcher, int ifindex, F&& wanted) {
  for (int i = 0; i < 200; ++i) {
    auto event = watcher.next();
    if (!event) return false;
    if (!event->has_value()) {
      pollfd ready{watcher.fd(), POLLIN, 0};
      ::poll(&ready, 1, 10);
      continue;
    }
    if ((*event)->info.ifindex == ifindex && wanted(**event)) return true;
  }
  return false;
}

TEST_F(NetdevNetns, WatcherHearsChangesAndRemoval) {
  auto watcher = LinkWatcher::create();
  ASSERT_TRUE(watcher.ok()) << watcher.error().text();
  auto nothing = watcher->next();
  ASSERT_TRUE(nothing.ok());

  ASSERT_TRUE(netdev_set_mtu(index_, 1300).ok());
  EXPECT_TRUE(saw_event(*watcher, index_, [](const LinkEvent& event) {
    return event.kind == LinkEvent::Kind::kChanged && event.info.mtu == 1300 && event.info.name == "znd0";
  }));
  ASSERT_TRUE(netdev_set_up(peer_, false).ok());
  EXPECT_TRUE(saw_event(*watcher, index_, [](const LinkEvent& event) {
    return event.kind == LinkEvent::Kind::kChanged && event.info.admin_up && !event.info.carrier;
  }));
  ASSERT_TRUE(shell("ip link del znd0"));
  EXPECT_TRUE(saw_event(*watcher, index_,
                        [](const LinkEvent& event) { return event.kind == LinkEvent::Kind::kRemoved; }));
  EXPECT_EQ(netdev_link_state(index_).error().code, ENODEV);
  { LinkWatcher closed = std::move(watcher).value(); }
}

TEST_F(NetdevNetns, WatcherSaysWhenEventsWereLost) {
  auto created = LinkWatcher::create();
  ASSERT_TRUE(created.ok());
  LinkWatcher watcher = std::move(created).value();
  int small = 1;  // raised by the kernel to its least, a few messages
  ASSERT_EQ(::setsockopt(watcher.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  for (uint32_t i = 0; i < 60; ++i) ASSERT_TRUE(netdev_set_mtu(index_, 1300 + i).ok());
  bool lost = false;
  for (int i = 0; i < 1000; ++i) {
    auto event = watcher.next();
    ASSERT_TRUE(event.ok()) << event.error().text();
    if (!event->has_value()) break;
    lost = lost || (*event)->kind == LinkEvent::Kind::kLost;
  }
  EXPECT_TRUE(lost);
}

}  // namespace
}  // namespace zcnbrh
