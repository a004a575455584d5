// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The XDP program with flow rules, loaded, and a table for it.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpf/zcnbrh_meta.h"
#include "lib/base/unique_fd.h"
#include "lib/flow/rule_table.h"
#include "lib/xdp/xdp_object.h"
#include "lib/xdp/xdp_program.h"
#include "lib/xdp/xsk_map.h"
#include "tests/netns/bound_xsk.h"
#include "tests/netns/own_netns.h"
#include "tests/support/flow_packets.h"
#include "tests/support/flow_reference.h"

namespace zcnbrh::testing {

inline constexpr QueueRange kAllQueues = {0, 64};
inline constexpr uint32_t kOwner = 1;

inline FlowMatch match(std::vector<HeaderMatch> pattern) {
  FlowMatch out;
  const auto fault = compile_pattern(pattern, out);
  EXPECT_FALSE(fault) << fault->why;
  return out;
}

inline FlowRule rule(std::vector<HeaderMatch> pattern, zcnbrh_rule_verdict verdict, uint32_t priority = 0) {
  FlowRule out;
  out.match = match(std::move(pattern));
  out.queues = kAllQueues;
  out.verdict = verdict;
  out.priority = priority;
  return out;
}

class RulesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    why_not_ = enter_own_netns_for_xdp();
    if (!why_not_.empty()) return;
    veth_ = std::make_unique<VethPair>("zf0", "zf1", 4);
    if (!veth_->ok()) why_not_ = "no veth pair";
  }
  static void TearDownTestSuite() { veth_.reset(); }

  void SetUp() override {
    if (!why_not_.empty()) GTEST_SKIP() << why_not_;
    socket_ = std::make_unique<BoundXsk>(veth_->name(), 0);
    ASSERT_EQ(socket_->error(), 0);
    XdpObjectOptions options;
    options.config.rules = 1;
    auto object = XdpObject::open(options);
    ASSERT_TRUE(object) << object.error().text();
    object_ = std::make_unique<XdpObject>(std::move(*object));
    const Status loaded = object_->load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    ASSERT_TRUE(XskMap(object_->xsks_fd(), object_->capacity()).set(Kernel::real(), 0, socket_->fd()));
  }

  // All on queue 0, which has a socket: XDP_REDIRECT where the packet is the port's.
  static uint32_t run_fd(int program_fd, const Bytes& packet) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                .data_size_in = static_cast<uint32_t>(packet.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(program_fd, &options), 0);
    return options.retval;
  }
  // The packet's metadata after the run, which the kernel puts before it.
  std::optional<zcnbrh_meta> metadata(const Bytes& packet) const {
    Bytes out(packet.size() + 256);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = out.data(),
                .data_size_in = static_cast<uint32_t>(packet.size()),
                .data_size_out = static_cast<uint32_t>(out.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(object_->program_fd(), &options), 0);
    if (options.data_size_out == packet.size()) return std::nullopt;
    EXPECT_EQ(options.data_size_out, packet.size() + sizeof(zcnbrh_meta));
    EXPECT_TRUE(std::equal(packet.begin(), packet.end(), out.begin() + sizeof(zcnbrh_meta)));
    zcnbrh_meta meta;
    std::memcpy(&meta, out.data(), sizeof meta);
    EXPECT_EQ(meta.magic, ZCNBRH_META_MAGIC);
    return meta;
  }
  static uint32_t run(uint32_t program_id, const Bytes& packet) {
    const UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
    return run_fd(fd.get(), packet);
  }
  uint32_t verdict(const Bytes& packet) const { return run_fd(object_->program_fd(), packet); }
  static std::string user_object(const std::string& name) {
    const char* build = std::getenv("ZCNBRH_BUILD_DIR");
    return std::string(build != nullptr ? build : "build") + "/tests/bpf/user_" + name + ".bpf.o";
  }
  void add_to(const XdpProgram& program, const FlowRule& rule) {
    auto id = table_.add(kOwner, rule, program.rules());
    EXPECT_TRUE(id) << id.error().text();
  }

  RuleTable::RuleId add(const FlowRule& rule) {
    auto id = table_.add(kOwner, rule, object_->rules());
    EXPECT_TRUE(id) << id.error().text();
    return id ? *id : 0;
  }
  zcnbrh_rule_count count(RuleTable::RuleId id, bool reset = false) {
    auto found = table_.count(id, reset, object_->rules());
    EXPECT_TRUE(found) << found.error().text();
    return found ? *found : zcnbrh_rule_count{};
  }

  static inline std::string why_not_;
  static inline std::unique_ptr<VethPair> veth_;
  std::unique_ptr<BoundXsk> socket_;
  std::unique_ptr<XdpObject> object_;
  RuleTable table_;
};

inline const Bytes kUdp4 = eth(kTypeIpv4) + ipv4() + udp() + payload();
inline const Bytes kTcp4 = eth(kTypeIpv4) + ipv4({.protocol = kTcp}) + tcp() + payload();
inline const Bytes kUdp6 = eth(kTypeIpv6) + ipv6(kUdp) + udp() + payload();
inline const Bytes kTaggedUdp4 = eth(kTypeVlan) + vlan(0x2005, kTypeIpv4) + ipv4() + udp() + payload();
inline const Bytes kTwiceTaggedUdp4 =
    eth(kTypeQinq) + vlan(7, kTypeVlan) + vlan(5, kTypeIpv4) + ipv4() + udp() + payload();
inline const Bytes kThriceTagged =
    eth(kTypeQinq) + vlan(7, kTypeVlan) + vlan(5, kTypeVlan) + vlan(6, kTypeIpv4) + ipv4() + udp() + payload();

inline const HeaderMatch kAnyEth = {Header::kEth, {}, {}, {}}, kAnyVlan = {Header::kVlan, {}, {}, {}},
                         kAnyIpv4 = {Header::kIpv4, {}, {}, {}}, kAnyIpv6 = {Header::kIpv6, {}, {}, {}},
                         kAnyUdp = {Header::kUdp, {}, {}, {}}, kAnyTcp = {Header::kTcp, {}, {}, {}};
inline HeaderMatch is(Header header, const Bytes& spec) { return {header, spec.data(), nullptr, {}}; }
inline HeaderMatch is(Header header, const Bytes& spec, const Bytes& mask) {
  return {header, spec.data(), mask.data(), {}};
}

}  // namespace zcnbrh::testing
