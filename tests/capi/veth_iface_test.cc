// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What zcnbrh_iface_query() tells of a veth, promiscuous mode, and frames that two interfaces share.
#include <poll.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "include/zcnbrh/iface.h"
#include "include/zcnbrh/memory.h"
#include "tests/capi/wire.h"

namespace zcnbrh::testing {
namespace {

class Iface : public Wire {
 protected:
  static struct zcnbrh_iface ask(const char* name) {
    struct zcnbrh_iface out = {};
    out.size = sizeof out;
    EXPECT_EQ(zcnbrh_iface_query(name, &out), 0) << zcnbrh_last_error();
    return out;
  }
  // Of near0, by the kernel's own tool.
  static std::string promiscuity() {
    FILE* pipe = ::popen("ip -d -o link show near0 | sed 's/.*promiscuity \\([0-9]*\\).*/\\1/'", "r");
    std::array<char, 64> text{};
    const bool read = pipe != nullptr && std::fgets(text.data(), text.size(), pipe) != nullptr;
    if (pipe != nullptr) ::pclose(pipe);
    return read ? text.data() : "nothing";
  }
};

TEST_F(Iface, TellsWhatTheKernelKnows) {
  ASSERT_TRUE(near_->shell("ip link set near0 address 02:00:00:00:00:07 mtu 1400"));
  const struct zcnbrh_iface up = ask(kNear);
  EXPECT_EQ(std::string(up.mac, up.mac + 6), std::string("\2\0\0\0\0\7", 6));
  EXPECT_EQ(up.mtu, 1400U);
  EXPECT_EQ(up.admin_up, 1);
  EXPECT_EQ(up.link_up, 1);
  EXPECT_EQ(up.full_duplex, 1);
  EXPECT_EQ(up.speed_mbps, 10000U);  // what a veth says
  EXPECT_EQ(up.rx_queues, 1U);
  EXPECT_EQ(up.tx_queues, 1U);
  EXPECT_EQ(up.numa_node, -1);
  ASSERT_TRUE(far_->shell("ip link set far0 down"));
  EXPECT_EQ(ask(kNear).admin_up, 1);
  EXPECT_EQ(ask(kNear).link_up, 0);
  EXPECT_EQ(ask(kNear).speed_mbps, 0U);
  ASSERT_TRUE(near_->shell("ip link set near0 down"));
  EXPECT_EQ(ask(kNear).admin_up, 0);
}

TEST_F(Iface, RefusesWhatIsNone) {
  struct zcnbrh_iface out = {};
  EXPECT_EQ(zcnbrh_iface_query(kNear, &out), -EINVAL) << "size is not set";
  out.size = sizeof out;
  EXPECT_EQ(zcnbrh_iface_query("nothing0", &out), -ENODEV);
  EXPECT_NE(std::string(zcnbrh_last_error()).find("nothing0"), std::string::npos);
  EXPECT_EQ(zcnbrh_iface_query("loop", &out), -ENOTSUP);
  EXPECT_EQ(zcnbrh_iface_query(nullptr, &out), -EINVAL);
  EXPECT_EQ(zcnbrh_iface_query(kNear, nullptr), -EINVAL);
}

TEST_F(Iface, PromiscuousIsHeldAsLongAsTheQueue) {
  EXPECT_EQ(promiscuity(), "0\n");
  {
    Queue queue(small_options(kNear));
    EXPECT_EQ(zcnbrh_set_promiscuous(queue, 1), 0) << zcnbrh_last_error();
    EXPECT_EQ(zcnbrh_set_promiscuous(queue, 1), 0);
    EXPECT_EQ(promiscuity(), "1\n");
    EXPECT_EQ(zcnbrh_set_promiscuous(queue, 0), 0);
    EXPECT_EQ(promiscuity(), "0\n");
    EXPECT_EQ(zcnbrh_set_promiscuous(queue, 0), 0);
    EXPECT_EQ(zcnbrh_set_promiscuous(queue, 1), 0);
    EXPECT_EQ(promiscuity(), "1\n");
  }
  EXPECT_EQ(promiscuity(), "0\n");
  EXPECT_EQ(zcnbrh_set_promiscuous(nullptr, 1), -EINVAL);
}

// Two real interfaces on one memory: a packet of the one leaves by the other, without a copy in between.
TEST_F(Iface, TwoShareTheirFrames) {
  const std::string second = NetNamespace::connect(*near_, "near1", *far_, "far1");
  ASSERT_EQ(second, "");
  struct zcnbrh_memory_options wanted;
  zcnbrh_memory_options_init(&wanted);
  wanted.frames = 1024;
  struct zcnbrh_memory* memory = nullptr;
  ASSERT_EQ(zcnbrh_memory_open(&wanted, &memory), 0) << zcnbrh_last_error();
  {
    struct zcnbrh_options options = small_options(kNear);
    options.frames = 0;
    options.rx_desc = options.tx_desc = 256;  // more than the peers' window
    options.memory = memory;
    Queue in(options);
    struct zcnbrh_queue* again = nullptr;
    EXPECT_EQ(zcnbrh_open(&options, &again), -EBUSY);
    EXPECT_NE(std::string(zcnbrh_last_error()).find("queue 0 of near0 is in use"), std::string::npos);
    options.iface = "near1";
    Queue out(options);

    constexpr uint64_t kPackets = 20'000;
    PacketPeer::Plan sender = far_peer(), receiver = far_peer();
    sender.send_count = receiver.expect_count = kPackets;
    receiver.ifname = "far1";
    PacketPeer to(sender), from(receiver);
    struct pollfd event = {zcnbrh_fd(in), POLLIN, 0};
    for (int idle = 0; idle < 10'000 && !from.done();) {
      struct zcnbrh_frame frames[32];
      const int n = zcnbrh_poll_batch(in, frames, 32);
      ASSERT_GE(n, 0) << zcnbrh_last_error();
      for (int sent = 0; sent < n;) {
        const int more = zcnbrh_send_batch(out, frames + sent, static_cast<uint32_t>(n - sent));
        ASSERT_GE(more, 0) << zcnbrh_last_error();
        sent += more;
      }
      to.confirm(from.received());
      idle = n != 0 ? 0 : idle + (::poll(&event, 1, 1) == 0);
    }
    EXPECT_EQ(from.finish(), "");
    EXPECT_EQ(to.finish(), "");
    EXPECT_EQ(from.received(), kPackets);
    EXPECT_EQ(out.stats().tx_packets, kPackets);
    EXPECT_EQ(in.stats().rx_packets, kPackets);
  }
  struct zcnbrh_ledger ledger = {};
  ledger.size = sizeof ledger;
  EXPECT_EQ(zcnbrh_memory_ledger(memory, &ledger), 0);
  EXPECT_EQ(ledger.pool, 1024U);
  EXPECT_EQ(ledger.discrepancies, 0U);
  EXPECT_EQ(zcnbrh_memory_close(memory), 0) << zcnbrh_last_error();
}

}  // namespace
}  // namespace zcnbrh::testing
