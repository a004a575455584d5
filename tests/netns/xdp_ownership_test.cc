// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Whose program is on the netdev: others' stay, the living's stay, the dead's go, ours goes with us.
#include <glob.h>
#include <sys/mount.h>

#include "tests/netns/xdp_fixture.h"

namespace zcnbrh {
namespace {

using ::testing::AnyOf;
using testing::Child;
using ::testing::HasSubstr;
using testing::kOwnName;
using testing::on_netdev;
using testing::OnNetdev;
using testing::program_name;

class XdpOwnershipTest : public testing::XdpFixture {};

// A program of somebody else: "return XDP_PASS".
UniqueFd load_alien() {
  bpf_insn code[2] = {};
  code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
  code[0].imm = XDP_PASS;
  code[1].code = BPF_JMP | BPF_EXIT;
  LIBBPF_OPTS(bpf_prog_load_opts, options);
  return UniqueFd(bpf_prog_load(BPF_PROG_TYPE_XDP, "some_alien", "GPL", code, 2, &options));
}

bool has_extension_programs() { return libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr) == 1; }

// libxdp keeps the state of its dispatchers in a bpffs: one of our own, in our own mount namespace.
bool enter_own_bpffs() {
  static const bool done = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           ::mount("bpf", "/sys/fs/bpf", "bpf", 0, nullptr) == 0;
  return done;
}

// --- others' programs ---

TEST_F(XdpOwnershipTest, AlienByNetlinkStays) {
  UniqueFd alien = load_alien();
  ASSERT_TRUE(alien);
  for (uint32_t mode : {XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE}) {
    ASSERT_EQ(bpf_xdp_attach(veth_->ifindex(), alien.get(), mode, nullptr), 0);
    std::string id = std::to_string(on_netdev(veth_->ifindex()).id);
    for (AttachMode attach :
         {AttachMode::kAuto, AttachMode::kLink, AttachMode::kDispatcher, AttachMode::kNetlink}) {
      expect_refused(options(attach), {"'some_alien'", id, "not ours", "ip link set dev zx0 xdp off"});
    }
    EXPECT_EQ(program_name(on_netdev(veth_->ifindex()).id), "some_alien");
    ASSERT_EQ(bpf_xdp_detach(veth_->ifindex(), mode, nullptr), 0);
  }
}

TEST_F(XdpOwnershipTest, AlienByLinkStays) {
  UniqueFd alien = load_alien();
  UniqueFd link(bpf_link_create(alien.get(), veth_->ifindex(), BPF_XDP, nullptr));
  ASSERT_TRUE(link);
  expect_refused(options(), {"'some_alien'", "not ours"});
}

TEST_F(XdpOwnershipTest, WhoReplacedUsStays) {
  UniqueFd alien = load_alien();
  {
    Result<XdpProgram> program = XdpProgram::attach(options(AttachMode::kNetlink));
    ASSERT_TRUE(program) << program.error().text();
    ASSERT_EQ(bpf_xdp_attach(veth_->ifindex(), alien.get(), XDP_FLAGS_DRV_MODE, nullptr), 0);
    set_log_sink(
        [](LogLevel, const char*) {});  // the refused detach is a warning, which is not the matter here
  }
  set_log_sink(nullptr);
  EXPECT_EQ(program_name(on_netdev(veth_->ifindex()).id), "some_alien");
  ASSERT_EQ(bpf_xdp_detach(veth_->ifindex(), XDP_FLAGS_DRV_MODE, nullptr), 0);
}

// In children, since libxdp 1.3 leaves file descriptors open behind it.
TEST_F(XdpOwnershipTest, DispatcherOrAClearWord) {
  if (!has_extension_programs()) {
    Result<XdpProgram> program = XdpProgram::attach(options(AttachMode::kDispatcher));
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, ENOTSUP);
    EXPECT_THAT(program.error().text(), HasSubstr("BPF_PROG_TYPE_EXT"));
    EXPECT_THAT(program.error().text(), HasSubstr("attach=auto"));
    return;
  }
  ASSERT_TRUE(enter_own_bpffs());
  Child child([&] {
    Result<XdpProgram> program = XdpProgram::attach(options(AttachMode::kDispatcher));
    if (!program) return program.error().text();
    return program->attach_kind() + (", " + program_name(on_netdev(veth_->ifindex()).id));
  });
  EXPECT_EQ(child.answer(), "libxdp dispatcher, xdp_dispatcher");
  EXPECT_EQ(on_netdev(veth_->ifindex()).id, 0U);  // detached before it answered
}

// Two processes in one dispatcher, one killed: its entry is removed by the next start, the living one's not.
TEST_F(XdpOwnershipTest, DispatcherOrphanGoesNeighbourStays) {
  if (!has_extension_programs()) GTEST_SKIP() << "no BPF_PROG_TYPE_EXT on this machine, so no dispatcher";
  ASSERT_TRUE(enter_own_bpffs());
  set_log_sink([](LogLevel, const char*) {});  // removed orphans are noticed
  // As libxdp pins them.
  auto entries = [] {
    glob_t found = {};
    int count = ::glob("/sys/fs/bpf/xdp/dispatch-*/prog*-prog", 0, nullptr, &found) == 0
                    ? static_cast<int>(found.gl_pathc)
                    : 0;
    ::globfree(&found);
    return count;
  };
  Child living([&] { return attach_and_keep(options(AttachMode::kDispatcher)); });
  ASSERT_EQ(living.answer(), "libxdp dispatcher");
  Child doomed([&] { return attach_and_keep(options()); });
  ASSERT_EQ(doomed.answer(), "libxdp dispatcher");
  doomed.kill_and_reap();
  EXPECT_EQ(entries(), 2) << "what a killed process had in the dispatcher stays";
  Child next([&] { return attach_and_keep(options()); });
  EXPECT_EQ(next.answer(), "libxdp dispatcher");
  EXPECT_EQ(entries(), 2);
  Child refused([&] { return attach_and_keep(options(AttachMode::kLink)); });
  EXPECT_THAT(refused.answer(), HasSubstr("libxdp's dispatcher"));
  refused.kill_and_reap();
  living.kill_and_reap();
  next.kill_and_reap();
  EXPECT_EQ(entries(), 2);
  // The last orphans go, the dispatcher with them, and a free netdev gets a link again.
  Child last([&] { return attach_and_keep(options()); });
  EXPECT_EQ(last.answer(), "bpf_link");
  last.kill_and_reap();
  EXPECT_EQ(entries(), 0);
  set_log_sink(nullptr);
}

// --- our own, living and dead ---

TEST_F(XdpOwnershipTest, KilledProcessLeavesNothing) {
  Child child([&] { return attach_and_keep(options()); });
  ASSERT_EQ(child.answer(), "bpf_link");
  ASSERT_EQ(program_name(on_netdev(veth_->ifindex()).id), kOwnName);
  child.kill_and_reap();
  for (int i = 0; i < 100 && on_netdev(veth_->ifindex()).id != 0; i++) ::usleep(10'000);
  EXPECT_EQ(on_netdev(veth_->ifindex()).id, 0U);
  EXPECT_FALSE(testing::shell("ip -d link show dev zx0 | grep -q prog/xdp"));
}

TEST_F(XdpOwnershipTest, OrphanIsRemoved) {
  for (uint32_t round = 0; round < 4; round++) {
    XdpProgramOptions wanted = options(AttachMode::kNetlink);
    wanted.mode = round < 2 ? ProgramMode::kNative : ProgramMode::kSkb;
    Child child([&] { return attach_and_keep(wanted); });
    ASSERT_EQ(child.answer(), "netlink");
    // A zombie has no sockets any more, so it is as dead as one that was waited for.
    if (round % 2 == 0) {
      child.kill_and_reap();
    } else {
      child.kill_only();
      siginfo_t info = {};
      ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT), 0);
    }
    uint32_t orphan = on_netdev(veth_->ifindex()).id;
    ASSERT_EQ(program_name(orphan), kOwnName) << "netlink attachments outlive their process";

    static std::string notice;
    notice.clear();
    set_log_sink([](LogLevel level, const char* line) {
      if (level == LogLevel::kNotice) notice = line;
    });
    Result<XdpProgram> program = XdpProgram::attach(options());
    set_log_sink(nullptr);
    ASSERT_TRUE(program) << program.error().text();
    EXPECT_STREQ(program->attach_kind(), "bpf_link");
    EXPECT_NE(program->program_id(), orphan);
    EXPECT_EQ(on_netdev(veth_->ifindex()).id, program->program_id());
    EXPECT_THAT(notice, HasSubstr("left behind"));
  }
}

TEST_F(XdpOwnershipTest, LivingInstanceStays) {
  set_log_sink([](LogLevel, const char*) {});  // removed orphans are noticed
  for (AttachMode attach : {AttachMode::kNetlink, AttachMode::kLink}) {
    Child child([&] { return attach_and_keep(options(attach)); });
    ASSERT_THAT(child.answer(), AnyOf("netlink", "bpf_link"));
    expect_refused(options(), {kOwnName, "process " + std::to_string(child.pid())});
    expect_refused(options(AttachMode::kNetlink), {kOwnName});
    child.kill_and_reap();
    for (int i = 0; attach == AttachMode::kLink && i < 100 && on_netdev(veth_->ifindex()).id != 0; i++) {
      ::usleep(10'000);
    }
  }
  EXPECT_TRUE(XdpProgram::attach(options()));  // and takes the orphan along
  set_log_sink(nullptr);
}

// The process that attached is gone, but its child holds the link: somebody lives, so hands off.
TEST_F(XdpOwnershipTest, LinkHeldByAChildStays) {
  Child child([&] {
    std::string answer = attach_and_keep(options());
    pid_t heir = ::fork();
    if (heir == 0) {
      ::alarm(60);  // should the test die before it ends us
      for (;;) ::pause();
    }
    return answer == "bpf_link" ? std::to_string(heir) : answer;
  });
  pid_t heir = std::atoi(child.answer().c_str());
  ASSERT_GT(heir, 0) << child.answer();
  child.kill_and_reap();
  expect_refused(options(), {kOwnName, "a child that holds its bpf_link"});
  ::kill(heir, SIGKILL);
  for (int i = 0; i < 200 && on_netdev(veth_->ifindex()).id != 0; i++) ::usleep(10'000);
}

// A forked child inherits the registry and the link's fd: it must neither share nor detach.
TEST_F(XdpOwnershipTest, ForkedChildHasNoPart) {
  for (AttachMode attach : {AttachMode::kNetlink, AttachMode::kAuto}) {
    Result<XdpProgram> program = XdpProgram::attach(options(attach));
    ASSERT_TRUE(program) << program.error().text();
    {
      Child child([&] {
        std::string answer = attach_and_keep(options());
        { XdpProgram inherited = std::move(program).value(); }  // destroyed in the child
        return answer;
      });
      EXPECT_THAT(child.answer(), HasSubstr("process " + std::to_string(::getpid())));
      EXPECT_EQ(on_netdev(veth_->ifindex()).id, program->program_id());
    }
    // A living child holds a copy of the link's fd; ours must still go at once.
    Child holder([] { return std::string("ready"); });
    { XdpProgram last = std::move(program).value(); }
    EXPECT_EQ(on_netdev(veth_->ifindex()).id, 0U);
  }
}

}  // namespace
}  // namespace zcnbrh
