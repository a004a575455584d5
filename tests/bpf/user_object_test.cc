// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// xdp_prog=: what is found in a user's object, what is refused and with which words.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstdlib>
#include <fstream>
#include <vector>

#include "lib/base/log.h"
#include "lib/xdp/xdp_object.h"
#include "lib/xdp/xdp_program.h"
#include "tests/netns/bound_xsk.h"
#include "tests/netns/own_netns.h"

namespace zcnbrh {
namespace {

using testing::BoundXsk;
using ::testing::HasSubstr;
using testing::VethPair;

std::string path_of(const std::string& name) {
  const char* build = std::getenv("ZCNBRH_BUILD_DIR");
  return std::string(build != nullptr ? build : "build") + "/tests/bpf/user_" + name + ".bpf.o";
}

class UserObjectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string& why_not = testing::enter_own_netns_for_xdp();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
  }

  static Result<XdpObject> open(const std::string& name, zcnbrh_on_empty on_empty = ZCNBRH_ON_EMPTY_OFF) {
    XdpObjectOptions options;
    options.user_object = path_of(name);
    options.config.on_empty = on_empty;
    return XdpObject::open(options);
  }

  static uint32_t verdict(int program_fd, std::vector<uint8_t> packet) {
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                .data_size_in = static_cast<uint32_t>(packet.size()));
    EXPECT_EQ(bpf_prog_test_run_opts(program_fd, &options), 0);
    return options.retval;
  }

  static std::vector<uint8_t> ipv4(uint8_t protocol) {
    std::vector<uint8_t> out(60, 0);
    out[12] = 0x08;  // EtherType 0x0800
    out[14] = 0x45;
    out[23] = protocol;
    return out;
  }
};

TEST_F(UserObjectTest, HeaderGivesMapGateAndCounters) {
  VethPair veth("zu0", "zu1", 1);
  ASSERT_TRUE(veth.ok());
  BoundXsk xsk(veth.name(), 0);
  ASSERT_EQ(xsk.error(), 0);
  XdpObjectOptions options;
  options.user_object = path_of("udp_only");
  options.max_queues = 100;
  options.config.on_empty = ZCNBRH_ON_EMPTY_DROP;
  options.config.counters = 1;
  Result<XdpObject> object = XdpObject::open(options);
  ASSERT_TRUE(object) << object.error().text();
  ASSERT_TRUE(object->load().ok());
  EXPECT_STREQ(object->program_name(), "udp_only");
  EXPECT_EQ(object->capacity(), 100U);
  uint32_t queue = 0;
  zcnbrh_gate gate = {};
  gate.limit = 1;
  ASSERT_EQ(bpf_map_update_elem(object->gates_fd(), &queue, &gate, 0), 0);
  ASSERT_TRUE(XskMap(object->xsks_fd(), 100).set(Kernel::real(), 0, xsk.fd()).ok());

  constexpr uint8_t kTcp = 6;
  constexpr uint8_t kUdp = 17;
  EXPECT_EQ(verdict(object->program_fd(), ipv4(kTcp)), static_cast<uint32_t>(XDP_PASS));
  EXPECT_EQ(verdict(object->program_fd(), ipv4(kUdp)), static_cast<uint32_t>(XDP_REDIRECT));
  EXPECT_EQ(verdict(object->program_fd(), ipv4(kUdp)), static_cast<uint32_t>(XDP_DROP));
  Result<zcnbrh_counters> count = object->counters(0);
  ASSERT_TRUE(count);
  EXPECT_EQ(count->redirected, 1U);
  EXPECT_EQ(count->dropped_no_credit, 1U);
  EXPECT_EQ(count->passed, 0U);
}

TEST_F(UserObjectTest, OnlyXskmapIsTaken) {
  for (const char* name : {"plain", "old_section"}) {
    SCOPED_TRACE(name);
    Result<XdpObject> object = open(name);
    ASSERT_TRUE(object) << object.error().text();
    Status loaded = object->load();
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_GE(object->xsks_fd(), 0);
    EXPECT_EQ(object->capacity(), 64U);  // the object says 4: enlarged to what was asked for
    EXPECT_EQ(object->gates_fd(), -1);
    EXPECT_EQ(verdict(object->program_fd(), ipv4(17)), static_cast<uint32_t>(XDP_PASS));
  }
}

struct Refusal {
  const char* name;
  zcnbrh_on_empty on_empty;
  int code;
  const char* words;
};

TEST_F(UserObjectTest, RefusedOnOpen) {
  const Refusal rows[] = {
      {"not_there", ZCNBRH_ON_EMPTY_OFF, ENOENT, "not_there"},
      {"two_maps", ZCNBRH_ON_EMPTY_OFF, EINVAL, "2 XSKMAPs, none named xsks_map"},
      {"no_map", ZCNBRH_ON_EMPTY_OFF, EINVAL, "has no XSKMAP"},
      {"plain", ZCNBRH_ON_EMPTY_DROP, EINVAL, "has no gate"},
      {"plain", ZCNBRH_ON_EMPTY_PASS, EINVAL, "has no gate"},
  };
  for (const Refusal& row : rows) {
    SCOPED_TRACE(row.name);
    Result<XdpObject> object = open(row.name, row.on_empty);
    ASSERT_FALSE(object);
    EXPECT_EQ(object.error().code, row.code) << object.error().text();
    EXPECT_THAT(object.error().text(), HasSubstr(row.words));
  }
}

TEST_F(UserObjectTest, NotABpfObject) {
  std::string path = ::testing::TempDir() + "zcnbrh_not_bpf." + std::to_string(::getpid());
  std::ofstream(path) << "no ELF at all";
  XdpObjectOptions options;
  options.user_object = path;
  Result<XdpObject> object = XdpObject::open(options);
  std::remove(path.c_str());
  ASSERT_FALSE(object);
  EXPECT_THAT(object.error().text(), HasSubstr(path));
}

TEST_F(UserObjectTest, VerifierIsQuoted) {
  Result<XdpObject> object = open("rejected");
  ASSERT_TRUE(object) << object.error().text();
  Status loaded = object->load();
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().text(), HasSubstr("invalid access to packet"));
  EXPECT_THAT(loaded.error().text(), Not(HasSubstr("\n")));
}

// What libbpf says goes to our sink at debug level, and nowhere else.
TEST_F(UserObjectTest, LibbpfSpeaksThroughTheSink) {
  static int warnings;
  static int debug;
  warnings = debug = 0;
  set_log_sink([](LogLevel level, const char* line) {
    (level == LogLevel::kDebug ? debug : warnings)++;
    EXPECT_EQ(std::string(line).find('\n'), std::string::npos);
  });
  ::testing::internal::CaptureStderr();
  Result<XdpObject> object = open("rejected");
  EXPECT_TRUE(object && !object->load().ok());
  std::string stderr_text = ::testing::internal::GetCapturedStderr();
  set_log_sink(nullptr);
  EXPECT_GT(debug, 0);
  EXPECT_EQ(warnings, 0);
  EXPECT_EQ(stderr_text, "");
}

TEST_F(UserObjectTest, AttachRunsIt) {
  VethPair veth("zu0", "zu1", 1);
  ASSERT_TRUE(veth.ok());
  XdpProgramOptions options;
  options.ifindex = veth.ifindex();
  options.ifname = veth.name();
  options.user_object = path_of("plain");
  Result<XdpProgram> program = XdpProgram::attach(options);
  ASSERT_TRUE(program) << program.error().text();
  EXPECT_STREQ(program->attach_kind(), "bpf_link");
  EXPECT_EQ(program->gate(0), nullptr);
  EXPECT_EQ(program->counters(0).error().code, ENOTSUP);
  EXPECT_THAT(program->describe(), HasSubstr("plain"));

  // A program that the driver will not run leaves the netdev as it was.
  XdpProgramOptions other = options;
  other.ifindex = veth.peer_ifindex();
  other.ifname = "zu1";
  other.user_object = path_of("rejected");
  EXPECT_FALSE(XdpProgram::attach(other));
  uint32_t id = 0;
  ASSERT_EQ(bpf_xdp_query_id(other.ifindex, 0, &id), 0);
  EXPECT_EQ(id, 0U);
}

}  // namespace
}  // namespace zcnbrh
