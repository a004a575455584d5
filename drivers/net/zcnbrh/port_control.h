// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What port control keeps of a port: link, removal, and what was set on the netdev.
#pragma once

namespace zcnbrh::pmd {

class NetdevWatch;

struct PortControl {
  NetdevWatch* watch = nullptr;  // nullptr: a loop port, or a port that closes
  bool started = false;          // as dev_started, but changed with the lock held
  bool told_up = false;          // the link as the application was last told
};

}  // namespace zcnbrh::pmd
