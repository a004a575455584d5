// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A flow pattern as plain data, and what the XDP program compares with it. A pattern is a stack of headers from
// the outside in, each with the bits that count. It may begin at any layer; what it does not mention may be
// anything, also VLAN tags before an IP header. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "bpf/zcnbrh_rules.h"

namespace zcnbrh {

enum class Header : uint8_t { kEth, kVlan, kIpv4, kIpv6, kTcp, kUdp };

const char* name_of(Header header);
uint32_t header_bytes(Header header);  // on the wire, without options
// The bits that count where a pattern says nothing else: addresses, ports, the VLAN id.
const uint8_t* default_mask(Header header);

struct HeaderMatch {
  Header header = Header::kEth;
  const uint8_t* spec = nullptr;  // header_bytes(), as on the wire; nullptr: any header of this kind
  const uint8_t* mask = nullptr;  // as long; nullptr: default_mask(); only with a spec
  std::optional<bool> tagged;     // kEth, kVlan: a (further) VLAN tag follows, or does not
};

// Compared as (packet & mask) == value; value has no bit outside mask.
struct FlowMatch {
  zcnbrh_flow_key value;
  zcnbrh_flow_key mask;
};

// The first header that is not to be had, by its place in the pattern.
struct PatternFault {
  size_t at = 0;
  const char* why = nullptr;  // string literal
};

// Returns the fault, or nothing and `out` filled in.
std::optional<PatternFault> compile_pattern(std::span<const HeaderMatch> pattern, FlowMatch& out);

}  // namespace zcnbrh
