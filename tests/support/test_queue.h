// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A UMEM and a queue of a test's own, with everything a PMD or C library would supply: memory, ledgers, pool,
// shared state. Closing a queue checks the ledger against the queue's own counts and takes its frames back.
#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/xsk/queue_pair.h"
#include "tests/fakes/fake_kernel.h"
#include "tests/fakes/ring_peer.h"
#include "tests/support/test_pool.h"

namespace zcnbrh::testing {

struct FreeMemory {
  void operator()(void* memory) const { std::free(memory); }
};
// Heap memory, so that ASan sees a byte written past it. Zeroed.
template <typename T>
using HeapArray = std::unique_ptr<T, FreeMemory>;
HeapArray<uint8_t> heap_bytes(size_t alignment, size_t bytes);

struct UmemShape {
  uint32_t frames = 256;  // the application's
  uint32_t bounce = 8;    // ours, behind them
  uint32_t chunk = 2048;
  bool unaligned = false;
  uint32_t stride = 0;       // bytes from frame to frame; 0: the chunk size
  bool history = false;      // ledger=1
  uint32_t tx_metadata = 0;  // bytes before each packet to send
};

class TestUmem {
 public:
  explicit TestUmem(const UmemShape& shape);

  const UmemShape& shape() const { return shape_; }
  uint8_t* base() const { return memory_.get(); }
  uint8_t* data(const Frame& frame) const { return base() + raw(frame.chunk) + frame.offset; }
  Ledger frames() const;
  Ledger bounce() const;
  std::vector<ChunkOffset> bounce_chunks(uint32_t first, uint32_t count) const;

  Umem umem;
  TestPool pool;

 private:
  uint64_t tail() const { return uint64_t{shape_.frames} * shape_.stride; }

  UmemShape shape_;
  HeapArray<uint8_t> memory_;
  std::vector<uint8_t> owners_;
  std::vector<FrameHistory> history_;
};

struct QueueShape {
  uint32_t nb_rx = 64;
  uint32_t nb_tx = 64;
  uint32_t ring = 64;  // slots of each ring
  uint32_t slot = 1;
  uint32_t first_bounce = 0;  // of the UMEM's bounce frames
  uint32_t bounce = 8;
  uint32_t max_length = 0;  // 0: what fits
  bool stop_at_violation = false;
  bool split_frames = false;  // of a UMEM whose stride is longer than its chunks
};

class TestQueue {
 public:
  TestQueue(FakeKernel& kernel, TestUmem& umem, const QueueShape& shape);
  ~TestQueue() { close(); }
  TestQueue(const TestQueue&) = delete;
  TestQueue& operator=(const TestQueue&) = delete;

  QueuePlan plan() const;
  Status create();
  void fill();  // up to nb_rx, or what the pool has
  Status bind(int ifindex, uint32_t queue, const std::function<void(BindRequest&)>& edit = {});
  // create(), fill(), bind(), enable().
  Status open(int ifindex, uint32_t queue, const std::function<void(BindRequest&)>& edit = {});
  // Takes the queue down as a PMD does and reports a gtest failure for every frame that is not accounted for.
  void close();

  std::vector<Frame> receive(uint32_t count = 32);
  uint32_t send(std::vector<Frame> packets);
  // A frame of the pool with this content; nothing if the pool is empty.
  std::optional<Frame> make_packet(std::span<const uint8_t> content, uint32_t offset = 0);
  void give_back(const std::vector<Frame>& packets);
  std::string text(const Frame& frame) const;

  RingPeer peer() { return RingPeer(*kernel_.kernel_side(pair->socket().fd())); }
  RxShared& rx_shared() { return *reinterpret_cast<RxShared*>(rx_.get()); }
  TxShared& tx_shared() { return *reinterpret_cast<TxShared*>(tx_.get()); }
  uint32_t rx_posted_now() { return rx_shared().posted.get(); }
  uint32_t tx_in_flight_now() { return tx_shared().in_flight.get(); }
  TestUmem& umem() { return umem_; }
  const QueueShape& shape() const { return shape_; }
  XskMap map() const { return XskMap(ifindex_, 64); }

  std::optional<QueuePair> pair;
  RxPolicy rx_policy;
  TxPolicy tx_policy;
  uint64_t expected_violations = 0;
  uint64_t expected_invalid = 0;  // tx_invalid_descs and rx_invalid_descs together

 private:
  void reclaim();
  void check_statistics();

  FakeKernel& kernel_;
  TestUmem& umem_;
  QueueShape shape_;
  std::vector<ChunkOffset> bounce_chunks_;
  HeapArray<uint8_t> rx_;
  HeapArray<uint8_t> tx_;
  int ifindex_ = 0;
};

}  // namespace zcnbrh::testing
