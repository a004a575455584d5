// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Threads for NAPI against a real kernel: a veth pair whose NAPIs run by themselves (GRO), so that a setting
// would outlast who made it, as with a NIC.
#include "lib/netdev/napi.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/netns/own_netns.h"

namespace zcnbrh::testing {
namespace {

namespace fs = std::filesystem;

class Napi : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!enter_own_netns().empty()) GTEST_SKIP() << "needs root: " << enter_own_netns();
    ASSERT_TRUE(shell(
        "ip link add znn0 numrxqueues 2 numtxqueues 2 type veth peer name znn1 numrxqueues 2 numtxqueues 2 && "
        "ethtool -K znn0 gro on && ip link set znn0 up && ip link set znn1 up"));
    ids_ = napis_of(static_cast<int>(::if_nametoindex("znn0")));
    if (ids_.empty()) GTEST_SKIP() << "the kernel does not tell its NAPIs (6.8)";
    ASSERT_EQ(ids_.size(), 2U);
    if (const auto info = query_napi(ids_[0]); !info && info.error().code == ENOTSUP)
      GTEST_SKIP() << info.error().text();
    char path[] = "/tmp/zcnbrh-napi-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    top_ = path;
    records_ = top_ + "/a/b";
  }
  void TearDown() override {
    shell("ip link del znn0");
    if (!top_.empty()) fs::remove_all(top_);
  }
  static bool threaded(uint32_t id) {
    const auto info = query_napi(id);
    EXPECT_TRUE(info.ok()) << info.error().text();
    return info && info->threaded;
  }
  size_t records() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(records_)) ++count;
    return count;
  }
  // A child that gives the NAPI a thread and is killed.
  void start_and_die(uint32_t id) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto napi = ThreadedNapi::start(id, cpu_set_t{}, records_);
      if (napi) ::kill(::getpid(), SIGKILL);
      ::_exit(1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  std::vector<uint32_t> ids_;
  std::string top_, records_;
};

TEST_F(Napi, HasAThreadAndIsPutBack) {
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  auto napi = ThreadedNapi::start(ids_[1], first, records_);
  ASSERT_TRUE(napi.ok()) << napi.error().text();
  EXPECT_TRUE(threaded(ids_[1]));
  EXPECT_FALSE(threaded(ids_[0]));
  EXPECT_EQ(records(), 1U);
  const auto info = query_napi(ids_[1]);
  ASSERT_GT(info->thread, 0);
  std::string name;
  std::ifstream file("/proc/" + std::to_string(info->thread) + "/comm");
  if (std::getline(file, name) && name.starts_with("napi/")) {  // else another PID namespace
    cpu_set_t now;
    ASSERT_EQ(::sched_getaffinity(info->thread, sizeof now, &now), 0);
    EXPECT_TRUE(CPU_EQUAL(&now, &first));
  }
  ThreadedNapi moved = std::move(*napi);
  napi->end();
  EXPECT_TRUE(threaded(ids_[1]));
  moved.end();
  EXPECT_FALSE(threaded(ids_[1]));
  EXPECT_EQ(records(), 0U);
}

TEST_F(Napi, SomebodyElsesIsLeftAlone) {
  auto theirs = ThreadedNapi::start(ids_[0], cpu_set_t{}, records_);
  ASSERT_TRUE(theirs.ok()) << theirs.error().text();
  const auto ours = ThreadedNapi::start(ids_[0], cpu_set_t{}, records_);
  ASSERT_FALSE(ours.ok());
  EXPECT_EQ(ours.error().code, EALREADY);
  EXPECT_EQ(put_back_orphans(records_), 0U);
  EXPECT_TRUE(threaded(ids_[0]));
  EXPECT_EQ(records(), 1U);
}

TEST_F(Napi, IsPutBackByTheNextOneAfterAKill) {
  start_and_die(ids_[0]);
  auto living = ThreadedNapi::start(ids_[1], cpu_set_t{}, records_);
  ASSERT_TRUE(living.ok()) << living.error().text();
  ASSERT_TRUE(threaded(ids_[0]));
  EXPECT_EQ(put_back_orphans(records_), 1U);
  EXPECT_FALSE(threaded(ids_[0]));
  EXPECT_TRUE(threaded(ids_[1]));
  EXPECT_EQ(records(), 1U);
}

TEST_F(Napi, RecordsOfOthersAreLeftAlone) {
  fs::create_directories(records_);
  for (const char* name : {"1-5", "x", "1-", "99999999999-1"}) std::ofstream(records_ + "/" + name) << "";
  start_and_die(ids_[0]);
  EXPECT_EQ(put_back_orphans(records_), 1U);
  EXPECT_EQ(records(), 4U);
  EXPECT_EQ(put_back_orphans(top_ + "/none"), 0U);
}

TEST_F(Napi, AChildOfForkLeavesItAlone) {
  auto napi = ThreadedNapi::start(ids_[0], cpu_set_t{}, records_);
  ASSERT_TRUE(napi.ok()) << napi.error().text();
  const pid_t child = ::fork();
  if (child == 0) {
    napi->end();
    ::_exit(0);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(threaded(ids_[0]));
  EXPECT_EQ(records(), 1U);
}

TEST_F(Napi, NothingIsChangedThatCouldNotBePutBack) {
  const auto napi = ThreadedNapi::start(ids_[0], cpu_set_t{}, "/proc/none");
  ASSERT_FALSE(napi.ok());
  EXPECT_FALSE(threaded(ids_[0]));
  const auto none = ThreadedNapi::start(4'000'000'000U, cpu_set_t{}, records_);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ENOENT);
  EXPECT_FALSE(fs::exists(records_));
}

}  // namespace
}  // namespace zcnbrh::testing
