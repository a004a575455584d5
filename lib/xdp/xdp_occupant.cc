// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A program is ours when one of its maps is the configuration record of bpf/zcnbrh_bpf.h with our magic.
#include "lib/xdp/xdp_occupant.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <xdp/libxdp.h>

#include <cerrno>
#include <cstring>

#include "lib/base/log.h"
#include "lib/base/unique_fd.h"
#include "lib/xdp/libbpf_log.h"
#include "lib/xdp/xdp_owner.h"

namespace zcnbrh {
namespace {

constexpr const char* kDispatcherName = "xdp_dispatcher";  // lib/libxdp/xdp-dispatcher.c.in of xdp-tools
constexpr uint32_t kMaxMaps = 64;                          // MAX_USED_MAPS, include/linux/bpf.h

bool read_config(uint32_t map_id, zcnbrh_config& out) {
  UniqueFd fd(bpf_map_get_fd_by_id(map_id));
  if (!fd) return false;
  bpf_map_info info = {};
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) < 0) return false;
  if (std::strcmp(info.name, ZCNBRH_CONFIG_MAP) != 0 || info.value_size != sizeof out) return false;
  uint32_t key = 0;
  return bpf_map_lookup_elem(fd.get(), &key, &out) == 0 && out.magic == ZCNBRH_CONFIG_MAGIC;
}

struct Identity {
  std::string name;
  uint32_t type = BPF_PROG_TYPE_UNSPEC;
  bool ours = false;
  zcnbrh_config config = {};
};

Identity identify(int program_fd) {
  Identity out;
  uint32_t map_ids[kMaxMaps] = {};
  bpf_prog_info info = {};
  info.map_ids = reinterpret_cast<uintptr_t>(map_ids);
  info.nr_map_ids = kMaxMaps;
  uint32_t size = sizeof info;
  if (bpf_obj_get_info_by_fd(program_fd, &info, &size) < 0) return out;
  out.name = info.name;
  out.type = info.type;
  for (uint32_t i = 0; i < info.nr_map_ids && i < kMaxMaps && !out.ours; i++) {
    out.ours = read_config(map_ids[i], out.config);
  }
  return out;
}

bool held_by_link(uint32_t program_id) {
  uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    UniqueFd fd(bpf_link_get_fd_by_id(id));
    if (!fd) continue;
    bpf_link_info info = {};
    uint32_t size = sizeof info;
    if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) < 0) continue;
    if (info.type == BPF_LINK_TYPE_XDP && info.prog_id == program_id) return true;
  }
  return false;
}

bool is_orphan(const zcnbrh_config& config) { return owner_state(config) == OwnerState::kDead; }

Result<bool> remove_program(int ifindex, const std::string& ifname, const XdpOccupant& occupant) {
  if (occupant.by_link || !is_orphan(occupant.config)) return false;
  UniqueFd fd(bpf_prog_get_fd_by_id(occupant.program_id));
  if (!fd) return Error{errno, "bpf_prog_get_fd_by_id", occupant.text() + " of " + ifname};
  // With the expected program named, the kernel refuses (EEXIST) when somebody else was quicker. Linux 5.7.
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd.get());
  LibbpfLog log;
  uint32_t mode = occupant.native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  int error = -bpf_xdp_detach(ifindex, mode, &options);
  if (error != 0) {
    return Error{error, "removal of a dead process's XDP program",
                 occupant.text() + " of " + ifname + " (process " + std::to_string(occupant.config.owner_pid) +
                     "): " + log.reason() + "; remove it by `ip link set dev " + ifname + " xdp off`"};
  }
  log_line(LogLevel::kNotice, "%s: removed %s that process %u left behind", ifname.c_str(),
           occupant.text().c_str(), occupant.config.owner_pid);
  return true;
}

struct Multiprog {
  explicit Multiprog(int ifindex) : handle(xdp_multiprog__get_from_ifindex(ifindex)) {
    if (libxdp_get_error(handle) != 0) handle = nullptr;
  }
  ~Multiprog() {
    if (handle != nullptr) xdp_multiprog__close(handle);
  }
  Multiprog(const Multiprog&) = delete;
  Multiprog& operator=(const Multiprog&) = delete;
  xdp_multiprog* handle;
};

// libxdp 1.3 leaves a file descriptor open for each program of a dispatcher that it reads (mended in 1.4,
// xdp-tools pull request 345), so it is only asked when there is an orphan to be found.
bool any_orphan_extension() {
  for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    UniqueFd fd(bpf_prog_get_fd_by_id(id));
    if (!fd) continue;
    Identity identity = identify(fd.get());
    if (identity.ours && identity.type == BPF_PROG_TYPE_EXT && is_orphan(identity.config)) return true;
  }
  return false;
}

Result<bool> remove_from_dispatcher(int ifindex, const std::string& ifname) {
  if (!any_orphan_extension()) return false;
  LibbpfLog log;
  Multiprog multiprog(ifindex);
  if (multiprog.handle == nullptr) return false;
  xdp_attach_mode mode = xdp_multiprog__attach_mode(multiprog.handle);
  xdp_program* program = nullptr;
  while ((program = xdp_multiprog__next_prog(program, multiprog.handle)) != nullptr) {
    Identity identity = identify(xdp_program__fd(program));
    if (!identity.ours || !is_orphan(identity.config)) continue;
    int error = -xdp_program__detach(program, ifindex, mode, 0);
    if (error != 0) {
      return Error{error, "removal of a dead process's XDP program from libxdp's dispatcher",
                   ifname + ": " + log.reason() + "; see `xdp-loader status " + ifname + "`"};
    }
    log_line(LogLevel::kNotice, "%s: removed the XDP program that process %u left in libxdp's dispatcher",
             ifname.c_str(), identity.config.owner_pid);
    return true;  // the dispatcher is another one now
  }
  return false;
}

}  // namespace

Result<XdpOccupant> query_xdp_occupant(int ifindex, const std::string& ifname) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  int error = -bpf_xdp_query(ifindex, 0, &query);
  if (error == ENODEV) {
    return Error{error, "query of XDP",
                 "iface " + ifname + ": no such netdev; check `ip link`, or the network namespace"};
  }
  if (error != 0) return Error{error, "query of XDP", "iface " + ifname + ": " + log.reason()};

  XdpOccupant out;
  // Native and SKB mode exclude each other; prog_id is 0 when the NIC runs another one (MULTI).
  out.native = query.skb_prog_id == 0;
  out.program_id = out.native ? query.drv_prog_id : query.skb_prog_id;
  if (out.program_id == 0) return out;

  out.kind = XdpOccupant::Kind::kAlien;
  UniqueFd fd(bpf_prog_get_fd_by_id(out.program_id));
  if (!fd) {
    out.name = "(name hidden: needs CAP_SYS_ADMIN)";
    return out;
  }
  Identity identity = identify(fd.get());
  out.name = identity.name;
  if (identity.ours) {
    out.kind = XdpOccupant::Kind::kOurs;
    out.config = identity.config;
    out.by_link = held_by_link(out.program_id);
  } else if (identity.name == kDispatcherName) {
    out.kind = XdpOccupant::Kind::kDispatcher;
  }
  return out;
}

Result<bool> remove_xdp_orphan(int ifindex, const std::string& ifname, const XdpOccupant& occupant) {
  if (occupant.kind == XdpOccupant::Kind::kOurs) return remove_program(ifindex, ifname, occupant);
  if (occupant.kind == XdpOccupant::Kind::kDispatcher) return remove_from_dispatcher(ifindex, ifname);
  return false;
}

Status attach_xdp_again(int ifindex, const std::string& ifname, uint32_t program_id, bool native) {
  const std::string name = "XDP program " + std::to_string(program_id) + " of " + ifname;
  const UniqueFd fd(bpf_prog_get_fd_by_id(program_id));
  if (!fd && errno == ENOENT)
    return Error{ENOENT, "XDP", name + " is not loaded any more; the tool that it is of loads it"};
  if (!fd) return Error{errno, "bpf_prog_get_fd_by_id", name};
  LibbpfLog log;
  const uint32_t mode = native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int error = -bpf_xdp_attach(ifindex, fd.get(), mode | XDP_FLAGS_UPDATE_IF_NOEXIST, nullptr);
  return error == 0 ? Status() : Status(Error{error, "bpf_xdp_attach", name + ": " + log.reason()});
}

}  // namespace zcnbrh
