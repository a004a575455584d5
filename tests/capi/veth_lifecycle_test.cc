// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Opening and closing on a real netdev: what is refused and why, what is left behind (nothing), the gate, and
// what a child of fork() does to it (nothing).
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tests/capi/wire.h"

namespace zcnbrh::testing {
namespace {

using Clock = std::chrono::steady_clock;

std::set<std::string> entries(const char* folder) {
  std::set<std::string> out;
  DIR* dir = ::opendir(folder);
  while (const dirent* entry = ::readdir(dir)) out.insert(entry->d_name);
  ::closedir(dir);
  return out;
}

// The kernel's numbers of the BPF objects this process has open: what `prog_id:` and the like say.
std::set<uint32_t> open_bpf_ids(const std::string& key) {
  std::set<uint32_t> out;
  for (const std::string& fd : entries("/proc/self/fdinfo")) {
    std::ifstream file("/proc/self/fdinfo/" + fd);
    for (std::string line; std::getline(file, line);)
      if (line.rfind(key + ":", 0) == 0)
        out.insert(static_cast<uint32_t>(std::stoul(line.substr(key.size() + 1))));
  }
  return out;
}

bool bpf_object_exists(int command, uint32_t id) {
  bpf_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.prog_id = id;  // the same place for every kind of object
  const long fd = ::syscall(__NR_bpf, command, &attr, sizeof attr);
  if (fd >= 0) ::close(static_cast<int>(fd));
  return fd >= 0;
}

// BPF objects are freed after a grace period.
bool goes_away(int command, uint32_t id) {
  for (const auto give_up = Clock::now() + std::chrono::seconds(5); Clock::now() < give_up;) {
    if (!bpf_object_exists(command, id)) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Lifecycle : public Wire {
 protected:
  struct zcnbrh_options options() const {
    return small_options(kNear);
  }

  void expect_refusal(const struct zcnbrh_options& o, int code, const std::string& text) {
    struct zcnbrh_queue* queue = nullptr;
    const auto before = entries("/proc/self/fd").size();
    EXPECT_EQ(zcnbrh_open(&o, &queue), -code) << zcnbrh_last_error();
    EXPECT_EQ(queue, nullptr);
    EXPECT_NE(std::string(zcnbrh_last_error()).find(text), std::string::npos) << zcnbrh_last_error();
    EXPECT_EQ(entries("/proc/self/fd").size(), before) << "a descriptor is left";
  }
};

// One packet from the kernel within a second.
bool gets_a_packet(struct zcnbrh_queue* queue, const NumberedPackets& packets, uint64_t number) {
  for (const auto give_up = Clock::now() + std::chrono::seconds(2); Clock::now() < give_up;) {
    struct zcnbrh_frame frame;
    if (zcnbrh_poll(queue, &frame) == 1) {
      const bool right = packets.check(number, static_cast<uint8_t*>(frame.data), frame.length).empty();
      return zcnbrh_release(queue, &frame) == 0 && right;
    }
    pollfd events = {zcnbrh_fd(queue), POLLIN, 0};
    ::poll(&events, 1, 10);
  }
  return false;
}

TEST_F(Lifecycle, CloseLeavesNothing) {
  const auto fds = entries("/proc/self/fd").size();
  for (int round = 0; round < 10; ++round) {
    Queue queue(options());
    const auto programs = open_bpf_ids("prog_id"), maps = open_bpf_ids("map_id"),
               links = open_bpf_ids("link_id");
    ASSERT_FALSE(programs.empty());
    ASSERT_FALSE(maps.empty());
    EXPECT_NE(std::string(zcnbrh_mode(queue)).find("copy mode"), std::string::npos) << zcnbrh_mode(queue);
    EXPECT_TRUE(near_->shell("ip -d link show near0 | grep -q prog/xdp"));
    ASSERT_EQ(queue.close(), 0);
    EXPECT_EQ(entries("/proc/self/fd").size(), fds);
    EXPECT_FALSE(near_->shell("ip -d link show near0 | grep -q prog/xdp"));
    for (const uint32_t id : programs) EXPECT_TRUE(goes_away(BPF_PROG_GET_FD_BY_ID, id)) << "program " << id;
    for (const uint32_t id : maps) EXPECT_TRUE(goes_away(BPF_MAP_GET_FD_BY_ID, id)) << "map " << id;
    for (const uint32_t id : links) EXPECT_TRUE(goes_away(BPF_LINK_GET_FD_BY_ID, id)) << "link " << id;
  }
}

TEST_F(Lifecycle, AQueueInUseIsNamed) {
  Queue queue(options());
  expect_refusal(options(), EBUSY, "queue 0 of near0 is in use");
  PacketPeer::Plan plan = far_peer();
  plan.send_count = 1;
  PacketPeer peer(plan);
  EXPECT_TRUE(gets_a_packet(queue, plan.sends, 0)) << "the refused one broke the first one's queue";
}

TEST_F(Lifecycle, AnAlienProgramStays) {
  // Any program will do: our own of another process counts as somebody else's.
  int ready[2], stop[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(stop), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const struct zcnbrh_options o = options();
    struct zcnbrh_queue* queue = nullptr;
    char byte = zcnbrh_open(&o, &queue) == 0 ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(stop[0], &byte, 1) != 1) ::_exit(2);
    ::_exit(zcnbrh_close(queue) == 0 ? 0 : 1);
  }
  char byte = 'n';
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  expect_refusal(options(), EBUSY, "of process " + std::to_string(child));
  EXPECT_TRUE(near_->shell("ip -d link show near0 | grep -q prog/xdp"));
  ASSERT_EQ(::write(stop[1], "x", 1), 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int fd : {ready[0], ready[1], stop[0], stop[1]}) ::close(fd);
  Queue queue(options());  // and now it is free
}

TEST_F(Lifecycle, AWrongInterfaceOrQueueIsNamed) {
  struct zcnbrh_options o = options();
  o.iface = kFar;  // in the other namespace
  expect_refusal(o, ENODEV, "iface far0: no such netdev");
  o = options();
  o.queue = 1;
  expect_refusal(o, EINVAL, "iface near0 has queues 0..0");
  o = options();
  o.xdp_prog = "/nonexistent.o";
  expect_refusal(o, ENOENT, "/nonexistent.o");
}

TEST_F(Lifecycle, AnInterfaceThatIsDownIsNamed) {
  ASSERT_TRUE(near_->shell("ip link set near0 down"));
  expect_refusal(options(), ENETDOWN, "iface near0 is down; `ip link set near0 up`");
}

TEST_F(Lifecycle, RequiredZeroCopyIsRefusedWithTheReason) {
  struct zcnbrh_options o = options();
  o.zero_copy = ZCNBRH_ZERO_COPY_REQUIRE;
  expect_refusal(o, EOPNOTSUPP, "veth");
}

TEST_F(Lifecycle, AMissingCapabilityIsNamed) {
  const pid_t child = ::fork();
  if (child == 0) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {};
    ::syscall(SYS_capget, &header, data);
    data[0].effective &= ~(1U << CAP_NET_RAW);
    if (::syscall(SYS_capset, &header, data) != 0) ::_exit(2);
    const struct zcnbrh_options o = options();
    struct zcnbrh_queue* queue = nullptr;
    if (zcnbrh_open(&o, &queue) != -EPERM) ::_exit(3);
    ::_exit(std::string(zcnbrh_last_error()).find("AF_XDP needs CAP_NET_RAW") != std::string::npos ? 0 : 4);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Lifecycle, AnInterfaceThatGoesAwayIsAnErrorNotACrash) {
  Queue queue(options());
  ASSERT_TRUE(near_->shell("ip link del near0"));
  struct zcnbrh_frame frame;
  EXPECT_EQ(zcnbrh_poll(queue, &frame), 0);
  EXPECT_EQ(zcnbrh_send_copy(queue, "x", 1), 1);  // taken; it never gets out
  EXPECT_EQ(zcnbrh_flush(queue), -ENETDOWN);
  EXPECT_NE(std::string(zcnbrh_last_error()).find("down or gone"), std::string::npos);
  queue.expect_sound_books();
  EXPECT_EQ(queue.close(), 0) << zcnbrh_last_error();
}

TEST_F(Lifecycle, AChildThatClosesDoesNotDisturbTheParent) {
  Queue queue(options());
  const pid_t child = ::fork();
  if (child == 0) {
    struct zcnbrh_frame frame;
    if (zcnbrh_poll(queue, &frame) != -EPERM) ::_exit(1);
    ::_exit(zcnbrh_close(queue) == 0 ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  PacketPeer::Plan plan = far_peer();
  plan.send_count = 1;
  PacketPeer peer(plan);
  EXPECT_TRUE(gets_a_packet(queue, plan.sends, 0));
}

TEST_F(Lifecycle, AChildThatClosedAndLivesOnDoesNotKeepTheQueue) {
  Queue queue(options());
  int ready[2], stop[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(stop), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte = zcnbrh_close(queue) == 0 ? 'y' : 'n';
    if (::write(ready[1], &byte, 1) != 1 || ::read(stop[0], &byte, 1) != 1) ::_exit(2);
    ::_exit(0);
  }
  char byte = 'n';
  EXPECT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(byte, 'y');
  EXPECT_EQ(queue.close(), 0) << zcnbrh_last_error();
  EXPECT_FALSE(near_->shell("ip -d link show near0 | grep -q prog/xdp"));
  { Queue again(options()); }
  EXPECT_EQ(::write(stop[1], "x", 1), 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  for (const int fd : {ready[0], ready[1], stop[0], stop[1]}) ::close(fd);
}

TEST_F(Lifecycle, BusyPollReceivesToo) {
  struct zcnbrh_options o = options();
  o.busy_budget = 64;
  Queue queue(o);
  EXPECT_EQ(std::string(zcnbrh_mode(queue)).rfind("copy mode, busy poll", 0), 0U) << zcnbrh_mode(queue);
  PacketPeer::Plan plan = far_peer();
  plan.send_count = 1;
  PacketPeer peer(plan);
  EXPECT_TRUE(gets_a_packet(queue, plan.sends, 0));
  const uint64_t before = queue.stats().rx_busy_polls;
  struct zcnbrh_frame none;
  EXPECT_EQ(zcnbrh_poll(queue, &none), 0);
  EXPECT_EQ(queue.stats().rx_busy_polls, before + 1) << "one system call for an empty poll";
}

// Which streams come on a queue, of those whose first packet the peer sends.
class TwoQueues : public Lifecycle {
 protected:
  static constexpr uint16_t kStreams = 32;  // spread over the queues by the hash of their UDP ports

  void SetUp() override { lay(2); }
  Queue open(uint32_t number) const {
    struct zcnbrh_options o = options();
    o.queue = number;
    return Queue(o);
  }
  void send_all() const {
    for (uint16_t stream = 0; stream < kStreams; ++stream) {
      PacketPeer::Plan plan = far_peer();
      plan.sends = NumberedPackets(stream);
      plan.send_count = 1;
      PacketPeer peer(plan);
      while (!peer.done()) std::this_thread::yield();
    }
  }
  static std::set<uint16_t> streams_on(struct zcnbrh_queue* queue) {
    std::set<uint16_t> out;
    struct zcnbrh_frame frame;
    while (zcnbrh_poll(queue, &frame) == 1) {
      for (uint16_t stream = 0; stream < kStreams; ++stream)
        if (NumberedPackets(stream).owns(static_cast<uint8_t*>(frame.data), frame.length)) out.insert(stream);
      EXPECT_EQ(zcnbrh_release(queue, &frame), 0);
    }
    return out;
  }
};

TEST_F(TwoQueues, ClosingOneLeavesTheOtherItsPackets) {
  Queue first = open(0), second = open(1);
  send_all();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto on_first = streams_on(first), on_second = streams_on(second);
  EXPECT_EQ(on_first.size() + on_second.size(), kStreams);
  EXPECT_FALSE(on_first.empty());
  EXPECT_FALSE(on_second.empty());
  ASSERT_EQ(second.close(), 0);
  send_all();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(streams_on(first), on_first);
  Queue again = open(1);
  send_all();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(streams_on(again), on_second);
}

// The kernel has not let go as long as a child that never called zcnbrh_close() has the socket.
TEST_F(Lifecycle, MemoryThatMayStillBeWrittenToStaysMapped) {
  Queue queue(options());
  struct zcnbrh_frame held = queue.filled(0x77, 60);
  int stop[2];
  ASSERT_EQ(::pipe(stop), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    ::_exit(::read(stop[0], &byte, 1) == 1 ? 0 : 1);
  }
  static std::string said;
  said.clear();
  zcnbrh_set_log([](int, const char* line) { said += line; });
  EXPECT_EQ(queue.close(), -EBUSY);
  zcnbrh_set_log(nullptr);
  EXPECT_NE(said.find("queue 0 of near0: the kernel has not let go"), std::string::npos) << said;
  EXPECT_EQ(bytes_of(held), std::vector<uint8_t>(60, 0x77));
  expect_refusal(options(), EBUSY, "near0");
  EXPECT_EQ(::write(stop[1], "x", 1), 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  ::close(stop[0]);
  ::close(stop[1]);
  Queue again(options());
}

// The application holds packets: with the gate on, a packet's credit comes back when it is released or sent.
TEST_F(Lifecycle, TheGateHoldsBackWhatTheApplicationHasNotReleased) {
  constexpr uint64_t kAll = 200;
  struct zcnbrh_options o = options();
  o.frames = 512;
  o.rx_desc = 128;
  o.on_empty = ZCNBRH_GATE_DROP;
  o.window = 40;
  Queue queue(o);
  PacketPeer::Plan plan = far_peer();
  plan.send_count = kAll;
  plan.expects = NumberedPackets(9);  // what we send back is not to count
  plan.window = kAll;
  struct zcnbrh_frame frames[256];
  int held = 0;
  // Nothing is on its way after the pause; the polls are far more than it takes to give lost credits back.
  const auto poll_for_a_while = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    for (int i = 0; i < 2000; ++i) {
      const int n = zcnbrh_poll_batch(queue, frames + held, static_cast<uint32_t>(256 - held));
      ASSERT_GE(n, 0);
      held += n;
    }
  };
  {
    PacketPeer peer(plan);
    while (peer.sent() < kAll) std::this_thread::yield();
    poll_for_a_while();
    EXPECT_EQ(held, 40) << "the window";
    EXPECT_EQ(zcnbrh_release_batch(queue, frames, 10), 10);
    EXPECT_EQ(zcnbrh_send_batch(queue, frames + 10, 5), 5);
    held -= 15;
    std::memmove(frames, frames + 15, static_cast<size_t>(held) * sizeof frames[0]);
    EXPECT_EQ(peer.finish(), "");
  }
  PacketPeer second(plan);
  while (second.sent() < kAll) std::this_thread::yield();
  poll_for_a_while();
  EXPECT_EQ(held, 40) << "15 credits had come back";
  EXPECT_EQ(zcnbrh_release_batch(queue, frames, static_cast<uint32_t>(held)), held);
  EXPECT_EQ(queue.ledger().application, 0U);
}

}  // namespace
}  // namespace zcnbrh::testing
