// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "tests/dpdk/mbuf_shapes.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

namespace zcnbrh::testing {
namespace {

std::atomic<int> g_written_external{0};

constexpr size_t kBefore = 64;  // bytes of the memory before the packet

struct External {
  Bytes memory;
  Bytes original;  // what must be left of it
};

void forget(void* /*address*/, void* opaque) {
  const std::unique_ptr<External> external(static_cast<External*>(opaque));
  const Bytes& original = external->original;
  if (!std::equal(original.begin(), original.end(), external->memory.begin())) ++g_written_external;
}

rte_mbuf* external(rte_mempool* pool, const Bytes& bytes) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) return nullptr;
  auto* external = new External;
  Bytes& memory = external->memory;
  memory.assign(bytes.size() + 256 + sizeof(rte_mbuf_ext_shared_info) + 16, 0xa5);
  std::copy(bytes.begin(), bytes.end(), memory.begin() + kBefore);
  external->original.assign(memory.begin(), memory.begin() + static_cast<long>(bytes.size() + 2 * kBefore));
  auto length = static_cast<uint16_t>(memory.size());
  rte_mbuf_ext_shared_info* shared =
      rte_pktmbuf_ext_shinfo_init_helper(memory.data(), &length, forget, external);
  rte_pktmbuf_attach_extbuf(m, memory.data(), RTE_BAD_IOVA, length, shared);
  m->data_off = kBefore;
  m->data_len = static_cast<uint16_t>(bytes.size());
  m->pkt_len = m->data_len;
  return m;
}

}  // namespace

const char* to_string(Shape shape) {
  static constexpr const char* kNames[] = {"direct", "no headroom", "chain",         "indirect",
                                           "shared", "foreign",     "foreign chain", "external"};
  return kNames[static_cast<int>(shape)];
}

rte_mbuf* MbufMaker::segment(rte_mempool* pool, const uint8_t* bytes, size_t length, bool headroom) {
  rte_mbuf* m = rte_pktmbuf_alloc(pool);
  if (m == nullptr) return nullptr;
  if (!headroom) m->data_off = 0;
  std::memcpy(rte_pktmbuf_mtod(m, void*), bytes, length);
  m->data_len = static_cast<uint16_t>(length);
  m->pkt_len = m->data_len;
  return m;
}

rte_mbuf* MbufMaker::chain(rte_mempool* pool, const Bytes& bytes, std::mt19937& random) {
  rte_mbuf* first = nullptr;
  for (size_t at = 0; at < bytes.size();) {
    const bool in_headers = random() % 2 == 0;
    const size_t most = in_headers ? 1 + random() % 30 : 1 + random() % 700;
    const size_t length = std::min(most, bytes.size() - at);
    rte_mbuf* next = segment(pool, bytes.data() + at, length, random() % 4 != 0);
    if (next == nullptr || (first != nullptr && rte_pktmbuf_chain(first, next) != 0)) {
      rte_pktmbuf_free(next);
      rte_pktmbuf_free(first);
      return nullptr;
    }
    if (first == nullptr) first = next;
    at += length;
  }
  return first;
}

rte_mbuf* MbufMaker::make(const Bytes& bytes, Shape shape, std::mt19937& random) {
  switch (shape) {
    case Shape::kChain:
      return chain(pool_, bytes, random);
    case Shape::kForeignChain:
      return chain(foreign_, bytes, random);
    case Shape::kForeign:
      return segment(foreign_, bytes.data(), bytes.size(), true);
    case Shape::kExternal:
      return external(pool_, bytes);
    case Shape::kNoHeadroom:
      return segment(pool_, bytes.data(), bytes.size(), false);
    default:
      break;
  }
  rte_mbuf* m = segment(pool_, bytes.data(), bytes.size(), true);
  if (m == nullptr || shape == Shape::kDirect) return m;
  const auto* buffer = static_cast<const uint8_t*>(m->buf_addr);
  watched_.push_back({m, Bytes(buffer, buffer + m->data_off), bytes});
  if (shape == Shape::kShared) {
    rte_mbuf_refcnt_update(m, 1);
    return m;
  }
  return rte_pktmbuf_clone(m, pool_);
}

bool MbufMaker::untouched() {
  bool same = true;
  for (const Watched& w : watched_) {
    same &= w.owner->data_len == w.bytes.size() && w.owner->pkt_len == w.bytes.size() &&
            w.owner->data_off == w.before.size() &&
            std::memcmp(w.owner->buf_addr, w.before.data(), w.before.size()) == 0 &&
            std::memcmp(rte_pktmbuf_mtod(w.owner, void*), w.bytes.data(), w.bytes.size()) == 0;
    rte_pktmbuf_free(w.owner);
  }
  watched_.clear();
  return same;
}

int MbufMaker::written_external() { return g_written_external; }

}  // namespace zcnbrh::testing
