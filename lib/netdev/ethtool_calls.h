// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// ethtool's ioctls on one netdev, as a seam: a NIC's filters and RSS tables are there on hardware only, so the
// code that sets them is tested against a NIC of paper (tests/fakes/fake_ethtool.h). Control path only.
#pragma once

#include <string>

namespace zcnbrh {

class EthtoolCalls {
 public:
  virtual ~EthtoolCalls() = default;
  // `command` begins with an ETHTOOL_* number, as <linux/ethtool.h> has it; the answer is written into it.
  // Returns 0 or -errno: -EOPNOTSUPP where the driver has no such thing, -EPERM without CAP_NET_ADMIN.
  virtual int call(void* command) noexcept = 0;
};

// The netdev of this name in the calling thread's network namespace.
class NetdevEthtool final : public EthtoolCalls {
 public:
  explicit NetdevEthtool(std::string name) : name_(std::move(name)) {}
  int call(void* command) noexcept override;

 private:
  std::string name_;
};

}  // namespace zcnbrh
