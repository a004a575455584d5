// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The loop backend behaves as the kernel does in copy mode, also when the application does not.
#include "lib/xsk/loop_kernel.h"

#include <cerrno>
#include <thread>

#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

class Loop : public QueueTest {
 protected:
  TestQueue& open_on(const std::string& name, const std::string& peer, uint32_t queue = 0) {
    TestQueue& q = make_queue(make_umem());
    EXPECT_TRUE(q.open(port(name, peer), queue));
    return q;
  }
  // What arrives on `q` now, as text.
  static std::vector<std::string> arrived(TestQueue& q) {
    std::vector<std::string> out;
    const auto got = q.receive();
    out.reserve(got.size());
    for (const Frame& frame : got) out.push_back(q.text(frame));
    q.give_back(got);
    return out;
  }
  static bool send(TestQueue& q, const std::string& text) { return q.send({*q.make_packet(bytes(text))}) == 1; }
  using Texts = std::vector<std::string>;
};

TEST_F(Loop, FramesComeBackOnTheSameQueueOnly) {
  TestQueue& zero = open_on("a", "", 0);
  TestQueue& one = open_on("a", "", 1);
  ASSERT_TRUE(send(zero, "to zero") && send(one, "to one"));
  EXPECT_EQ(arrived(zero), Texts{"to zero"});
  EXPECT_EQ(arrived(one), Texts{"to one"});
}

TEST_F(Loop, FramesOfPairedPortsCross) {
  TestQueue& a = open_on("a", "b");
  TestQueue& b = open_on("b", "a");
  ASSERT_TRUE(send(a, "from a") && send(b, "from b"));
  EXPECT_EQ(arrived(a), Texts{"from b"});
  EXPECT_EQ(arrived(b), Texts{"from a"});
}

TEST_F(Loop, APeerThatComesLaterIsFound) {
  TestQueue& a = open_on("a", "b");
  ASSERT_TRUE(send(a, "into the void"));
  TestQueue& b = open_on("b", "a");
  ASSERT_TRUE(send(a, "hello"));
  EXPECT_EQ(arrived(b), Texts{"hello"});
  b.close();
  EXPECT_TRUE(send(a, "into the void"));
}

TEST_F(Loop, AQueueThatIsNotEnabledGetsNothing) {
  TestQueue& q = open_on("a", "");
  q.pair->disable(q.map());
  ASSERT_TRUE(send(q, "lost"));
  EXPECT_TRUE(arrived(q).empty());
  ASSERT_TRUE(q.pair->enable(q.map()));
  ASSERT_TRUE(send(q, "found"));
  EXPECT_EQ(arrived(q), Texts{"found"});
}

TEST_F(Loop, APortKeepsItsNumberAndItsPeer) {
  const int a = port("a", "b");
  EXPECT_EQ(port("a", "b"), a);
  EXPECT_NE(port("b", "a"), a);
  EXPECT_GE(a, LoopKernel::kFirstIfindex);
  const auto other = kernel_.port("a", "c");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, EEXIST);
}

TEST_F(Loop, TheKernelSideOfAQueueIsFoundByItsPortsName) {
  TestQueue& zero = open_on("a", "", 0);
  TestQueue& one = open_on("a", "", 1);
  EXPECT_EQ(kernel_.kernel_side("a", 0), kernel_.kernel_side(zero.pair->socket().fd()));
  EXPECT_EQ(kernel_.kernel_side("a", 1), kernel_.kernel_side(one.pair->socket().fd()));
  EXPECT_EQ(kernel_.kernel_side("a", 2), nullptr);
  EXPECT_EQ(kernel_.kernel_side("b", 0), nullptr);
  one.close();
  EXPECT_EQ(kernel_.kernel_side("a", 1), nullptr);
}

TEST(LoopKernel, RefusesBusyPollingUnlessAllowed) {
  LoopKernel kernel;
  const auto fd = kernel.socket(AF_XDP, SOCK_RAW, 0);
  ASSERT_TRUE(fd);
  const int value = 1;
  for (const int option : {SO_PREFER_BUSY_POLL, SO_BUSY_POLL, SO_BUSY_POLL_BUDGET}) {
    kernel.allow_busy_poll(false);
    EXPECT_EQ(kernel.setsockopt(fd->get(), SOL_SOCKET, option, &value, sizeof value), -ENOPROTOOPT);
    kernel.allow_busy_poll(true);
    EXPECT_EQ(kernel.setsockopt(fd->get(), SOL_SOCKET, option, &value, sizeof value), 0);
  }
  EXPECT_EQ(kernel.setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &value, sizeof value), -ENOPROTOOPT);
  kernel.before_close(fd->get());
}

TEST_F(Loop, WithoutABufferThePacketIsLostAndCountedAtTheReceiver) {
  TestQueue& a = open_on("a", "b");
  TestUmem& empty = make_umem();
  TestQueue& b = make_queue(empty);
  empty.pool.set_dry(true);
  ASSERT_TRUE(b.open(port("b", "a"), 0));
  ASSERT_TRUE(send(a, "x") && send(a, "y"));
  const auto statistics = b.pair->socket().statistics();
  ASSERT_TRUE(statistics);
  EXPECT_EQ(statistics->rx_dropped, 2U);
  EXPECT_EQ(statistics->rx_fill_ring_empty_descs, 2U);
  EXPECT_TRUE(arrived(b).empty());
}

TEST_F(Loop, AFullRxRingLosesThePacketButNotTheBuffer) {
  TestUmem& umem = make_umem();
  TestQueue& a = make_queue(umem, {.nb_rx = 128, .nb_tx = 64, .ring = 128});
  ASSERT_TRUE(a.open(port(), 0));
  LoopSocket& side = a.peer().socket();
  side.rx.mask = 7;  // a receiver with eight slots
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send(a, std::to_string(i)));
  EXPECT_EQ(a.pair->socket().statistics()->rx_ring_full, 2U);
  EXPECT_EQ(arrived(a).size(), 8U);
}

TEST_F(Loop, APacketLongerThanAChunkHasRoomIsDropped) {
  TestUmem& large = make_umem({.chunk = 4096});
  TestQueue& a = make_queue(large);
  ASSERT_TRUE(a.open(port("a", "b"), 0));
  TestQueue& b = open_on("b", "a");
  const uint32_t room = b.umem().umem.layout().rx_room();
  ASSERT_EQ(a.send({*a.make_packet(numbered(1, room + 1)), *a.make_packet(numbered(2, room))}), 2U);
  EXPECT_EQ(b.pair->socket().statistics()->rx_dropped, 1U);
  const auto got = b.receive();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].length, room);
  b.give_back(got);
}

TEST_F(Loop, InvalidTxDescriptorsAreSwallowedWithoutACompletion) {
  TestQueue& q = open_on("a", "");
  const uint64_t size = q.umem().umem.layout().size;
  const struct xdp_desc bad[] = {{0, 0, 0},     {0, 2049, 0},      {2000, 100, 0},
                                 {size, 10, 0}, {size - 5, 10, 0}, {~0ULL, 10, 0}};
  auto& tx = q.pair->tx();
  for (uint32_t i = 0; i < std::size(bad); ++i) tx.tx.descs[i] = bad[i];
  std::atomic_ref(*tx.tx.producer).store(std::size(bad), std::memory_order_release);
  EXPECT_EQ(tx.wake.kick_tx(tx.wake.context), 0);
  q.expected_invalid = std::size(bad);
  EXPECT_EQ(q.pair->socket().statistics()->tx_invalid_descs, std::size(bad));
  EXPECT_EQ(*tx.completion.producer, 0U);
  EXPECT_EQ(*tx.tx.consumer, std::size(bad));
}

TEST_F(Loop, FillAddressesOutsideTheUmemAreThrownAwayAndCounted) {
  TestQueue& q = make_queue(make_umem());
  ASSERT_TRUE(q.create());
  q.fill();
  const uint64_t good = q.pair->rx().fill.descs[0];
  q.pair->rx().fill.descs[0] = q.umem().umem.layout().size;
  ASSERT_TRUE(q.bind(port(), 0) && q.pair->enable(q.map()));
  ASSERT_TRUE(send(q, "takes the next buffer"));
  EXPECT_EQ(q.pair->socket().statistics()->rx_invalid_descs, 1U);
  EXPECT_EQ(arrived(q), Texts{"takes the next buffer"});
  EXPECT_EQ(q.umem().frames().owner(ChunkOffset{good}), rx_posted(1));
  q.expected_invalid = 1;
}

TEST_F(Loop, BindsAsTheKernelDoes) {
  TestQueue& bound = open_on("a", "");
  const int ifindex = port("a", "");
  const auto bind_new = [&](int to, uint32_t queue, uint16_t flags, int shared, bool umem) {
    auto socket = XskSocket::create(kernel_);
    TestUmem memory({});
    if (umem) {
      EXPECT_TRUE(memory.umem.register_on(kernel_, socket->fd()));
    }
    EXPECT_TRUE(socket->make_rings({64, 64, 64, 64}));
    return socket->bind(to, queue, flags, shared);
  };
  const int first = bound.pair->socket().fd();
  EXPECT_EQ(bind_new(ifindex, 0, XDP_COPY, -1, true), -EBUSY);
  EXPECT_EQ(bind_new(ifindex + 100, 0, XDP_COPY, -1, true), -ENODEV);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_COPY, -1, false), -EINVAL);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_ZEROCOPY, -1, true), -EOPNOTSUPP);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_SHARED_UMEM, first, true), -EINVAL);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_SHARED_UMEM | XDP_COPY, first, false), -EINVAL);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_SHARED_UMEM, 1 << 20, false), -EBADF);
  EXPECT_EQ(bind_new(ifindex, 1, XDP_SHARED_UMEM, first, false), 0);
}

TEST_F(Loop, AUmemIsRegisteredOnceASocket) {
  auto socket = XskSocket::create(kernel_);
  TestUmem& memory = make_umem();
  ASSERT_TRUE(socket && memory.umem.register_on(kernel_, socket->fd()));
  EXPECT_EQ(memory.umem.register_on(kernel_, socket->fd()).error().code, EBUSY);
}

TEST_F(Loop, AnUnboundSocketCannotBeKicked) {
  TestQueue& q = make_queue(make_umem());
  ASSERT_TRUE(q.create());
  EXPECT_EQ(q.pair->tx().wake.kick_tx(q.pair->tx().wake.context), -ENXIO);
}

// --- threads; TSan watches ---

TEST_F(Loop, TheReceiverMayCloseAndComeBackWhileTheOtherSends) {
  TestQueue& a = open_on("a", "b");
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    for (uint64_t n = 0; !stop; ++n) {
      const auto frame = a.make_packet(numbered(n, 64));
      if (frame && a.send({*frame}) == 0) a.give_back({*frame});
    }
  });
  for (int round = 0; round < 50; ++round) {
    TestUmem umem({});
    TestQueue b(kernel_, umem, {});
    EXPECT_TRUE(b.open(port("b", "a"), 0));
    for (int polls = 0; polls < 20; ++polls) {
      const auto got = b.receive();
      for (const Frame& frame : got) EXPECT_GE(number_in({umem.data(frame), frame.length}), 0);
      b.give_back(got);
    }
    b.close();
    EXPECT_EQ(umem.pool.size(), umem.shape().frames);
  }
  stop = true;
  sender.join();
}

TEST_F(Loop, TwoSendersToOneReceiverDoNotMix) {
  TestQueue& a = open_on("a", "c");
  TestQueue& b = open_on("b", "c");
  TestQueue& c = open_on("c", "");
  constexpr uint64_t kEach = 3000;
  const auto run = [](TestQueue& q, uint64_t first) {
    for (uint64_t n = first; n < first + kEach;) {
      const auto frame = q.make_packet(numbered(n, 64));
      if (!frame || q.send({*frame}) == 0) {
        if (frame) q.give_back({*frame});
        q.send({});  // an empty burst kicks and drains
        std::this_thread::yield();
        continue;
      }
      ++n;
    }
  };
  std::atomic<int> running{2};
  std::thread one([&] {
    run(a, 0);
    --running;
  });
  std::thread two([&] {
    run(b, kEach);
    --running;
  });
  uint64_t next[2] = {0, kEach};
  uint64_t received = 0, bad = 0;
  while (running != 0 || *c.pair->rx().rx.producer != *c.pair->rx().rx.consumer) {
    const auto got = c.receive();
    for (const Frame& frame : got) {
      const int64_t n = number_in({c.umem().data(frame), frame.length});
      uint64_t& expected = next[n >= static_cast<int64_t>(kEach)];
      bad +=
          n < 0 || static_cast<uint64_t>(n) < expected;  // some are lost for want of buffers, none out of order
      expected = static_cast<uint64_t>(n) + 1;
      ++received;
    }
    c.give_back(got);
  }
  one.join();
  two.join();
  EXPECT_EQ(bad, 0U);
  EXPECT_GT(received, 0U);
  a.send({});
  b.send({});
}

}  // namespace
}  // namespace zcnbrh::testing
