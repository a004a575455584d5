// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// zcnbrh-bench-wire: the other end of the wire, the same for every path.
//   source NETDEV --pps N  sends stamped packets evenly (as far as one core goes), prints how many
//   echo NETDEV --count N  sends one packet at a time, waits for it to come back, prints the round trip times
// By AF_PACKET, as the kernel's stack would.
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/io/histogram.h"
#include "bench/io/packet_text.h"
#include "bench/io/path.h"
#include "bench/io/stamp.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh::bench {

void fail(const std::string& what) { throw std::runtime_error(what); }
void fail_errno(const std::string& what) { fail(what + ": " + std::strerror(errno)); }

namespace {

volatile std::sig_atomic_t stopped;  // by SIGTERM

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kMostAtOnce = 64;

struct Plan {
  std::string netdev;
  int cpu = 1;
  uint32_t size = 64;
  uint64_t pps = 0;
  double seconds = 1;
  uint64_t count = 10'000;
};

UniqueFd packet_socket(const std::string& netdev, int protocol) {
  UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd) fail_errno("AF_PACKET socket");
  constexpr int kOn = 1;
  ::setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &kOn, sizeof kOn);
  ::setsockopt(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &kOn, sizeof kOn);
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(static_cast<uint16_t>(protocol));
  where.sll_ifindex = static_cast<int>(::if_nametoindex(netdev.c_str()));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
    fail_errno("bind " + netdev);
  return fd;
}

std::span<std::byte> payload(std::vector<std::byte>& frame) { return std::span(frame).subspan(kPayloadOffset); }

// Packets that are due are sent at once, each with the time it is sent at; what the wire refuses is not sent
// again.
int run_source(const Plan& plan) {
  const UniqueFd fd = packet_socket(plan.netdev, 0);
  std::array<std::vector<std::byte>, kMostAtOnce> frames;
  std::array<iovec, kMostAtOnce> vectors{};
  std::array<mmsghdr, kMostAtOnce> messages{};
  for (uint32_t i = 0; i < kMostAtOnce; ++i) {
    frames[i] = udp_frame(plan.size, true);
    vectors[i] = {frames[i].data(), frames[i].size()};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const uint64_t start = now_ns();
  const auto length = static_cast<uint64_t>(plan.seconds * 1e9);
  uint64_t sent = 0, tried = 0;
  for (uint64_t now = start; now - start < length && stopped == 0; now = now_ns()) {
    const auto due =
        static_cast<uint64_t>(static_cast<double>(now - start) / 1e9 * static_cast<double>(plan.pps));
    const auto count = static_cast<uint32_t>(std::min<uint64_t>(due - std::min(tried, due), kMostAtOnce));
    if (count == 0) continue;
    for (uint32_t i = 0; i < count; ++i) Stamp{.sent_ns = now}.put(payload(frames[i]));
    const int done = ::sendmmsg(fd.get(), messages.data(), count, MSG_DONTWAIT);
    sent += done < 0 ? 0 : static_cast<uint64_t>(done);
    tried += count;
    if (due > tried + kMostAtOnce)
      tried = due - kMostAtOnce;  // too slow: the rate falls, no burst is made up for
  }
  std::printf("{\"packets\": %lu, \"seconds\": %.6f}\n", sent, static_cast<double>(now_ns() - start) / 1e9);
  return 0;
}

// Waits for the packet with this stamp; false after a tenth of a second.
bool wait_for(int fd, uint64_t stamp) {
  std::array<std::byte, 2048> buffer{};
  const uint64_t give_up = stamp + kSecond / 10;
  while (now_ns() < give_up) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(kPayloadOffset)) continue;
    if (Stamp::get({buffer.data() + kPayloadOffset, static_cast<size_t>(got) - kPayloadOffset}) == stamp)
      return true;
  }
  return false;
}

int run_echo(const Plan& plan) {
  const UniqueFd fd = packet_socket(plan.netdev, ETH_P_IP);
  std::vector<std::byte> frame = udp_frame(plan.size, true);
  Histogram times;
  uint64_t lost = 0, in_a_row = 0;
  const uint64_t warm_up = plan.count / 10;
  for (uint64_t i = 0; i < plan.count + warm_up; ++i) {
    const uint64_t sent = now_ns();
    Stamp{.sent_ns = sent}.put(payload(frame));
    const bool back = ::send(fd.get(), frame.data(), frame.size(), 0) > 0 && wait_for(fd.get(), sent);
    in_a_row = back ? 0 : in_a_row + 1;
    if (in_a_row == 20) fail("no packet comes back");
    if (i < warm_up) continue;
    if (back)
      times.add(now_ns() - sent);
    else
      ++lost;
  }
  std::printf(
      "{\"count\": %lu, \"lost\": %lu, \"mean_ns\": %.0f, \"p50_ns\": %lu, \"p99_ns\": %lu, \"max_ns\": %lu}\n",
      times.count(), lost, times.mean(), times.quantile(0.5), times.quantile(0.99), times.max());
  return 0;
}

void pin(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu), &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail_errno("sched_setaffinity");
}

int run(int argc, char** argv) {
  CLI::App app("the other end of the wire");
  Plan plan;
  const auto common = [&plan](CLI::App* command) {
    command->add_option("netdev", plan.netdev)->required();
    command->add_option("--cpu", plan.cpu, "CPU to run on");
    command->add_option("--size", plan.size, "bytes a packet");
  };
  CLI::App* source = app.add_subcommand("source", "sends stamped packets");
  common(source);
  source->add_option("--pps", plan.pps, "packets a second")->required();
  source->add_option("--seconds", plan.seconds, "how long");
  CLI::App* echo = app.add_subcommand("echo", "measures round trips");
  common(echo);
  echo->add_option("--count", plan.count, "packets");
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  pin(plan.cpu);
  std::signal(SIGTERM, [](int) { stopped = 1; });
  return source->parsed() ? run_source(plan) : run_echo(plan);
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  try {
    return zcnbrh::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
