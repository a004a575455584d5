// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/privilege.h"

#include <gtest/gtest.h>
#include <linux/capability.h>

#include <fstream>
#include <string>

namespace zcnbrh::testing {
namespace {

constexpr uint64_t bit(unsigned capability) { return uint64_t{1} << capability; }
constexpr uint64_t kBpf = bit(39), kNet = bit(CAP_NET_ADMIN), kSys = bit(CAP_SYS_ADMIN);

std::string lacks(const std::string& names) {
  return "the process lacks " + names + " (before Linux 5.8: CAP_SYS_ADMIN)";
}

TEST(Privilege, NamesWhatIsMissingAndNothingElse) {
  EXPECT_EQ(lacking_for_xdp(0), lacks("CAP_BPF and CAP_NET_ADMIN"));
  EXPECT_EQ(lacking_for_xdp(bit(CAP_NET_RAW)), lacks("CAP_BPF and CAP_NET_ADMIN"));
  EXPECT_EQ(lacking_for_xdp(kNet), lacks("CAP_BPF"));
  EXPECT_EQ(lacking_for_xdp(kBpf), lacks("CAP_NET_ADMIN"));
  for (const uint64_t enough : {kBpf | kNet, kSys, kSys | kBpf, ~uint64_t{0}})
    EXPECT_EQ(lacking_for_xdp(enough).find("lacks"), std::string::npos) << enough;
}

TEST(Privilege, TheEffectiveSetIsTheKernels) {
  std::ifstream status("/proc/thread-self/status");
  std::string line;
  while (std::getline(status, line) && line.rfind("CapEff:", 0) != 0) {
  }
  ASSERT_FALSE(line.empty());
  EXPECT_EQ(effective_capabilities(), std::stoull(line.substr(7), nullptr, 16));
}

}  // namespace
}  // namespace zcnbrh::testing
