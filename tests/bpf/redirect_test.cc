// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The verdicts of our XDP program, run by BPF_PROG_TEST_RUN: what comes in, the state of the queue, what
// must come out.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sys/mman.h>

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/mapping.h"
#include "lib/xdp/xdp_object.h"
#include "lib/xdp/xdp_program.h"
#include "lib/xdp/xsk_map.h"
#include "tests/netns/bound_xsk.h"
#include "tests/netns/own_netns.h"

namespace zcnbrh {
namespace {

using testing::BoundXsk;
using testing::VethPair;

constexpr uint32_t kQueues = 4;

class RedirectTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    why_not_ = testing::enter_own_netns_for_xdp();
    if (!why_not_.empty()) return;
    veth_ = std::make_unique<VethPair>("zx0", "zx1", kQueues);
    if (!veth_->ok()) why_not_ = "no veth pair";
  }
  static void TearDownTestSuite() { veth_.reset(); }
  void SetUp() override {
    if (!why_not_.empty()) GTEST_SKIP() << why_not_;
  }

  // Runs the program on `packet`, as if it had come in on `queue` of the veth (which must carry an XDP
  // program), or without `queue` on queue 0 of loopback. Checks that the packet comes out as it went in.
  static int verdict(int program_fd, std::vector<uint8_t>& packet, std::optional<uint32_t> queue = {}) {
    std::vector<uint8_t> out(packet.size() + 256);
    xdp_md context = {};
    context.data_end = static_cast<uint32_t>(packet.size());
    context.ingress_ifindex = static_cast<uint32_t>(veth_->ifindex());
    context.rx_queue_index = queue.value_or(0);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = out.data(),
                .data_size_in = static_cast<uint32_t>(packet.size()),
                .data_size_out = static_cast<uint32_t>(out.size()));
    if (queue.has_value()) {
      options.ctx_in = &context;
      options.ctx_size_in = sizeof context;
    }
    int error = bpf_prog_test_run_opts(program_fd, &options);
    if (error != 0) {
      ADD_FAILURE() << "BPF_PROG_TEST_RUN: " << std::strerror(-error);
      return -1;
    }
    out.resize(options.data_size_out);
    EXPECT_EQ(out, packet);
    return static_cast<int>(options.retval);
  }

  static std::string why_not_;
  static std::unique_ptr<VethPair> veth_;
};
std::string RedirectTest::why_not_;
std::unique_ptr<VethPair> RedirectTest::veth_;

std::vector<uint8_t> frame(size_t length) {
  std::vector<uint8_t> out(length);
  for (size_t i = 0; i < length; i++) out[i] = static_cast<uint8_t>(i * 7);
  return out;
}

struct Row {
  const char* what;
  size_t length;
  zcnbrh_on_empty on_empty;
  bool socket;
  uint32_t delivered, limit;
  int verdict;
  uint32_t delivered_after;
  std::array<uint64_t, 4> counted;  // redirected, passed, dropped_no_credit, passed_no_credit
};

constexpr uint32_t kMax = UINT32_MAX;
constexpr std::array<uint64_t, 4> kRedirected = {1, 0, 0, 0};
constexpr std::array<uint64_t, 4> kPassed = {0, 1, 0, 0};
constexpr std::array<uint64_t, 4> kDroppedNoCredit = {0, 0, 1, 0};
constexpr std::array<uint64_t, 4> kPassedNoCredit = {0, 0, 0, 1};
constexpr auto kOff = ZCNBRH_ON_EMPTY_OFF;
constexpr auto kDrop = ZCNBRH_ON_EMPTY_DROP;
constexpr auto kPass = ZCNBRH_ON_EMPTY_PASS;

const Row kRows[] = {
    {"no gate, socket", 60, kOff, true, 0, 0, XDP_REDIRECT, 0, kRedirected},
    {"no gate, socket, long packet", 1514, kOff, true, 0, 0, XDP_REDIRECT, 0, kRedirected},
    {"no gate, shortest packet there is", 14, kOff, true, 0, 0, XDP_REDIRECT, 0, kRedirected},
    {"no gate, no socket: to the host", 60, kOff, false, 0, 0, XDP_PASS, 0, kPassed},
    {"a credit left", 60, kDrop, true, 0, 1, XDP_REDIRECT, 1, kRedirected},
    {"many credits left", 60, kPass, true, 7, 1000, XDP_REDIRECT, 8, kRedirected},
    {"no credit, drop", 60, kDrop, true, 5, 5, XDP_DROP, 5, kDroppedNoCredit},
    {"no credit, pass", 60, kPass, true, 5, 5, XDP_PASS, 5, kPassedNoCredit},
    {"limit moved back, drop", 60, kDrop, true, 6, 5, XDP_DROP, 6, kDroppedNoCredit},
    {"limit moved back, pass", 60, kPass, true, 6, 5, XDP_PASS, 6, kPassedNoCredit},
    {"fresh gate is shut", 60, kDrop, true, 0, 0, XDP_DROP, 0, kDroppedNoCredit},
    {"no socket: no credit used", 60, kDrop, false, 0, 10, XDP_PASS, 0, kPassed},
    {"no socket and no credit: still to the host", 60, kDrop, false, 5, 5, XDP_PASS, 5, kPassed},
    {"limit has wrapped, delivered not", 60, kDrop, true, kMax, 1, XDP_REDIRECT, 0, kRedirected},
    {"last before the wrap", 60, kDrop, true, kMax - 1, kMax, XDP_REDIRECT, kMax, kRedirected},
    {"delivered has wrapped past the limit", 60, kDrop, true, 0, kMax, XDP_DROP, 0, kDroppedNoCredit},
    {"equal at the wrap", 60, kPass, true, kMax, kMax, XDP_PASS, kMax, kPassedNoCredit},
    {"largest window", 60, kDrop, true, 0, 0x7fffffff, XDP_REDIRECT, 1, kRedirected},
    {"a window too large is shut", 60, kDrop, true, 0, 0x80000000, XDP_DROP, 0, kDroppedNoCredit},
};

class RedirectRows : public RedirectTest {
 protected:
  void run(const Row& row, bool counters, bool per_cpu) {
    SCOPED_TRACE(std::string(row.what) + (counters ? ", counting" : "") + (per_cpu ? " per CPU" : ""));
    XdpObjectOptions options;
    options.config.on_empty = row.on_empty;
    options.config.counters = counters;
    options.config.per_cpu = per_cpu;
    Result<XdpObject> object = XdpObject::open(options);
    ASSERT_TRUE(object) << object.error().text();
    Status loaded = object->load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    if (row.socket) {
      XskMap map(object->xsks_fd(), object->capacity());
      Status set = map.set(Kernel::real(), 0, xsk_->fd());
      ASSERT_TRUE(set) << set.error().text();
    }
    uint32_t queue = 0;
    zcnbrh_gate gate = {};
    gate.delivered = row.delivered;
    gate.limit = row.limit;
    EXPECT_EQ(object->gates_fd() >= 0, row.on_empty != kOff);
    if (object->gates_fd() >= 0) {
      ASSERT_EQ(bpf_map_update_elem(object->gates_fd(), &queue, &gate, 0), 0);
    }

    std::vector<uint8_t> packet = frame(row.length);
    EXPECT_EQ(verdict(object->program_fd(), packet), row.verdict);

    if (object->gates_fd() >= 0) {
      ASSERT_EQ(bpf_map_lookup_elem(object->gates_fd(), &queue, &gate), 0);
      EXPECT_EQ(gate.delivered, row.delivered_after);
      EXPECT_EQ(gate.limit, row.limit);
    }
    Result<zcnbrh_counters> count = object->counters(0);
    ASSERT_EQ(count.ok(), counters);
    if (!counters) return;
    std::array<uint64_t, 4> counted = {count->redirected, count->passed, count->dropped_no_credit,
                                       count->passed_no_credit};
    EXPECT_EQ(counted, row.counted);
  }

  void SetUp() override {
    RedirectTest::SetUp();
    if (IsSkipped()) return;
    xsk_ = std::make_unique<BoundXsk>(veth_->name(), 0);
    ASSERT_EQ(xsk_->error(), 0);
  }
  std::unique_ptr<BoundXsk> xsk_;
};

TEST_F(RedirectRows, NotCounting) {
  for (const Row& row : kRows) run(row, false, false);
}
TEST_F(RedirectRows, Counting) {
  for (const Row& row : kRows) run(row, true, false);
}
TEST_F(RedirectRows, CountingPerCpu) {
  for (const Row& row : kRows) {
    if (row.on_empty == kOff) run(row, true, true);
  }
}

// The verifier must have deleted what is switched off: the plain program is a handful of instructions.
TEST_F(RedirectTest, SwitchedOffPartsAreGone) {
  auto instructions = [](zcnbrh_on_empty on_empty, bool counters) {
    XdpObjectOptions options;
    options.config.on_empty = on_empty;
    options.config.counters = counters;
    Result<XdpObject> object = XdpObject::open(options);
    if (!object || !object->load().ok()) return 0U;
    bpf_prog_info info = {};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(object->program_fd(), &info, &size) != 0) return 0U;
    return info.xlated_prog_len / static_cast<uint32_t>(sizeof(bpf_insn));
  };
  uint32_t plain = instructions(kOff, false);
  uint32_t gated = instructions(kDrop, false);
  uint32_t full = instructions(kDrop, true);
  EXPECT_GT(plain, 0U);
  EXPECT_LE(plain, 16U);
  EXPECT_LT(plain, gated);
  EXPECT_LT(gated, full);
}

// Each queue has its own socket, gate and counters; a queue beyond the map is the host's.
TEST_F(RedirectTest, QueuesAreApart) {
  XdpProgramOptions options;
  options.ifindex = veth_->ifindex();
  options.ifname = veth_->name();
  options.on_empty = GateMode::kDrop;
  options.counters = true;
  Result<XdpProgram> program = XdpProgram::attach(options);
  ASSERT_TRUE(program) << program.error().text();
  BoundXsk xsk(veth_->name(), 2);
  ASSERT_EQ(xsk.error(), 0);
  ASSERT_TRUE(program->xsks_map().set(Kernel::real(), 2, xsk.fd()).ok());
  for (uint32_t queue = 0; queue < kQueues; queue++) program->gate(queue)->limit = 2;

  int fd = bpf_prog_get_fd_by_id(program->program_id());
  ASSERT_GE(fd, 0);
  const int expected[3][kQueues] = {{XDP_PASS, XDP_PASS, XDP_REDIRECT, XDP_PASS},
                                    {XDP_PASS, XDP_PASS, XDP_REDIRECT, XDP_PASS},
                                    {XDP_PASS, XDP_PASS, XDP_DROP, XDP_PASS}};
  std::vector<uint8_t> packet = frame(60);
  for (const auto& round : expected) {
    for (uint32_t queue = 0; queue < kQueues; queue++) EXPECT_EQ(verdict(fd, packet, queue), round[queue]);
  }
  ::close(fd);
  for (uint32_t queue = 0; queue < kQueues; queue++) {
    bool ours = queue == 2;
    EXPECT_EQ(program->gate(queue)->delivered, ours ? 2U : 0U);
    Result<zcnbrh_counters> count = program->counters(queue);
    ASSERT_TRUE(count);
    EXPECT_EQ(count->redirected, ours ? 2U : 0U);
    EXPECT_EQ(count->dropped_no_credit, ours ? 1U : 0U);
    EXPECT_EQ(count->passed, ours ? 0U : 3U);
  }
  EXPECT_EQ(program->gate(program->queue_capacity()), nullptr);
}

// The kernel takes the entry out when the socket closes, so a dead application's packets reach the host.
TEST_F(RedirectTest, ClosedSocketIsNoSocket) {
  Result<XdpObject> object = XdpObject::open({});
  ASSERT_TRUE(object) << object.error().text();
  ASSERT_TRUE(object->load().ok());
  XskMap map(object->xsks_fd(), object->capacity());
  std::vector<uint8_t> packet = frame(60);
  {
    BoundXsk xsk(veth_->name(), 0);
    ASSERT_EQ(xsk.error(), 0);
    ASSERT_TRUE(map.set(Kernel::real(), 0, xsk.fd()).ok());
    EXPECT_EQ(verdict(object->program_fd(), packet), XDP_REDIRECT);
    ASSERT_TRUE(map.clear(Kernel::real(), 0).ok());
    EXPECT_EQ(verdict(object->program_fd(), packet), XDP_PASS);
    ASSERT_TRUE(map.set(Kernel::real(), 0, xsk.fd()).ok());
  }
  EXPECT_EQ(verdict(object->program_fd(), packet), XDP_PASS);
  EXPECT_TRUE(map.clear(Kernel::real(), 0).ok());
}

TEST_F(RedirectTest, MapRefusesWhatItCannotHold) {
  Result<XdpObject> object = XdpObject::open({});
  ASSERT_TRUE(object) << object.error().text();
  ASSERT_TRUE(object->load().ok());
  XskMap map(object->xsks_fd(), object->capacity());
  EXPECT_EQ(map.set(Kernel::real(), object->capacity(), 0).error().code, EINVAL);
  EXPECT_EQ(map.clear(Kernel::real(), object->capacity()).error().code, EINVAL);
  EXPECT_EQ(XskMap().set(Kernel::real(), 0, 0).error().code, EBADF);
  int no_xsk = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(no_xsk, 0);
  EXPECT_EQ(map.set(Kernel::real(), 0, no_xsk).error().code, EOPNOTSUPP);
  ::close(no_xsk);
}

}  // namespace
}  // namespace zcnbrh
