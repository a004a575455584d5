// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A network namespace that lives as long as the test process, whatever becomes of it: nameless, so there is
// nothing to clean up and no name to collide.
#pragma once

#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace zcnbrh::testing {

inline bool shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

// Moves the process (which must have one thread still) into a namespace of its own, once. Empty: done.
inline const std::string& enter_own_netns() {
  static const std::string error = [] {
    if (::unshare(CLONE_NEWNET) < 0) return std::string("unshare(CLONE_NEWNET): ") + std::strerror(errno);
    if (!shell("ip link set dev lo up")) return std::string("`ip link set dev lo up` failed");
    return std::string();
  }();
  return error;
}

// As enter_own_netns(), and why XDP programs and AF_XDP sockets cannot be had here.
inline const std::string& enter_own_netns_for_xdp() {
  static const std::string error = [] {
    if (!enter_own_netns().empty()) return enter_own_netns();
    if (libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_XDP, nullptr) != 1) {
      return std::string("no BPF_PROG_TYPE_XDP: kernel without it, or no CAP_BPF and CAP_NET_ADMIN");
    }
    int fd = ::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::string("socket(AF_XDP): ") + std::strerror(errno);
    ::close(fd);
    return std::string();
  }();
  return error;
}

// A veth pair; both ends go with this object. No IPv6, so that the only packets are the test's.
class VethPair {
 public:
  VethPair(std::string name, std::string peer, int queues) : name_(std::move(name)), peer_(std::move(peer)) {
    std::string count = std::to_string(queues);
    std::string size = " numrxqueues " + count + " numtxqueues " + count;
    ok_ = shell("ip link add " + name_ + size + " type veth peer name " + peer_ + size) &&
          shell("sysctl -qw net.ipv6.conf." + name_ + ".disable_ipv6=1 net.ipv6.conf." + peer_ +
                ".disable_ipv6=1; ip link set dev " + name_ + " up && ip link set dev " + peer_ + " up");
  }
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;
  ~VethPair() { shell("ip link del " + name_); }

  bool ok() const { return ok_; }
  const std::string& name() const { return name_; }
  int ifindex() const { return static_cast<int>(::if_nametoindex(name_.c_str())); }
  int peer_ifindex() const { return static_cast<int>(::if_nametoindex(peer_.c_str())); }

 private:
  std::string name_;
  std::string peer_;
  bool ok_ = false;
};

}  // namespace zcnbrh::testing
