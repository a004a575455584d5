// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The kernel's own stack at the other end of a veth pair, as a judge of what a port sends: the addresses of
// made_packet.h are its own, and no NIC feature covers up a wrong checksum.
#pragma once

#include <cstdint>
#include <string>

#include "lib/base/unique_fd.h"
#include "tests/support/net_namespace.h"

namespace zcnbrh::testing {

class KernelPeer {
 public:
  // Connects <here>:zk0 and its own zk1. error() is empty when all is up.
  explicit KernelPeer(const NetNamespace& here);

  const std::string& error() const { return error_; }
  // From now on what it sends has a VLAN tag, put on as the kernel's own VLAN devices do: beside the data, for
  // the device to write or to tell. False: the kernel has no tcx (6.6).
  bool tag(uint16_t tci);
  bool shell(const std::string& command) const { return there_.shell(command); }
  // A counter of the peer's /proc/net/snmp ("Udp", "InCsumErrors") or snmp6 ("", "Udp6InCsumErrors").
  uint64_t count(const std::string& protocol, const std::string& name) const;
  // Bytes of the next datagram to UDP port 9000, any address; -1: none within so many milliseconds.
  int receive(uint8_t* to, size_t room, int patience_ms = 5000) const;
  // Sends a datagram of `length` bytes from port `from` to 10.9.0.1:9000.
  bool send(uint16_t from, size_t length) const;

 private:
  NetNamespace there_;
  UniqueFd socket_;
  UniqueFd tagger_;  // bpf_link
  std::string error_;
};

}  // namespace zcnbrh::testing
