// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/xdp/program_mode.h"

struct bpf_object;
struct xdp_program;

namespace zcnbrh {

struct XdpTarget {
  int ifindex = 0;
  std::string ifname;  // for messages
  ProgramMode mode = ProgramMode::kNative;
};

// One program on one netdev, put there by us; taken off when destroyed, if it is still ours and this is
// still the process that attached it (a forked child must not detach its parent's). Move-only. Control path.
class XdpAttachment {
 public:
  // Errors of all three: EOPNOTSUPP: the driver lacks native mode; EBUSY, EEXIST: the netdev has a program;
  // EPERM: capabilities; others as the driver's. Nothing is attached then.
  // by_link: Linux 5.9, EINVAL before. by_netlink: Linux 4.18. Both want a loaded program.
  static Result<XdpAttachment> by_link(const XdpTarget& target, int program_fd);
  static Result<XdpAttachment> by_netlink(const XdpTarget& target, int program_fd);
  // Wants an object that is not loaded yet; libxdp loads it, and it must outlive the attachment. Linux 5.6
  // (5.10 for a second program), a mounted bpffs. ENOTSUP: the kernel or its policy refuses extension
  // programs, without which there is no dispatcher.
  static Result<XdpAttachment> by_dispatcher(const XdpTarget& target, bpf_object* object,
                                             const char* program_name);

  XdpAttachment(XdpAttachment&& other) noexcept
      : target_(std::move(other.target_)),
        pid_(std::exchange(other.pid_, -1)),
        link_(std::move(other.link_)),
        program_fd_(std::exchange(other.program_fd_, -1)),
        dispatched_(std::exchange(other.dispatched_, nullptr)) {}
  XdpAttachment& operator=(XdpAttachment&& other) = delete;
  ~XdpAttachment();

  // Puts another loaded program in the place of the one attached: no packet passes between the two without
  // one, and the driver does not reset. ENOTSUP: through libxdp's dispatcher. Others leave the old one.
  Status replace(int program_fd);

  const char* kind() const;

 private:
  explicit XdpAttachment(const XdpTarget& target);
  void detach();

  XdpTarget target_;
  pid_t pid_;
  UniqueFd link_;
  int program_fd_ = -1;                // netlink only; belongs to the XdpObject
  xdp_program* dispatched_ = nullptr;  // dispatcher only
};

}  // namespace zcnbrh
