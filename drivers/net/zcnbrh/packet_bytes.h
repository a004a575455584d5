// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A packet's bytes by offset, whether they lie in one piece or in the segments of a chain, where a header
// may be cut anywhere, or in the pieces of a copy. Callers keep offset + count within length().
#pragma once

#include <rte_mbuf.h>

#include <cstring>

#include "lib/base/inet_checksum.h"

namespace zcnbrh::pmd {

inline uint16_t be16_at(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] << 8 | bytes[1]); }

class FlatBytes {
 public:
  FlatBytes(uint8_t* data, uint32_t length) : data_(data), length_(length) {}
  explicit FlatBytes(const struct rte_mbuf& m) : FlatBytes(rte_pktmbuf_mtod(&m, uint8_t*), m.data_len) {}

  uint32_t length() const { return length_; }
  void read(uint32_t offset, void* to, uint32_t count) const { std::memcpy(to, data_ + offset, count); }
  void write16(uint32_t offset, uint16_t in_memory_order) { std::memcpy(data_ + offset, &in_memory_order, 2); }
  void sum(InetSum& sum, uint32_t offset, uint32_t count) const { sum.add(data_ + offset, count); }

 private:
  uint8_t* data_;
  uint32_t length_;
};

// Bytes that lie in several places: what `Places::walk(offset, count, visit)` makes of them, visit(data, n) for
// each place in order.
template <typename Places>
class ScatteredBytes {
 public:
  void read(uint32_t offset, void* to, uint32_t count) const {
    auto* out = static_cast<uint8_t*>(to);
    self().walk(offset, count, [&](uint8_t* data, uint32_t n) {
      std::memcpy(out, data, n);
      out += n;
    });
  }
  void write16(uint32_t offset, uint16_t in_memory_order) {
    const auto* from = reinterpret_cast<const uint8_t*>(&in_memory_order);
    self().walk(offset, 2, [&](uint8_t* data, uint32_t n) {
      std::memcpy(data, from, n);
      from += n;
    });
  }
  void sum(InetSum& sum, uint32_t offset, uint32_t count) const {
    self().walk(offset, count, [&](const uint8_t* data, uint32_t n) { sum.add(data, n); });
  }

 private:
  const Places& self() const { return *static_cast<const Places*>(this); }
};

// Pieces of `each` bytes in a row, the last one shorter. Offset 0 is `skipped` bytes into the first.
class PieceBytes : public ScatteredBytes<PieceBytes> {
 public:
  PieceBytes(uint8_t* const* pieces, uint32_t each, uint32_t total, uint32_t skipped)
      : pieces_(pieces), each_(each), skipped_(skipped), length_(total - skipped) {}

  uint32_t length() const { return length_; }
  template <typename Visit>
  void walk(uint32_t offset, uint32_t count, Visit visit) const {
    for (offset += skipped_; count != 0;) {
      const uint32_t within = offset % each_;
      const uint32_t here = each_ - within < count ? each_ - within : count;
      visit(pieces_[offset / each_] + within, here);
      offset += here;
      count -= here;
    }
  }

 private:
  uint8_t* const* pieces_;
  uint32_t each_, skipped_, length_;
};

class ChainBytes : public ScatteredBytes<ChainBytes> {
 public:
  // Lengths are taken from the segments, never from pkt_len.
  explicit ChainBytes(const struct rte_mbuf* first) : first_(first) {
    for (const struct rte_mbuf* m = first; m != nullptr; m = m->next) length_ += m->data_len;
  }

  uint32_t length() const { return length_; }
  template <typename Visit>
  void walk(uint32_t offset, uint32_t count, Visit visit) const {
    for (const struct rte_mbuf* m = first_; m != nullptr && count != 0; m = m->next) {
      if (offset >= m->data_len) {
        offset -= m->data_len;
        continue;
      }
      const uint32_t here = m->data_len - offset < count ? m->data_len - offset : count;
      visit(rte_pktmbuf_mtod_offset(m, uint8_t*, offset), here);
      count -= here;
      offset = 0;
    }
  }

 private:
  const struct rte_mbuf* first_;
  uint32_t length_ = 0;
};

}  // namespace zcnbrh::pmd
