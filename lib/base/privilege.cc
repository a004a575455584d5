// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/privilege.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace zcnbrh {
namespace {

constexpr unsigned kCapBpf = 39;  // Linux 5.8

bool has(uint64_t effective, unsigned capability) { return (effective >> capability & 1) != 0; }

}  // namespace

uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3]{};
  if (::syscall(SYS_capget, &header, sets) != 0) return 0;
  return uint64_t{sets[1].effective} << 32 | sets[0].effective;
}

std::string lacking_for_xdp(uint64_t effective) {
  const bool all = has(effective, CAP_SYS_ADMIN);
  std::string lacking;
  if (!all && !has(effective, kCapBpf)) lacking = "CAP_BPF";
  if (!all && !has(effective, CAP_NET_ADMIN))
    lacking += lacking.empty() ? "CAP_NET_ADMIN" : " and CAP_NET_ADMIN";
  if (!lacking.empty()) return "the process lacks " + lacking + " (before Linux 5.8: CAP_SYS_ADMIN)";
  return all ? "the process has the capabilities, but a user namespace, a seccomp filter or the kernel's "
               "lockdown "
               "refuses"
             : "the process has CAP_BPF and CAP_NET_ADMIN: Linux before 5.8 wants CAP_SYS_ADMIN; else a user "
               "namespace, a seccomp filter or the kernel's lockdown refuses";
}

}  // namespace zcnbrh
