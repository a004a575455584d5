// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Witnesses and a fixture for tests of lib/xdp on a veth of their own.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <vector>

#include "bpf/zcnbrh_bpf.h"
#include "lib/base/log.h"
#include "lib/base/unique_fd.h"
#include "lib/xdp/xdp_program.h"
#include "tests/netns/own_netns.h"

namespace zcnbrh::testing {

inline constexpr const char* kOwnName = "zcnbrh_redirect";

// What follows is asked of the kernel, not of the code under test.

struct OnNetdev {
  uint32_t id = 0;  // 0: no program
  int mode = XDP_ATTACHED_NONE;
};

inline OnNetdev on_netdev(int ifindex) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  EXPECT_EQ(bpf_xdp_query(ifindex, 0, &query), 0);
  return {query.prog_id, query.attach_mode};
}

inline std::string program_name(uint32_t id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info = {};
  uint32_t size = sizeof info;
  return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 ? info.name : "";
}

template <typename Info>
Info info_of(int fd) {
  Info info = {};
  uint32_t size = sizeof info;
  bpf_obj_get_info_by_fd(fd, &info, &size);
  return info;
}

// This process and every child that a test has made, dead or alive: whose BPF objects are the test's. The
// machine may run the library elsewhere meanwhile.
inline std::set<uint32_t>& owner_pids() {
  static std::set<uint32_t> pids = {static_cast<uint32_t>(::getpid())};
  return pids;
}

// Whether the map is the configuration record of a program that one of us has loaded.
inline bool is_our_config(uint32_t map_id) {
  UniqueFd fd(bpf_map_get_fd_by_id(map_id));
  if (!fd || std::string(info_of<bpf_map_info>(fd.get()).name) != ZCNBRH_CONFIG_MAP) return false;
  zcnbrh_config config = {};
  uint32_t key = 0;
  return bpf_map_lookup_elem(fd.get(), &key, &config) == 0 && owner_pids().count(config.owner_pid) == 1;
}

inline bool is_our_program(uint32_t id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  uint32_t map_ids[64] = {};
  bpf_prog_info info = {};
  info.map_ids = reinterpret_cast<uintptr_t>(map_ids);
  info.nr_map_ids = 64;
  uint32_t size = sizeof info;
  if (!fd || bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return false;
  return std::any_of(map_ids, map_ids + std::min(info.nr_map_ids, 64U), is_our_config);
}

// What could leak of this test. The maps of an object go together, so one of them stands for all.
struct Holdings {
  int fds = 0, programs = 0, maps = 0, links = 0;

  static Holdings now() {
    Holdings out;
    DIR* directory = ::opendir("/proc/self/fd");
    while (directory != nullptr && ::readdir(directory) != nullptr) out.fds++;
    if (directory != nullptr) ::closedir(directory);
    for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) out.programs += is_our_program(id);
    for (uint32_t id = 0; bpf_map_get_next_id(id, &id) == 0;) out.maps += is_our_config(id);
    for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
      UniqueFd fd(bpf_link_get_fd_by_id(id));
      out.links += fd && is_our_program(info_of<bpf_link_info>(fd.get()).prog_id);
    }
    return out;
  }
  // Nothing of a kind beyond what `before` has of it.
  bool within(const Holdings& before) const {
    return fds <= before.fds && programs <= before.programs && maps <= before.maps && links <= before.links;
  }
  // The kernel frees programs and maps a little after the last user is gone.
  static Holdings settled(const Holdings& before) {
    Holdings out = now();
    for (int i = 0; i < 200 && !out.within(before); i++) {
      ::usleep(10'000);
      out = now();
    }
    return out;
  }
};

inline std::ostream& operator<<(std::ostream& out, const Holdings& holdings) {
  return out << holdings.fds << " fds, " << holdings.programs << " programs, " << holdings.maps << " maps, "
             << holdings.links << " links";
}

// A child that runs `body`, tells its answer, and then waits to be killed.
class Child {
 public:
  explicit Child(const std::function<std::string()>& body) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      std::string answer = body();
      [[maybe_unused]] ssize_t written = ::write(ends[1], answer.c_str(), answer.size() + 1);
      for (;;) ::pause();
    }
    owner_pids().insert(static_cast<uint32_t>(pid_));
    ::close(ends[1]);
    // Up to the end mark, not the end of the pipe, which a child of the child may hold open.
    char next = '\0';
    while (::read(ends[0], &next, 1) == 1 && next != '\0') answer_ += next;
    ::close(ends[0]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { kill_and_reap(); }

  void kill_only() { ::kill(pid_, SIGKILL); }
  void kill_and_reap() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }
  const std::string& answer() const { return answer_; }

 private:
  pid_t pid_ = -1;
  std::string answer_;
};

class XdpFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string& why_not = enter_own_netns_for_xdp();
    if (!why_not.empty()) GTEST_SKIP() << why_not;
    veth_ = std::make_unique<VethPair>("zx0", "zx1", 2);
    ASSERT_TRUE(veth_->ok());
    // What a test before this one had may be going away still.
    before_ = Holdings::settled({.fds = Holdings::now().fds});
  }
  void TearDown() override {
    if (veth_ == nullptr) return;
    Holdings after = Holdings::settled(before_);
    EXPECT_TRUE(after.within(before_)) << "before: " << before_ << "; after: " << after;
    EXPECT_EQ(on_netdev(veth_->ifindex()).id, 0U);
  }

  XdpProgramOptions options(AttachMode attach = AttachMode::kAuto) const {
    XdpProgramOptions out;
    out.ifindex = veth_->ifindex();
    out.ifname = veth_->name();
    out.attach = attach;
    return out;
  }

  // In a child: attaches and keeps it until the child dies. The answer is the kind, or the error.
  static std::string attach_and_keep(const XdpProgramOptions& options) {
    Result<XdpProgram> program = XdpProgram::attach(options);
    if (!program) return program.error().text();
    static XdpProgram kept = std::move(program).value();
    return kept.attach_kind();
  }

  // Refused with EBUSY and every one of `words`; what is on the netdev stays.
  void expect_refused(const XdpProgramOptions& options, const std::vector<std::string>& words) {
    OnNetdev before = on_netdev(options.ifindex);
    Result<XdpProgram> program = XdpProgram::attach(options);
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, EBUSY) << program.error().text();
    for (const std::string& word : words) EXPECT_THAT(program.error().text(), ::testing::HasSubstr(word));
    OnNetdev after = on_netdev(options.ifindex);
    EXPECT_EQ(after.id, before.id);
    EXPECT_EQ(after.mode, before.mode);
  }

  std::unique_ptr<VethPair> veth_;
  Holdings before_;
};

}  // namespace zcnbrh::testing
