// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The shapes in which an application may hand over the bytes of a packet.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <random>
#include <vector>

namespace zcnbrh::testing {

using Bytes = std::vector<uint8_t>;

enum class Shape {
  kDirect,
  kNoHeadroom,  // direct, the data at the buffer's start
  kChain,       // segments of any length, the headers cut anywhere
  kIndirect,    // the data is another mbuf's
  kShared,      // referred to twice
  kForeign,     // of a pool that is not the queue's
  kForeignChain,
  kExternal,  // the data is in memory of the application's
  kCount
};
const char* to_string(Shape shape);

// Makes mbufs of any shape and watches the data that the driver must not write.
class MbufMaker {
 public:
  MbufMaker(rte_mempool* pool, rte_mempool* foreign) : pool_(pool), foreign_(foreign) {}

  // nullptr: the pools are empty. Whoever sends it frees it, as any mbuf.
  rte_mbuf* make(const Bytes& bytes, Shape shape, std::mt19937& random);

  // True if the shared data of the packets made so far, and what lies before it in its buffer, is as it was;
  // gives up our references to it.
  bool untouched();
  // Packets in the application's own memory that were freed with a byte of it changed, of all makers.
  static int written_external();

 private:
  struct Watched {
    rte_mbuf* owner;
    Bytes before;  // from the buffer's start
    Bytes bytes;
  };
  rte_mbuf* segment(rte_mempool* pool, const uint8_t* bytes, size_t length, bool headroom);
  rte_mbuf* chain(rte_mempool* pool, const Bytes& bytes, std::mt19937& random);

  rte_mempool* pool_;
  rte_mempool* foreign_;
  std::vector<Watched> watched_;
};

}  // namespace zcnbrh::testing
