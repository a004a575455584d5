// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xdp/xdp_attachment.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <cstring>

#include "lib/base/log.h"
#include "lib/base/privilege.h"
#include "lib/xdp/libbpf_log.h"
#include "lib/xdp/xdp_occupant.h"

namespace zcnbrh {
namespace {

constexpr const char* kLinkCall = "bpf_link_create";

bool is_native(const XdpTarget& target) { return target.mode == ProgramMode::kNative; }

uint32_t mode_flag(const XdpTarget& target) {
  if (target.mode == ProgramMode::kOffload) return XDP_FLAGS_HW_MODE;
  return is_native(target) ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}
xdp_attach_mode libxdp_mode(const XdpTarget& target) {
  if (target.mode == ProgramMode::kOffload) return XDP_MODE_HW;
  return is_native(target) ? XDP_MODE_NATIVE : XDP_MODE_SKB;
}

// What drivers answer when their native XDP cannot run as things are. The caller may then take SKB mode.
// EINVAL, too, but of bpf_link_create() it may also say that the kernel knows no such links; then netlink is
// tried, and its EINVAL is the driver's.
bool is_drivers_refusal(int code, const char* call) {
  return code == EOPNOTSUPP || code == ENOSPC || code == ERANGE || code == ENOMEM ||
         (code == EINVAL && call != kLinkCall);
}

const char* refusal_hint(int code) {
  switch (code) {
    case ERANGE:
      return "; it does not take this MTU: lower the MTU, or give an xdp_prog= in a section \"xdp.frags\"";
    case ENOSPC:
      return "; on veth the peer has more TX queues than this end has RX queues, see `ethtool -L`";
    default:
      return "";
  }
}

Error attach_error(int code, const char* call, const XdpTarget& target, const std::string& reason) {
  std::string why = "iface " + target.ifname;
  const bool refused = is_native(target) && is_drivers_refusal(code, call);
  if (code == EPERM) why += ": " + lacking_for_xdp();
  if (code == ENODEV) why += ": no such netdev; check `ip link`, or the network namespace";
  if (code == EOPNOTSUPP && is_native(target))
    why += ": the driver has no native XDP, or not as it is set up now";
  if (refused && code != EOPNOTSUPP)
    why += std::string(": the driver refuses native XDP: ") + std::strerror(code) + refusal_hint(code);
  if (!reason.empty()) why += " (" + reason + ")";
  return Error{refused ? EOPNOTSUPP : code, call, why};
}

// libxdp falls back to attaching the program alone when the kernel refuses extension programs; it would then
// be a dispatcher in name only.
Status check_extension_programs() {
  LibbpfLog log;
  int supported = libbpf_probe_bpf_prog_type(BPF_PROG_TYPE_EXT, nullptr);
  if (supported == 1) return {};
  return Error{ENOTSUP, "libxdp dispatcher",
               "this kernel or its security policy refuses BPF_PROG_TYPE_EXT, which libxdp's dispatcher is "
               "made of; give attach=auto or attach=link on a netdev without other XDP programs"};
}

}  // namespace

XdpAttachment::XdpAttachment(const XdpTarget& target) : target_(target), pid_(::getpid()) {}

Result<XdpAttachment> XdpAttachment::by_link(const XdpTarget& target, int program_fd) {
  XdpAttachment out(target);
  LibbpfLog log;
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = mode_flag(target));
  int fd = bpf_link_create(program_fd, target.ifindex, BPF_XDP, &options);
  if (fd < 0) return attach_error(-fd, kLinkCall, target, log.reason());
  out.link_.reset(fd);
  return out;
}

Result<XdpAttachment> XdpAttachment::by_netlink(const XdpTarget& target, int program_fd) {
  XdpAttachment out(target);
  LibbpfLog log;
  int error =
      -bpf_xdp_attach(target.ifindex, program_fd, mode_flag(target) | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  if (error != 0) return attach_error(error, "attach of XDP by netlink", target, log.reason());
  out.program_fd_ = program_fd;
  return out;
}

Result<XdpAttachment> XdpAttachment::by_dispatcher(const XdpTarget& target, bpf_object* object,
                                                   const char* program_name) {
  constexpr const char* kCall = "libxdp dispatcher";
  if (Status status = check_extension_programs(); !status) return status.error();
  XdpAttachment out(target);
  LibbpfLog log;
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = object, .prog_name = program_name);
  xdp_program* program = xdp_program__create(&options);
  if (long error = libxdp_get_error(program); error != 0) {
    return attach_error(static_cast<int>(-error), kCall, target, log.reason());
  }
  int error = -xdp_program__attach(program, target.ifindex, libxdp_mode(target), 0);
  if (error != 0) {
    xdp_program__close(program);
    return attach_error(error, kCall, target, log.reason());
  }
  out.dispatched_ = program;
  // Ask after it even so: the environment (LIBXDP_SKIP_DISPATCHER) or a libxdp newer than ours may choose to
  // attach the program alone.
  Result<XdpOccupant> occupant = query_xdp_occupant(target.ifindex, target.ifname);
  if (!occupant || occupant->kind == XdpOccupant::Kind::kDispatcher) return out;
  return attach_error(ENOTSUP, kCall, target, "libxdp attached the program without a dispatcher; taken back");
}

Status XdpAttachment::replace(int program_fd) {
  constexpr const char* kCall = "exchange of the XDP program";
  if (dispatched_ != nullptr)
    return Error{ENOTSUP, kCall, "libxdp's dispatcher has no exchange without a gap; attach=link has"};
  LibbpfLog log;
  int error;
  if (link_) {
    error = -bpf_link_update(link_.get(), program_fd, nullptr);
  } else {
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program_fd_);
    error = -bpf_xdp_attach(target_.ifindex, program_fd, mode_flag(target_), &options);
    // Before Linux 5.7 the program to be replaced cannot be named.
    if (error == EINVAL) error = -bpf_xdp_attach(target_.ifindex, program_fd, mode_flag(target_), nullptr);
  }
  if (error != 0) return attach_error(error, kCall, target_, log.reason());
  if (!link_) program_fd_ = program_fd;
  return {};
}

XdpAttachment::~XdpAttachment() {
  if (pid_ == ::getpid()) detach();
  if (dispatched_ != nullptr) xdp_program__close(dispatched_);
}

// Failures are for the log: the netdev may be gone, which took the program with it.
void XdpAttachment::detach() {
  LibbpfLog log;
  int error = 0;
  if (link_) {
    // Explicitly, since a child that was forked meanwhile holds the link's fd, too. EINVAL, Linux 5.9: no
    // such call yet, closing the fd does it.
    error = -bpf_link_detach(link_.get());
    if (error == EINVAL) error = 0;
  } else if (program_fd_ >= 0) {
    // With the expected program named, another one that was put in our place stays. Linux 5.7; older
    // kernels ignore the name.
    LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = program_fd_);
    error = -bpf_xdp_detach(target_.ifindex, mode_flag(target_), &options);
  } else if (dispatched_ != nullptr) {
    error = -xdp_program__detach(dispatched_, target_.ifindex, libxdp_mode(target_), 0);
  }
  if (error == 0 || error == ENODEV) return;
  log_line(LogLevel::kWarning, "iface %s: detach of our XDP program: %s (%s)", target_.ifname.c_str(),
           std::strerror(error), log.reason().c_str());
}

const char* XdpAttachment::kind() const {
  if (link_) return "bpf_link";
  return dispatched_ != nullptr ? "libxdp dispatcher" : "netlink";
}

}  // namespace zcnbrh
