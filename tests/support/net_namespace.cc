// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/support/net_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace zcnbrh::testing {
namespace {

UniqueFd current_namespace() { return UniqueFd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)); }

bool run_shell(const std::string& command) {
  return std::system(("{ " + command + "; } >/dev/null 2>&1").c_str()) == 0;
}

// An end that is administratively up drops what it sends until the kernel's link watcher has been there, at
// most a second later (net/core/link_watch.c).
bool wait_until_up(const NetNamespace& where, const std::string& name) {
  return where.shell("for i in $(seq 500); do ip -o link show dev " + name +
                     " | grep -q 'state UP' && exit 0; sleep 0.01; done; exit 1");
}

}  // namespace

NetNamespace::NetNamespace() {
  std::thread([this] {
    if (::unshare(CLONE_NEWNET) != 0) {
      error_ = std::string("unshare(CLONE_NEWNET): ") + std::strerror(errno) + "; needs root";
      return;
    }
    fd_ = current_namespace();
    // Before any interface: it applies to those that come later.
    run_shell("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
    if (!run_shell("ip link set dev lo up")) error_ = "`ip link set dev lo up` failed in a new namespace";
  }).join();
}

void NetNamespace::run(const std::function<void()>& work) const {
  std::thread([&] {
    if (::setns(fd_.get(), CLONE_NEWNET) == 0) work();
  }).join();
}

bool NetNamespace::shell(const std::string& command) const {
  bool ok = false;
  run([&] { ok = run_shell(command); });
  return ok;
}

std::string NetNamespace::connect(const NetNamespace& a, const std::string& name_a, const NetNamespace& b,
                                  const std::string& name_b, int queues) {
  const std::string count = std::to_string(queues);
  const std::string size = " numrxqueues " + count + " numtxqueues " + count;
  const std::string other = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(b.fd());
  if (!a.shell("ip link add " + name_a + size + " type veth peer name " + name_b + size))
    return "no veth pair: `ip link add ... type veth` failed";
  if (!a.shell("ip link set dev " + name_b + " netns " + other))
    return "cannot move " + name_b + " to its namespace";
  if (!b.shell("ip link set dev " + name_b + " up") || !a.shell("ip link set dev " + name_a + " up"))
    return "cannot set the veth pair up";
  if (!wait_until_up(a, name_a) || !wait_until_up(b, name_b)) return "the veth pair is not up after 5 seconds";
  return {};
}

InNamespace::InNamespace(const NetNamespace& target) : back_(current_namespace()) {
  if (::setns(target.fd(), CLONE_NEWNET) != 0) std::abort();  // never on the machine's own interfaces
}

InNamespace::~InNamespace() {
  if (::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace zcnbrh::testing
