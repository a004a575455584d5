// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/xdp/xsk_map.h"

namespace zcnbrh {

// The XSKMAP of a program that somebody else loaded and attached, and that stays his. Move-only. Control path.
// Needs no privilege but the map's fd, or the right to open the file, since Linux 5.19; before that CAP_BPF
// where kernel.unprivileged_bpf_disabled is set, as it mostly is.
class ForeignMap {
 public:
  // `from`: who gave the fd, for messages. EINVAL: it is no XSKMAP.
  static Result<ForeignMap> adopt(UniqueFd fd, const std::string& from);
  // A map that is pinned in a BPF file system. Errors: ENOENT, EACCES, EPERM, EINVAL.
  static Result<ForeignMap> open_pinned(const std::string& path);

  XskMap map() const { return XskMap(fd_.get(), capacity_); }

 private:
  UniqueFd fd_;
  uint32_t capacity_ = 0;
};

}  // namespace zcnbrh
