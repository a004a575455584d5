// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/socket.h"

#include <cerrno>

#include "lib/base/uapi_xdp.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr RingSizes kSizes = {128, 64, 256, 512};
using SocketTest = QueueTest;

TEST_F(SocketTest, MapsEachRingInItsOwnSizeAndEmpty) {
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->make_rings(kSizes));
  EXPECT_EQ(socket->fill().size(), 128U);
  EXPECT_EQ(socket->completion().size(), 64U);
  EXPECT_EQ(socket->rx().size(), 256U);
  EXPECT_EQ(socket->tx().size(), 512U);
  EXPECT_EQ(*socket->rx().producer, 0U);
  EXPECT_EQ(*socket->tx().consumer, 0U);
  socket->tx().descs[511] = {1, 2, 3};  // the last slot is mapped
}

TEST_F(SocketTest, ARingOfSizeZeroIsNotMade) {
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->make_rings({64, 64, 0, 64}));
  EXPECT_EQ(socket->rx().descs, nullptr);
  EXPECT_NE(socket->tx().descs, nullptr);
}

TEST_F(SocketTest, TakesTheLargestRing) {
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket->make_rings({65536, 65536, 65536, 65536}));
}

TEST_F(SocketTest, RingsThatAreNoPowerOfTwoOrTooLargeAreRefusedByName) {
  for (const uint32_t entries : {100U, 131072U}) {
    auto socket = XskSocket::create(kernel_);
    ASSERT_TRUE(socket);
    const Status s = socket->make_rings({64, 64, entries, 64});
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().code, EINVAL);
    EXPECT_STREQ(s.error().call, "setsockopt(XDP_RX_RING)");
  }
}

TEST_F(SocketTest, AKernelWithoutRingFlagsIsTooOld) {
  kernel_.old_mmap_offsets(true);
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket);
  const Status s = socket->make_rings(kSizes);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().why.find("5.4"), std::string::npos) << s.error().text();
}

TEST_F(SocketTest, SaysWhyThereIsNoSocket) {
  kernel_.fail(Call::kSocket, 1, EAFNOSUPPORT);
  const auto none = XskSocket::create(kernel_);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().why.find("CONFIG_XDP_SOCKETS"), std::string::npos);
  kernel_.fail(Call::kSocket, 1, EPERM);
  const auto forbidden = XskSocket::create(kernel_);
  ASSERT_FALSE(forbidden);
  EXPECT_NE(forbidden.error().why.find("CAP_NET_RAW"), std::string::npos);
}

TEST_F(SocketTest, EachFailureOfMakingRingsIsPassedOnWithItsCode) {
  for (const Call call : {Call::kSetsockopt, Call::kGetsockopt, Call::kMapRing}) {
    for (uint32_t nth = 1; nth <= (call == Call::kGetsockopt ? 1U : 4U); ++nth) {
      SCOPED_TRACE(::testing::Message() << to_string(call) << ' ' << nth);
      auto socket = XskSocket::create(kernel_);
      ASSERT_TRUE(socket);
      kernel_.fail(call, nth, ENOMEM);
      const Status s = socket->make_rings(kSizes);
      ASSERT_FALSE(s);
      EXPECT_EQ(s.error().code, ENOMEM);
    }
  }
}

TEST_F(SocketTest, CloseTakesEverythingDownAndMayBeRepeated) {
  const Resources before = Resources::now();
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket && socket->make_rings(kSizes));
  EXPECT_NE(Resources::now(), before);
  socket->close();
  socket->close();
  EXPECT_FALSE(*socket);
  EXPECT_EQ(socket->fill().descs, nullptr);
  EXPECT_EQ(Resources::now(), before);
  EXPECT_EQ(kernel_.sockets(), 0U);
}

TEST_F(SocketTest, MovingItMovesFdRingsAndTheFactThatItWasBound) {
  TestUmem& umem = make_umem();
  auto made = XskSocket::create(kernel_);
  ASSERT_TRUE(made && umem.umem.register_on(kernel_, made->fd()) && made->make_rings(kSizes));
  ASSERT_EQ(made->bind(port(), 0, XDP_COPY), 0);
  const int fd = made->fd();
  XskSocket moved = std::move(*made);
  EXPECT_FALSE(made->bound());
  EXPECT_EQ(moved.fd(), fd);
  EXPECT_TRUE(moved.bound());
  EXPECT_NE(moved.rx().descs, nullptr);
  XskSocket other = XskSocket::create(kernel_).value();
  other = std::move(moved);  // closes what it had
  EXPECT_EQ(other.fd(), fd);
  EXPECT_EQ(kernel_.sockets(), 1U);
}

TEST_F(SocketTest, ABindThatFailedDoesNotCountAsBound) {
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket && socket->make_rings(kSizes));
  EXPECT_EQ(socket->bind(port(), 0, XDP_COPY), -EINVAL);  // no UMEM
  EXPECT_FALSE(socket->bound());
}

TEST_F(SocketTest, ReadsTheModeBack) {
  kernel_.allow_zero_copy(true);
  TestUmem& umem = make_umem();
  auto socket = XskSocket::create(kernel_);
  ASSERT_TRUE(socket && umem.umem.register_on(kernel_, socket->fd()) && socket->make_rings(kSizes));
  EXPECT_EQ(socket->zero_copy(), false);
  ASSERT_EQ(socket->bind(port(), 0, XDP_ZEROCOPY), 0);
  EXPECT_EQ(socket->zero_copy(), true);
  kernel_.no_xdp_options(true);
  EXPECT_EQ(socket->zero_copy(), std::nullopt);
}

TEST_F(SocketTest, AllSixStatisticsAndOnOlderKernelsThree) {
  TestQueue& q = open_queue();
  Frame empty = *q.make_packet({});
  q.pair->tx().tx.descs[0] = {raw(empty.chunk), 0, 0};  // by hand: length 0, which the kernel swallows
  std::atomic_ref(*q.pair->tx().tx.producer).store(1, std::memory_order_release);
  q.pair->tx().wake.kick_tx(q.pair->tx().wake.context);
  q.expected_invalid = 1;
  q.give_back({empty});
  auto all = q.pair->socket().statistics();
  ASSERT_TRUE(all);
  EXPECT_EQ(all->known, 6U);
  EXPECT_EQ(all->tx_invalid_descs, 1U);
  EXPECT_EQ(all->tx_ring_empty_descs, 1U);
  kernel_.old_statistics(true);
  auto old = q.pair->socket().statistics();
  ASSERT_TRUE(old);
  EXPECT_EQ(old->known, 3U);
  EXPECT_EQ(old->tx_invalid_descs, 1U);
  EXPECT_EQ(old->tx_ring_empty_descs, 0U);
  kernel_.fail(Call::kGetsockopt, 1, EBADF);
  EXPECT_FALSE(q.pair->socket().statistics());
}

// Linux 6.8 to 6.10 know TX metadata without its flag.
TEST_F(SocketTest, RegistersTxMetadataWithTheFlagAndOnOlderKernelsWithout) {
  for (const bool old : {false, true}) {
    if (old) kernel_.fail(Call::kSetsockopt, 1, EINVAL, XDP_UMEM_REG);
    const uint32_t before = kernel_.registrations();
    TestQueue& q = open_queue({}, {.tx_metadata = 24});
    EXPECT_EQ(kernel_.registrations(), before + 1);
    EXPECT_EQ(kernel_.last_registration().tx_metadata_len, 24U);
    EXPECT_EQ((kernel_.last_registration().flags & uapi::kXdpUmemTxMetadataLen) != 0, !old);
    EXPECT_EQ(q.pair->tx().bounce_offset, 24U);
    q.close();
  }
  open_queue();
  EXPECT_EQ(kernel_.last_registration().tx_metadata_len, 0U);
  EXPECT_EQ(kernel_.last_registration().flags & uapi::kXdpUmemTxMetadataLen, 0U);
}

TEST(UmemLayoutCheck, SaysWhatTheKernelWouldOnlyRefuse) {
  alignas(4096) static uint8_t memory[8192];
  UmemLayout good;
  good.base = memory;
  good.size = sizeof memory;
  good.chunk_size = 2048;
  EXPECT_TRUE(check_layout(good));
  const auto refused = [&](auto edit) {
    UmemLayout bad = good;
    edit(bad);
    const Status s = check_layout(bad);
    return !s && s.error().code == EINVAL && !s.error().why.empty();
  };
  EXPECT_TRUE(refused([](UmemLayout& l) { l.base = nullptr; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.base += 64; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.size = 0; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.size -= 1024; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.chunk_size = 1024; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.chunk_size = 8192; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.chunk_size = 3000; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.headroom = 2048 - 256; }));
  EXPECT_TRUE(refused([](UmemLayout& l) { l.headroom = 0xFFFFFFFF; }));
  EXPECT_FALSE(refused([](UmemLayout& l) {
    l.chunk_size = 3000;
    l.unaligned = true;
  }));
}

}  // namespace
}  // namespace zcnbrh::testing
