// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The program with rules as a whole: how it takes the place of the one without, users' programs, the verifier.
#include <gmock/gmock.h>
#include <linux/if_link.h>

#include "tests/bpf/rules_fixture.h"

namespace zcnbrh {
namespace {

using namespace testing;  // NOLINT: the packets' vocabulary

// The program with rules takes the place of the one without: sockets, gate and counters stay.
TEST_F(RulesTest, FirstRuleExchangesTheProgram) {
  XdpProgramOptions options;
  options.ifindex = veth_->ifindex();
  options.ifname = veth_->name();
  options.on_empty = GateMode::kDrop;
  options.counters = true;
  auto program = XdpProgram::attach(options);
  ASSERT_TRUE(program) << program.error().text();
  ASSERT_TRUE(program->xsks_map().set(Kernel::real(), 0, socket_->fd()));
  program->gate(0)->limit = 10;
  const uint32_t before = program->program_id();
  EXPECT_FALSE(program->rules());
  EXPECT_EQ(run(before, kUdp4), static_cast<uint32_t>(XDP_REDIRECT));

  ASSERT_TRUE(program->use_rules());
  const uint32_t after = program->program_id();
  EXPECT_NE(before, after);
  uint32_t attached = 0;
  ASSERT_EQ(bpf_xdp_query_id(options.ifindex, 0, &attached), 0);
  EXPECT_EQ(attached, after);
  ASSERT_TRUE(program->use_rules());
  EXPECT_EQ(program->program_id(), after) << "once is enough";

  EXPECT_EQ(run(after, kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(program->gate(0)->delivered, 2U);
  EXPECT_EQ(program->counters(0)->redirected, 2U);
  add_to(*program, rule({kAnyUdp}, ZCNBRH_RULE_DROP));
  EXPECT_EQ(run(after, kUdp4), static_cast<uint32_t>(XDP_DROP));
  EXPECT_EQ(program->gate(0)->delivered, 2U) << "a dropped packet takes no credit";
  EXPECT_THAT(program->describe(), ::testing::HasSubstr("zcnbrh_filter"));

  { const XdpProgram gone = std::move(*program); }
  ASSERT_EQ(bpf_xdp_query_id(options.ifindex, 0, &attached), 0);
  EXPECT_EQ(attached, 0U) << "left on the netdev";
}

TEST_F(RulesTest, ExchangeByNetlink) {
  XdpProgramOptions options;
  options.ifindex = veth_->ifindex();
  options.ifname = veth_->name();
  options.attach = AttachMode::kNetlink;
  options.mode = ProgramMode::kSkb;
  auto program = XdpProgram::attach(options);
  ASSERT_TRUE(program) << program.error().text();
  ASSERT_TRUE(program->use_rules());
  uint32_t attached = 0;
  ASSERT_EQ(bpf_xdp_query_id(options.ifindex, XDP_FLAGS_SKB_MODE, &attached), 0);
  EXPECT_EQ(attached, program->program_id());
  { const XdpProgram gone = std::move(*program); }
  ASSERT_EQ(bpf_xdp_query_id(options.ifindex, XDP_FLAGS_SKB_MODE, &attached), 0);
  EXPECT_EQ(attached, 0U) << "left on the netdev";
}

TEST_F(RulesTest, UsersProgramWithTable) {
  XdpProgramOptions options;
  options.ifindex = veth_->ifindex();
  options.ifname = veth_->name();
  options.user_object = user_object("rules");
  auto program = XdpProgram::attach(options);
  ASSERT_TRUE(program) << program.error().text();
  ASSERT_TRUE(program->xsks_map().set(Kernel::real(), 0, socket_->fd()));
  const uint32_t id = program->program_id();
  ASSERT_TRUE(program->use_rules());
  EXPECT_EQ(program->program_id(), id) << "it has the table from the start";
  EXPECT_EQ(run(id, kUdp4), static_cast<uint32_t>(XDP_REDIRECT));
  add_to(*program, rule({kAnyUdp}, ZCNBRH_RULE_DROP));
  EXPECT_EQ(run(id, kUdp4), static_cast<uint32_t>(XDP_DROP));
  EXPECT_EQ(run(id, kTcp4), static_cast<uint32_t>(XDP_PASS)) << "the rest is the program's own affair";
}

TEST_F(RulesTest, UsersProgramWithoutTable) {
  for (const char* name : {"udp_only", "plain"}) {
    XdpProgramOptions options;
    options.ifindex = veth_->ifindex();
    options.ifname = veth_->name();
    options.user_object = user_object(name);
    auto program = XdpProgram::attach(options);
    ASSERT_TRUE(program) << program.error().text();
    const Status s = program->use_rules();
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code, ENOTSUP);
    EXPECT_THAT(s.error().text(), ::testing::HasSubstr("has no rule table; include zcnbrh_rules.h"));
    EXPECT_FALSE(program->rules());
  }
}

// A packet of several buffers is counted whole.
TEST_F(RulesTest, BytesOfPacketsOfSeveralBuffers) {
  XdpObjectOptions options;
  options.config.rules = 1;
  options.frags = true;
  auto object = XdpObject::open(options);
  ASSERT_TRUE(object) << object.error().text();
  if (!object->load()) GTEST_SKIP() << "the kernel has no packets of several buffers (Linux 5.18)";
  FlowRule counted = rule({kAnyUdp}, ZCNBRH_RULE_DROP);
  counted.counts = true;
  auto id = table_.add(kOwner, counted, object->rules());
  ASSERT_TRUE(id) << id.error().text();
  const Bytes jumbo = kUdp4 + payload(9000);
  EXPECT_EQ(run_fd(object->program_fd(), jumbo), static_cast<uint32_t>(XDP_DROP));
  EXPECT_EQ(run_fd(object->program_fd(), kUdp4), static_cast<uint32_t>(XDP_DROP));
  auto count = table_.count(*id, false, object->rules());
  ASSERT_TRUE(count);
  EXPECT_EQ(count->packets, 2U);
  EXPECT_EQ(count->bytes, jumbo.size() + kUdp4.size());
}

TEST_F(RulesTest, FarFromTheVerifiersLimit) {
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  ASSERT_EQ(bpf_obj_get_info_by_fd(object_->program_fd(), &info, &size), 0);
  if (info.verified_insns == 0) GTEST_SKIP() << "the count came with Linux 5.16";
  EXPECT_LT(info.verified_insns, 250'000U);  // the limit is a million since Linux 5.2
}

}  // namespace
}  // namespace zcnbrh
