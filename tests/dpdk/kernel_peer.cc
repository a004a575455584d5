// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/kernel_peer.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>
#include <vector>

namespace zcnbrh::testing {
namespace {

constexpr uint16_t kPort = 9000;
constexpr const char* kUs = "02:00:5a:43:00:01";
constexpr const char* kThem = "02:00:5a:43:00:02";

UniqueFd bound_socket(uint16_t port) {
  UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int off = 0;
  ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) fd.reset();
  return fd;
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

}  // namespace

KernelPeer::KernelPeer(const NetNamespace& here) {
  error_ = !here.error().empty() ? here.error() : there_.error();
  if (error_.empty()) error_ = NetNamespace::connect(here, "zk0", there_, "zk1");
  if (!error_.empty()) return;
  const std::string commands[] = {
      "ethtool -K zk1 rx off tx off tso off gso off gro off >/dev/null",
      "ip link set dev zk1 address " + std::string(kThem),
      "sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv4.conf.all.rp_filter=0",
      "sysctl -qw net.ipv6.conf.all.router_solicitations=0 net.ipv6.conf.all.accept_dad=0",
      "ip link set dev zk1 up",
      "ip address add 10.9.0.2/24 dev zk1",
      "ip -6 address add fd00::2/64 dev zk1 nodad",
      "ip neighbour replace 10.9.0.1 lladdr " + std::string(kUs) + " dev zk1",
      "ip -6 neighbour replace fd00::1 lladdr " + std::string(kUs) + " dev zk1",
  };
  for (const std::string& command : commands)
    if (error_.empty() && !there_.shell(command)) error_ = "failed: " + command;
  there_.run([&] { socket_ = bound_socket(kPort); });
  if (error_.empty() && !socket_) error_ = "no socket";
}

bool KernelPeer::tag(uint16_t tci) {
  constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);  // BPF_TCX_EGRESS, 6.6
  const bpf_insn code[] = {
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_2, 0, 0, htons(0x8100)},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, tci},
      {BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_skb_vlan_push},
      {BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0},  // goes on
      {BPF_JMP | BPF_EXIT, 0, 0, 0, 0},
  };
  tagger_.reset();
  there_.run([&] {
    const UniqueFd program(
        ::bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "tagger", "GPL", code, std::size(code), nullptr));
    const int link =
        ::bpf_link_create(program.get(), static_cast<int>(::if_nametoindex("zk1")), kTcxEgress, nullptr);
    if (link >= 0) tagger_ = UniqueFd(link);
  });
  return static_cast<bool>(tagger_);
}

uint64_t KernelPeer::count(const std::string& protocol, const std::string& name) const {
  uint64_t value = 0;
  there_.run([&] {
    if (protocol.empty()) {
      std::ifstream file("/proc/thread-self/net/snmp6");
      for (std::string line; std::getline(file, line);)
        if (const auto w = words(line); w.size() == 2 && w[0] == name) value = std::stoull(w[1]);
      return;
    }
    std::ifstream file("/proc/thread-self/net/snmp");  // a line of names, a line of numbers
    for (std::string names, numbers; std::getline(file, names) && std::getline(file, numbers);) {
      const auto n = words(names), v = words(numbers);
      if (n.empty() || n[0] != protocol + ":") continue;
      for (size_t i = 1; i < n.size(); ++i)
        if (n[i] == name) value = std::stoull(v[i]);
    }
  });
  return value;
}

int KernelPeer::receive(uint8_t* to, size_t room, int patience_ms) const {
  pollfd wait{socket_.get(), POLLIN, 0};
  if (::poll(&wait, 1, patience_ms) != 1) return -1;
  return static_cast<int>(::recv(socket_.get(), to, room, 0));
}

bool KernelPeer::send(uint16_t from, size_t length) const {
  bool sent = false;
  there_.run([&] {
    const UniqueFd fd = bound_socket(from);
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kPort);
    ::inet_pton(AF_INET6, "::ffff:10.9.0.1", &to.sin6_addr);
    const std::vector<uint8_t> data(length, 0x5a);
    sent = ::sendto(fd.get(), data.data(), length, 0, reinterpret_cast<sockaddr*>(&to), sizeof to) ==
           static_cast<ssize_t>(length);
  });
  return sent;
}

}  // namespace zcnbrh::testing
