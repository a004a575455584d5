// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A queue's state is split: shared (no pointers) and per process (where the rings are mapped). So a second
// local half, with the shared state and the rings mapped at other addresses, is as good as the first. Here
// both live in one process and take turns, as two processes that hand a queue to and fro would.
#include <gtest/gtest.h>

#include "tests/support/memfd.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr size_t kStateBytes = 64 * 1024;
constexpr size_t kTxState = 16 * 1024;  // byte offsets in the state file
constexpr size_t kOwners = 32 * 1024;
constexpr uint32_t kFrames = 256;

// Shared state, UMEM and rings as one process has them mapped.
struct View {
  Mapping state;
  Mapping umem;
  std::vector<Mapping> rings;
  RxLocal rx;
  TxLocal tx;

  RxShared* rx_shared() const { return reinterpret_cast<RxShared*>(state.data()); }
  TxShared* tx_shared() const { return reinterpret_cast<TxShared*>(state.data() + kTxState); }
  Ledger frames() const { return Ledger(state.data() + kOwners, nullptr, 0, kFrames); }
};

Mapping map_file(int fd, size_t length, uint64_t offset) {
  return Mapping::create(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset).value();
}

template <typename Desc>
void remap(View& view, int fd, uint64_t page_offset, const struct xdp_ring_offset& at, RingMap<Desc>& map) {
  view.rings.push_back(map_file(fd, at.desc + uint64_t{map.size()} * sizeof(Desc), page_offset));
  uint8_t* base = view.rings.back().data();
  map.producer = reinterpret_cast<uint32_t*>(base + at.producer);
  map.consumer = reinterpret_cast<uint32_t*>(base + at.consumer);
  map.flags = reinterpret_cast<uint32_t*>(base + at.flags);
  map.descs = reinterpret_cast<Desc*>(base + at.desc);
}

// A second local half from what a process can be given: file descriptors, offsets and plain numbers.
void build_second_half(View& view, const QueuePair& pair, const View& first, LoopKernel& kernel) {
  struct xdp_mmap_offsets offsets {};
  socklen_t length = sizeof offsets;
  const int fd = pair.socket().fd();
  ASSERT_EQ(kernel.getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &length), 0);
  view.rx = first.rx;
  view.tx = first.tx;
  view.rx.s = view.rx_shared();
  view.tx.s = view.tx_shared();
  view.tx.bounce_base = view.umem.data();
  view.rx.frames = view.frames();
  view.tx.frames = view.frames();
  view.rx.wake = view.tx.wake = kernel.wake(fd);
  remap(view, fd, XDP_UMEM_PGOFF_FILL_RING, offsets.fr, view.rx.fill);
  remap(view, fd, XDP_PGOFF_RX_RING, offsets.rx, view.rx.rx);
  remap(view, fd, XDP_PGOFF_TX_RING, offsets.tx, view.tx.tx);
  remap(view, fd, XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr, view.tx.completion);
  view.rx.tx_watch = view.tx.tx;
}

class Remap : public ::testing::Test {
 protected:
  void SetUp() override {
    state_ = MemoryFile::make(kStateBytes);
    umem_file_ = MemoryFile::make(kFrames * 2048);
    for (View* view : {&views_[0], &views_[1]}) {
      view->state = map_file(state_.fd.get(), kStateBytes, 0);
      view->umem = map_file(umem_file_.fd.get(), kFrames * 2048, 0);
    }
    ASSERT_NE(views_[0].state.data(), views_[1].state.data());
    UmemLayout layout;
    layout.base = views_[0].umem.data();
    layout.size = views_[0].umem.size();
    layout.chunk_size = 2048;
    umem_.emplace(layout);
    open();
  }

  // Whichever half moved a frame last, the ledger and the queue's counts agree at the end.
  void TearDown() override {
    const View& view = views_[1];
    pair_.disable(XskMap(ifindex_, 1));
    EXPECT_TRUE(pair_.release(100));
    EXPECT_EQ(view.frames().count(rx_posted(1)), view.rx_shared()->posted.get());
    EXPECT_EQ(view.frames().count(tx_in_flight(1)), view.tx_shared()->in_flight.get());
    EXPECT_EQ(pool_.size() + view.rx_shared()->posted.get() + view.tx_shared()->in_flight.get(), kFrames);
    EXPECT_EQ(view.rx_shared()->count.violations.get() + view.tx_shared()->count.violations.get(), 0U);
    EXPECT_EQ(kernel_.sockets(), 0U);
  }

  void open() {
    new (views_[0].state.data()) RxShared();
    new (views_[0].state.data() + kTxState) TxShared();
    QueuePlan plan;
    plan.rings = {64, 64, 64, 64};
    plan.nb_rx = plan.nb_tx = 64;
    plan.slot = 1;
    plan.rx_shared = views_[0].rx_shared();
    plan.tx_shared = views_[0].tx_shared();
    plan.frames = views_[0].frames();
    plan.rx_max_length = 1792;
    auto made = QueuePair::create(kernel_, *umem_, plan);
    ASSERT_TRUE(made);
    pair_ = std::move(*made);
    RxPolicy policy{pool_};
    refill(pair_.rx(), policy);
    BindRequest request;
    request.ifindex = ifindex_ = kernel_.port("a", "").value();
    ASSERT_TRUE(pair_.bind(request) && pair_.enable(XskMap(ifindex_, 1)));
    views_[0].rx = pair_.rx();
    views_[0].tx = pair_.tx();
    build_second_half(views_[1], pair_, views_[0], kernel_);
  }

  uint32_t send(View& view, uint64_t first, uint32_t count) {
    std::vector<Frame> packets;
    for (uint32_t i = 0; i < count; ++i) {
      Frame frame;
      if (pool_.take(&frame.chunk, 1) == 0) break;
      frame.length = 60 + static_cast<uint32_t>(first + i) % 1000;
      const auto content = numbered(first + i, frame.length);
      std::memcpy(view.umem.data() + raw(frame.chunk), content.data(), content.size());
      packets.push_back(frame);
    }
    TxPolicy policy{pool_, view.umem.data()};
    const uint32_t taken = tx_burst(view.tx, policy, packets.data(), static_cast<uint32_t>(packets.size()));
    for (size_t i = taken; i < packets.size(); ++i) pool_.put(packets[i].chunk);
    return taken;
  }
  // Returns how many came; each must be the next one.
  uint32_t receive(View& view, uint64_t next) {
    std::vector<Frame> out(32);
    RxPolicy policy{pool_};
    const uint32_t got = rx_burst(view.rx, policy, out.data(), 32);
    for (uint32_t i = 0; i < got; ++i) {
      EXPECT_EQ(number_in({view.umem.data() + raw(out[i].chunk) + out[i].offset, out[i].length}),
                static_cast<int64_t>(next + i));
      pool_.put(out[i].chunk);
    }
    return got;
  }

  FakeKernel kernel_;
  MemoryFile state_, umem_file_;
  View views_[2];
  std::optional<Umem> umem_;
  TestPool pool_{kFrames, 2048};
  QueuePair pair_;
  int ifindex_ = 0;
};

TEST_F(Remap, BurstsAtTwoAddressesTakeTurnsAndLoseNothing) {
  uint64_t sent = 0, received = 0;
  for (uint32_t round = 0; round < 2000 && !HasFailure(); ++round) {
    sent += send(views_[round % 2], sent, 1 + round % 20);
    received += receive(views_[(round / 2) % 2], received);
  }
  while (received < sent && !HasFailure()) {
    const uint32_t got = receive(views_[0], received);
    ASSERT_GT(got, 0U);
    received += got;
  }
  EXPECT_GT(sent, 15000U);
  EXPECT_EQ(received, sent);
}

TEST_F(Remap, CountsAndCreditsAreTheSameSeenFromEither) {
  const uint32_t sent = send(views_[1], 0, 10);
  ASSERT_EQ(sent, 10U);
  EXPECT_EQ(views_[0].tx_shared()->in_flight.get(), 10U);
  EXPECT_EQ(views_[0].tx_shared()->count.packets.get(), 10U);
  EXPECT_EQ(receive(views_[1], 0), 10U);
  EXPECT_EQ(views_[0].rx_shared()->count.packets.get(), 10U);
  EXPECT_EQ(views_[0].rx_shared()->posted.get(), views_[1].frames().count(rx_posted(1)));
}

TEST_F(Remap, TheSecondHalfLivesOnWhenTheFirstOnesSharedStateIsUnmapped) {
  uint64_t sent = send(views_[0], 0, 10);
  views_[0].state.reset();
  uint64_t received = receive(views_[1], 0);
  sent += send(views_[1], sent, 10);
  received += receive(views_[1], received);
  EXPECT_EQ(received, sent);
  EXPECT_EQ(sent, 20U);
}

}  // namespace
}  // namespace zcnbrh::testing
