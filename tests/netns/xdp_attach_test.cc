// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Attach, share and detach an XDP program; what it does to packets on the way.
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "tests/netns/bound_xsk.h"
#include "tests/netns/xdp_fixture.h"

namespace zcnbrh {
namespace {

using testing::BoundXsk;
using testing::Child;
using ::testing::HasSubstr;
using testing::kOwnName;
using testing::on_netdev;
using testing::OnNetdev;
using testing::program_name;
using testing::VethPair;

class XdpAttachTest : public testing::XdpFixture {};

// --- attach and detach ---

TEST_F(XdpAttachTest, FreeNetdevGetsALink) {
  for (AttachMode attach : {AttachMode::kAuto, AttachMode::kLink}) {
    Result<XdpProgram> program = XdpProgram::attach(options(attach));
    ASSERT_TRUE(program) << program.error().text();
    EXPECT_STREQ(program->attach_kind(), "bpf_link");
    EXPECT_EQ(program->queue_capacity(), 64U);
    OnNetdev now = on_netdev(veth_->ifindex());
    EXPECT_EQ(now.id, program->program_id());
    EXPECT_EQ(now.mode, XDP_ATTACHED_DRV);
    EXPECT_EQ(program_name(now.id), kOwnName);
    EXPECT_THAT(program->describe(), HasSubstr("bpf_link in native mode"));
  }
}

TEST_F(XdpAttachTest, SkbModeAndNetlink) {
  for (AttachMode attach : {AttachMode::kAuto, AttachMode::kNetlink}) {
    XdpProgramOptions wanted = options(attach);
    wanted.mode = ProgramMode::kSkb;
    wanted.max_queues = 200;
    Result<XdpProgram> program = XdpProgram::attach(wanted);
    ASSERT_TRUE(program) << program.error().text();
    EXPECT_STREQ(program->attach_kind(), attach == AttachMode::kAuto ? "bpf_link" : "netlink");
    EXPECT_EQ(program->queue_capacity(), 200U);
    EXPECT_EQ(on_netdev(veth_->ifindex()).mode, XDP_ATTACHED_SKB);
  }
}

TEST_F(XdpAttachTest, ManyCyclesLeakNothing) {
  for (int i = 0; i < 100; i++) {
    XdpProgramOptions wanted = options(i % 3 == 2 ? AttachMode::kNetlink : AttachMode::kAuto);
    wanted.on_empty = i % 2 == 0 ? GateMode::kDrop : GateMode::kOff;
    wanted.counters = i % 5 == 0;
    Result<XdpProgram> program = XdpProgram::attach(wanted);
    ASSERT_TRUE(program) << i << ": " << program.error().text();
  }
}

TEST_F(XdpAttachTest, NoNativeModeIsTold) {
  XdpProgramOptions wanted = options();
  wanted.ifindex = static_cast<int>(::if_nametoindex("lo"));
  wanted.ifname = "lo";
  for (AttachMode attach : {AttachMode::kAuto, AttachMode::kNetlink}) {
    wanted.attach = attach;
    Result<XdpProgram> program = XdpProgram::attach(wanted);
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, EOPNOTSUPP) << program.error().text();
    EXPECT_THAT(program.error().text(), HasSubstr("no native XDP"));
  }
  wanted.mode = ProgramMode::kSkb;
  EXPECT_TRUE(XdpProgram::attach(wanted));
}

TEST_F(XdpAttachTest, BadArguments) {
  XdpProgramOptions wanted = options();
  wanted.ifindex = 0;
  EXPECT_EQ(XdpProgram::attach(wanted).error().code, EINVAL);
  wanted.ifindex = 12345;
  wanted.ifname = "eth7";
  Result<XdpProgram> program = XdpProgram::attach(wanted);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().code, ENODEV);
  EXPECT_THAT(program.error().text(), HasSubstr("iface eth7: no such netdev"));
  wanted = options();
  wanted.max_queues = 1'000'000;
  EXPECT_EQ(XdpProgram::attach(wanted).error().code, EINVAL);
}

TEST_F(XdpAttachTest, MissingPrivilegeIsNamed) {
  Child child([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return std::string("setuid");
    return attach_and_keep(options());
  });
  EXPECT_THAT(child.answer(), HasSubstr("CAP_BPF"));
  EXPECT_THAT(child.answer(), HasSubstr("CAP_NET_ADMIN"));
}

TEST_F(XdpAttachTest, NetdevTakenAway) {
  VethPair other("zx2", "zx3", 1);
  for (AttachMode attach : {AttachMode::kAuto, AttachMode::kNetlink}) {
    XdpProgramOptions wanted = options(attach);
    VethPair gone("zx4", "zx5", 1);
    wanted.ifindex = gone.ifindex();
    wanted.ifname = gone.name();
    Result<XdpProgram> program = XdpProgram::attach(wanted);
    ASSERT_TRUE(program) << program.error().text();
    ASSERT_TRUE(testing::shell("ip link del zx4"));
    ::testing::internal::CaptureStderr();
    { XdpProgram dying = std::move(program).value(); }
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  }
}

// --- several users in one process ---

TEST_F(XdpAttachTest, PortsOfOneProcessShare) {
  XdpProgramOptions wanted = options();
  wanted.on_empty = GateMode::kDrop;
  Result<XdpProgram> first = XdpProgram::attach(wanted);
  ASSERT_TRUE(first) << first.error().text();
  wanted.max_queues = 2;
  Result<XdpProgram> second = XdpProgram::attach(wanted);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(first->program_id(), second->program_id());
  EXPECT_EQ(first->xsks_map_fd(), second->xsks_map_fd());
  EXPECT_EQ(first->gate(1), second->gate(1));
  ASSERT_NE(first->gate(1), nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first->gate(1)) % ZCNBRH_CACHE_LINE, 0U);
  EXPECT_EQ(first->gate(1) - first->gate(0), 1);

  { XdpProgram gone = std::move(first).value(); }
  EXPECT_EQ(on_netdev(veth_->ifindex()).id, second->program_id());
  second->gate(1)->limit = 5;  // still mapped
  Result<XdpProgram> third = XdpProgram::attach(wanted);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->gate(1)->limit, 5U);
  *third = std::move(second).value();
  EXPECT_EQ(on_netdev(veth_->ifindex()).id, third->program_id());
}

TEST_F(XdpAttachTest, UnequalPortsAreRefused) {
  Result<XdpProgram> program = XdpProgram::attach(options());
  ASSERT_TRUE(program) << program.error().text();
  auto wanted = options();
  wanted.on_empty = GateMode::kPass;
  expect_refused(wanted, {"on_empty=off"});
  wanted = options();
  wanted.counters = true;
  expect_refused(wanted, {"counters"});
  wanted = options();
  wanted.user_object = "mine.bpf.o";
  expect_refused(wanted, {"xdp_prog"});
  wanted = options();
  wanted.max_queues = 65;
  expect_refused(wanted, {"queues below 64"});
  wanted = options();
  wanted.mode = ProgramMode::kSkb;
  expect_refused(wanted, {"native mode"});

  // The other way round the caller is sent on to SKB mode, as by a driver without native mode.
  { XdpProgram gone = std::move(program).value(); }
  Result<XdpProgram> skb = XdpProgram::attach(wanted);
  ASSERT_TRUE(skb);
  EXPECT_EQ(XdpProgram::attach(options()).error().code, EOPNOTSUPP);
}

TEST_F(XdpAttachTest, ThreadsAttachAndDetach) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<int> failures = 0;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; i++) failures += !XdpProgram::attach(options()).ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

// --- packets ---

// Sends broadcast frames out of the peer end, so into the program.
void send_frames(int peer_ifindex, int count) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(fd);
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = peer_ifindex;
  to.sll_halen = ETH_ALEN;
  uint8_t frame[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};  // experimental type
  for (int i = 0; i < count; i++) {
    ASSERT_EQ(::sendto(fd.get(), frame, sizeof frame, 0, reinterpret_cast<sockaddr*>(&to), sizeof to), 60);
  }
}

uint32_t receive(BoundXsk& xsk, uint32_t expected) {
  uint32_t received = 0;
  for (int i = 0; i < 100 && received < expected; i++) {
    received += xsk.receive();
    ::usleep(5'000);
  }
  ::usleep(50'000);  // more would be as wrong as fewer
  return received + xsk.receive();
}

// One queue: the frames of a veth come on queue `cpu % queues`.
TEST_F(XdpAttachTest, GateLetsThroughWhatTheApplicationTakes) {
  VethPair veth("zx2", "zx3", 1);
  XdpProgramOptions wanted = options();
  wanted.ifindex = veth.ifindex();
  wanted.ifname = veth.name();
  wanted.counters = true;
  for (GateMode on_empty : {GateMode::kDrop, GateMode::kPass}) {
    wanted.on_empty = on_empty;
    Result<XdpProgram> program = XdpProgram::attach(wanted);
    ASSERT_TRUE(program) << program.error().text();
    BoundXsk xsk(veth.name(), 0);
    ASSERT_EQ(xsk.error(), 0);
    ASSERT_TRUE(program->xsks_map().set(Kernel::real(), 0, xsk.fd()).ok());
    zcnbrh_gate* gate = program->gate(0);
    ASSERT_NE(gate, nullptr);
    gate->limit = 5;
    send_frames(veth.peer_ifindex(), 8);
    EXPECT_EQ(receive(xsk, 5), 5U);
    EXPECT_EQ(gate->delivered, 5U);
    gate->limit = 5 + 4;
    send_frames(veth.peer_ifindex(), 4);
    EXPECT_EQ(receive(xsk, 4), 4U);
    EXPECT_EQ(gate->delivered, 9U);

    Result<zcnbrh_counters> count = program->counters(0);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->redirected, 9U);
    EXPECT_EQ(count->dropped_no_credit, on_empty == GateMode::kDrop ? 3U : 0U);
    EXPECT_EQ(count->passed_no_credit, on_empty == GateMode::kPass ? 3U : 0U);
  }
}

TEST_F(XdpAttachTest, SkbModeCountsWithoutGate) {
  VethPair veth("zx2", "zx3", 1);
  XdpProgramOptions wanted = options();
  wanted.ifindex = veth.ifindex();
  wanted.ifname = veth.name();
  wanted.mode = ProgramMode::kSkb;
  wanted.on_empty = GateMode::kDrop;
  wanted.counters = true;
  static std::string warning;
  set_log_sink([](LogLevel level, const char* line) {
    if (level == LogLevel::kWarning) warning = line;
  });
  Result<XdpProgram> program = XdpProgram::attach(wanted);
  set_log_sink(nullptr);
  ASSERT_TRUE(program) << program.error().text();
  EXPECT_THAT(warning, HasSubstr("on_empty has no effect in SKB mode"));
  EXPECT_EQ(program->gate(0), nullptr);
  send_frames(veth.peer_ifindex(), 3);  // no socket yet: to the host
  BoundXsk xsk(veth.name(), 0);
  ASSERT_EQ(xsk.error(), 0);
  ASSERT_TRUE(program->xsks_map().set(Kernel::real(), 0, xsk.fd()).ok());
  send_frames(veth.peer_ifindex(), 20);
  EXPECT_EQ(receive(xsk, 20), 20U);
  Result<zcnbrh_counters> count = program->counters(0);
  ASSERT_TRUE(count);
  EXPECT_EQ(count->redirected, 20U);
  EXPECT_EQ(count->passed, 3U);
}

}  // namespace
}  // namespace zcnbrh
