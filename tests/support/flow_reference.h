// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What a pattern means, written down a second time: a packet is dissected into a list of headers, and a pattern
// fits if its headers can be found in that order. No code in common with the XDP program, nor with
// lib/flow/pattern.cc, and no key.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "lib/flow/pattern.h"
#include "tests/support/flow_packets.h"

namespace zcnbrh::testing {

struct FoundHeader {
  Header header;
  std::span<const uint8_t> bytes;
  bool tagged = false;  // a VLAN tag that is there in full follows
};

class Dissection {
 public:
  explicit Dissection(const Bytes& packet) : rest_(packet) { ethernet(); }
  const std::vector<FoundHeader>& headers() const { return headers_; }

 private:
  static uint16_t read16(std::span<const uint8_t> from, size_t at) {
    return static_cast<uint16_t>(from[at] << 8 | from[at + 1]);
  }
  bool take(Header header, size_t minimum, size_t skip) {
    if (rest_.size() < minimum) return false;
    headers_.push_back({header, rest_.first(minimum)});
    rest_ = rest_.subspan(std::min(skip, rest_.size()));
    return true;
  }

  void ethernet() {
    if (!take(Header::kEth, 14, 14)) return;
    uint16_t type = read16(headers_[0].bytes, 12);
    const auto is_tag = [&] { return type == kTypeVlan || type == kTypeQinq; };
    for (int tag = 0; tag < 2 && is_tag(); ++tag) {
      if (!take(Header::kVlan, 4, 4)) return;
      headers_[headers_.size() - 2].tagged = true;
      type = read16(headers_.back().bytes, 2);
    }
    if (is_tag()) headers_.back().tagged = true;  // a third one, which nothing looks into
    if (type == kTypeIpv4) internet4();
    if (type == kTypeIpv6) internet6();
  }

  void internet4() {
    if (rest_.size() < 20 || rest_[0] >> 4 != 4 || (rest_[0] & 15) < 5) return;
    const bool later_fragment = (read16(rest_, 6) & 0x1fff) != 0;
    const uint8_t protocol = rest_[9];
    const size_t length = (rest_[0] & size_t{15}) * 4;
    const bool complete = rest_.size() >= length;
    take(Header::kIpv4, 20, length);
    if (!later_fragment && complete) transport(protocol);
  }

  void internet6() {
    if (rest_.size() < 40 || rest_[0] >> 4 != 6) return;
    uint8_t next = rest_[6];
    take(Header::kIpv6, 40, 40);
    for (int seen = 0; seen < 4 && (next == 0 || next == 43 || next == 44 || next == 60); ++seen) {
      if (rest_.size() < 8) return;
      if (next == 44 && read16(rest_, 2) >> 3 != 0) return;
      const size_t length = next == 44 ? 8 : 8 * (rest_[1] + size_t{1});
      next = rest_[0];
      if (rest_.size() < length) return;
      rest_ = rest_.subspan(length);
    }
    transport(next);
  }

  void transport(uint8_t protocol) {
    if (protocol == kTcp) take(Header::kTcp, 20, 20);
    if (protocol == kUdp) take(Header::kUdp, 8, 8);
  }

  std::span<const uint8_t> rest_;
  std::vector<FoundHeader> headers_;
};

inline bool fits(const HeaderMatch& match, const FoundHeader& found) {
  if (match.tagged.has_value() && *match.tagged != found.tagged) return false;
  if (match.spec == nullptr) return true;
  const uint8_t* mask = match.mask != nullptr ? match.mask : default_mask(match.header);
  for (size_t i = 0; i < found.bytes.size(); ++i)
    if (((match.spec[i] ^ found.bytes[i]) & mask[i]) != 0) return false;
  return true;
}

// Tags that the pattern does not mention are stepped over; the outermost is compared first.
inline bool fits(std::span<const HeaderMatch> pattern, const Dissection& packet) {
  auto at = packet.headers().begin();
  for (const HeaderMatch& match : pattern) {
    at = std::find_if(at, packet.headers().end(),
                      [&](const auto& found) { return found.header == match.header; });
    if (at == packet.headers().end() || !fits(match, *at)) return false;
    ++at;
  }
  return true;
}

}  // namespace zcnbrh::testing
