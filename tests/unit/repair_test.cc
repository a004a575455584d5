// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// A process dies inside a burst: at every step at which a burst calls out of itself, in a real child process
// that has state, UMEM, rings and pool in shared memory. Afterwards the queue is repaired and goes on: every
// later packet comes once and in order, no frame is in two places, and what is missing is what the dead
// process had in its hands.
#include "lib/xsk/repair.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <list>
#include <set>

#include "tests/support/memfd.h"
#include "tests/support/queue_test.h"

namespace zcnbrh::testing {
namespace {

constexpr uint32_t kFrames = 256;
constexpr uint32_t kChunk = 2048;
constexpr uint32_t kRing = 64;
constexpr uint32_t kBounce = 8;  // the last frames of the UMEM
constexpr uint32_t kBurst = 16;

// All that is not the kernel's, in one shared mapping.
struct SharedState {
  RxShared rx;
  TxShared tx;
  uint64_t bounce_stack[kBounce];
  uint8_t owners[kFrames];
  uint32_t free = 0;
  uint64_t pool[kFrames];
  int fuse = 0;  // calls that are left until the child dies; 0: none

  void step() {
    if (fuse != 0 && --fuse == 0) ::_exit(0);
  }
  // A pool that is whole at each instruction, as no mempool has to be.
  void put(ChunkOffset chunk) {
    pool[free] = raw(chunk);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    free = free + 1;
  }
  uint32_t take(ChunkOffset* out, uint32_t count) {
    uint32_t n = 0;
    for (; n < count && free != 0; ++n) {
      out[n] = ChunkOffset{pool[free - 1]};
      std::atomic_signal_fence(std::memory_order_seq_cst);
      free = free - 1;
    }
    return n;
  }
};

struct DeadlyRx {
  using Packet = Frame;
  SharedState* s;

  void prefetch(ChunkOffset /*chunk*/) const {}
  void deliver(Frame& out, ChunkOffset chunk, uint64_t data, uint32_t length) {
    s->step();
    out = {chunk, static_cast<uint32_t>(data - raw(chunk)), length};
  }
  void give_back(ChunkOffset chunk) {
    s->step();
    s->put(chunk);
  }
  uint32_t allocate(ChunkOffset* chunks, uint32_t count) {
    s->step();
    const uint32_t n = s->take(chunks, count);
    s->step();
    return n;
  }
};

struct DeadlyTx {
  using Packet = Frame;
  SharedState* s;
  uint8_t* base;

  TxPlan plan(const Frame& frame, uint32_t /*max_length*/) {
    s->step();
    if (frame.outside != nullptr) return {TxVerdict::kBounce, frame.length, {}, 0};
    return {TxVerdict::kByAddress, frame.length, frame.chunk, frame.offset};
  }
  void copy_out(const Frame& frame, uint8_t* to) {
    s->step();
    std::memcpy(to, frame.outside, frame.length);
  }
  void done(Frame& /*frame*/) { s->step(); }
  void completed(const ChunkOffset* chunks, uint32_t count) {
    s->step();
    for (uint32_t i = 0; i < count; ++i) s->put(chunks[i]);
  }
};

// Keeps this process, and the children that it makes meanwhile, on the CPU where it is: a step of a traced
// child is two switches, and from one CPU to another each would wake a sleeping one.
class OneCpu {
 public:
  OneCpu() {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(::sched_getcpu(), &here);
    if (::sched_getaffinity(0, sizeof(before_), &before_) == 0) ::sched_setaffinity(0, sizeof(here), &here);
  }
  ~OneCpu() { ::sched_setaffinity(0, sizeof(before_), &before_); }
  OneCpu(const OneCpu&) = delete;
  OneCpu& operator=(const OneCpu&) = delete;

 private:
  cpu_set_t before_{};
};

class Repair : public ::testing::Test {
 protected:
  void open(bool unaligned = false) {
    state_file_ = MemoryFile::make(align_up(sizeof(SharedState), kPageSize));
    umem_file_ = MemoryFile::make(kFrames * kChunk);
    s_ = new (state_file_.data()) SharedState();
    UmemLayout layout;
    layout.base = umem_file_.data();
    layout.size = kFrames * kChunk;
    layout.chunk_size = kChunk;
    layout.unaligned = unaligned;
    umem_.emplace(layout);
    for (uint32_t i = 0; i < kFrames - kBounce; ++i) s_->pool[s_->free++] = uint64_t{i} * kChunk;
    std::vector<ChunkOffset> bounce;
    for (uint32_t i = kFrames - kBounce; i < kFrames; ++i) bounce.push_back(ChunkOffset{uint64_t{i} * kChunk});
    QueuePlan plan;
    plan.rings = {kRing, kRing, kRing, kRing};
    plan.nb_rx = plan.nb_tx = kRing;
    plan.slot = 1;
    plan.rx_shared = &s_->rx;
    plan.tx_shared = &s_->tx;
    plan.frames = Ledger(s_->owners, nullptr, 0, kFrames - kBounce);
    plan.bounce =
        Ledger(s_->owners + kFrames - kBounce, nullptr, uint64_t{kFrames - kBounce} * kChunk, kBounce);
    plan.bounce_frames = bounce;
    plan.rx_max_length = kChunk - 256;
    auto made = QueuePair::create(kernel_, *umem_, plan);
    ASSERT_TRUE(made);
    pair_.emplace(std::move(*made));
    DeadlyRx policy{s_};
    refill(pair_->rx(), policy);
    BindRequest request;
    request.ifindex = ifindex_ = kernel_.port("a", "").value();
    ASSERT_TRUE(pair_->bind(request) && pair_->enable(XskMap(ifindex_, 1)));
  }

  void close() {
    pair_->disable(XskMap(ifindex_, 1));
    EXPECT_TRUE(pair_->release(100));
    pair_.reset();
  }

  // Numbered packets from the pool, every eighth from elsewhere, so by bounce copy.
  std::vector<Frame> prepare(uint32_t count) {
    std::vector<Frame> packets;
    outside_.clear();
    for (uint32_t i = 0; i < count && s_->free != 0; ++i) {
      const auto content = numbered(sent_ + i, 60 + (sent_ + i) % 500);
      Frame frame;
      frame.length = static_cast<uint32_t>(content.size());
      if ((sent_ + i) % 8 == 7) {
        outside_.push_back(content);
        frame.outside = outside_.back().data();
      } else {
        s_->take(&frame.chunk, 1);
        std::memcpy(umem_file_.data() + raw(frame.chunk), content.data(), content.size());
      }
      packets.push_back(frame);
    }
    return packets;
  }
  uint32_t burst(std::vector<Frame>& packets) {
    DeadlyTx policy{s_, umem_file_.data()};
    return tx_burst(pair_->tx(), policy, packets.data(), static_cast<uint32_t>(packets.size()));
  }
  uint32_t send(uint32_t count) {
    std::vector<Frame> packets = prepare(count);
    const uint32_t taken = burst(packets);
    for (size_t i = taken; i < packets.size(); ++i)
      if (packets[i].outside == nullptr) s_->put(packets[i].chunk);
    sent_ += taken;
    return taken;
  }

  uint32_t burst_in(Frame* out, uint32_t count) {
    DeadlyRx policy{s_};
    return rx_burst(pair_->rx(), policy, out, count);
  }
  uint32_t receive(uint32_t count = kBurst) {
    std::vector<Frame> out(count);
    const uint32_t got = burst_in(out.data(), count);
    for (uint32_t i = 0; i < got; ++i) {
      seen_.push_back(number_in({umem_file_.data() + raw(out[i].chunk) + out[i].offset, out[i].length}));
      s_->put(out[i].chunk);
    }
    return got;
  }

  // Rings are not for children, else.
  template <typename Desc>
  static void let_child_have(const RingMap<Desc>& ring) {
    const uintptr_t start = align_down(reinterpret_cast<uintptr_t>(ring.producer), kPageSize);
    const uintptr_t end = reinterpret_cast<uintptr_t>(ring.descs + ring.size());
    ASSERT_EQ(::madvise(reinterpret_cast<void*>(start), end - start, MADV_DOFORK), 0);
  }

  // In a child that dies at its `fuse`th step. False: it came to its end before.
  bool dies(int fuse, const std::function<void()>& burst) {
    let_child_have(pair_->rx().rx);
    let_child_have(pair_->rx().fill);
    let_child_have(pair_->tx().tx);
    let_child_have(pair_->tx().completion);
    s_->fuse = fuse;
    const pid_t child = ::fork();
    if (child == 0) {
      pair_->rx().door.open();
      pair_->tx().door.open();
      burst();
      ::_exit(1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "the child ended by signal " << WTERMSIG(status);
    const bool died = s_->fuse == 0 && WEXITSTATUS(status) == 0;
    s_->fuse = 0;
    return died;
  }

  // The same, killed after `steps` machine instructions. Sets it to those that were left at the child's own
  // end.
  bool dies_after(uint32_t& steps, const std::function<void()>& burst) {
    let_child_have(pair_->rx().rx);
    let_child_have(pair_->rx().fill);
    let_child_have(pair_->tx().tx);
    let_child_have(pair_->tx().completion);
    const OneCpu cpu;
    const pid_t child = ::fork();
    if (child == 0) {
      pair_->rx().door.open();
      pair_->tx().door.open();
      // The loop backend's kernel side works in the caller's memory, which dies with this child.
      pair_->tx().wake.kick_tx = [](void*) noexcept { return 0; };
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      burst();
      ::_exit(1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    uint32_t left = steps;
    for (; left != 0 && WIFSTOPPED(status); --left) {
      if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) break;
      ::waitpid(child, &status, 0);
    }
    const bool died = WIFSTOPPED(status);
    if (died) {
      ::kill(child, SIGKILL);
      ::waitpid(child, &status, 0);
    } else {
      steps = left;
    }
    return died;
  }

  // Frames that are nowhere: neither in the pool nor marked as the queue's.
  uint32_t missing() const {
    const Ledger frames(s_->owners, nullptr, 0, kFrames - kBounce);
    return kFrames - kBounce - s_->free - frames.count(rx_posted(1)) - frames.count(tx_in_flight(1));
  }

  void check_pool() const {
    const Ledger frames(s_->owners, nullptr, 0, kFrames);
    std::set<uint64_t> inside;
    for (uint32_t i = 0; i < s_->free; ++i) {
      EXPECT_TRUE(inside.insert(s_->pool[i]).second)
          << "frame " << s_->pool[i] / kChunk << " is in the pool twice";
      EXPECT_EQ(frames.owner(ChunkOffset{s_->pool[i]}), Owner::kOurs);
    }
  }

  // After the crash: repaired, it carries packets for several laps of the rings, each once and in order.
  void goes_on(const std::vector<int64_t>& lost_allowed) {
    const Repaired rx = repair_rx(pair_->rx());
    DeadlyTx policy{s_, umem_file_.data()};
    repair_tx(pair_->tx(), policy);
    EXPECT_LE(rx.lost, kBurst);
    check_pool();
    for (uint32_t round = 0; round < 60; ++round) {
      EXPECT_GT(send(8) + receive(), 0U) << "the queue stands still";
    }
    while (receive() != 0) {
    }
    check_pool();
    std::set<int64_t> allowed(lost_allowed.begin(), lost_allowed.end());
    int64_t next = 0;
    for (const int64_t number : seen_) {
      for (; next < number; ++next) EXPECT_TRUE(allowed.contains(next)) << "packet " << next << " is lost";
      EXPECT_EQ(number, next);
      ++next;
    }
    EXPECT_EQ(s_->rx.count.violations.get() + s_->tx.count.violations.get(), 0U);
    EXPECT_LE(missing(), 2 * kRefillChunk);
    // The kernel has as many frames to receive into as before, and gives all back that were sent.
    EXPECT_EQ(repair::producer(pair_->rx().fill) - repair::consumer(pair_->rx().rx), kRing);
    send(0);
    EXPECT_EQ(s_->tx.in_flight.get(), 0U);
    EXPECT_EQ(repair::producer(pair_->tx().tx), repair::consumer(pair_->tx().completion));
    EXPECT_GE(s_->tx.bounce_count + kBurst / 8 + 1, kBounce);
  }

  FakeKernel kernel_;
  MemoryFile state_file_, umem_file_;
  SharedState* s_ = nullptr;
  std::optional<Umem> umem_;
  std::optional<QueuePair> pair_;
  int ifindex_ = 0;
  uint64_t sent_ = 0;
  std::vector<int64_t> seen_;
  std::list<std::vector<uint8_t>> outside_;
};

std::vector<int64_t> range(int64_t first, int64_t count) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(first + i);
  return out;
}

TEST_F(Repair, AReceiverDiesAtEveryStep) {
  bool died = true;
  int fuse = 1;
  for (; died; ++fuse) {
    sent_ = 0;
    seen_.clear();
    open();
    for (int i = 0; i < 3; ++i) send(10);
    receive(4);
    died = dies(fuse, [&] { receive(); });
    if (died) goes_on(range(4, kBurst));
    close();
    if (HasFailure()) FAIL() << "at step " << fuse;
  }
  EXPECT_GT(fuse, static_cast<int>(kBurst));  // each deliver() was one
}

TEST_F(Repair, ASenderDiesAtEveryStep) {
  bool died = true;
  int fuse = 1;
  for (; died; ++fuse) {
    sent_ = 0;
    seen_.clear();
    open();
    for (int i = 0; i < 4; ++i) send(10);  // past the drain mark: the next burst takes completions
    const auto before = static_cast<int64_t>(sent_);
    died = dies(fuse, [&] { send(kBurst); });
    // The dead process sent none of them; the numbers are given anew.
    if (died) goes_on(range(before, 0));
    close();
    if (HasFailure()) FAIL() << "at step " << fuse;
  }
  EXPECT_GT(fuse, static_cast<int>(kBurst));
}

// Stepping is slow, so a few dozen places spread over the burst. A sanitizer's burst is twenty times as long,
// and most of its places are the sanitizer's own.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint32_t kPlaces = 3;
#else
constexpr uint32_t kPlaces = 24;
#endif

TEST_F(Repair, AReceiverIsKilledAtAnyInstruction) {
  uint32_t length = UINT32_MAX;
  for (uint32_t place = 0; place <= kPlaces; ++place) {
    sent_ = 0;
    seen_.clear();
    open();
    for (int i = 0; i < 3; ++i) send(10);
    receive(4);
    std::vector<Frame> out(kBurst);
    uint32_t steps = place == 0 ? UINT32_MAX : static_cast<uint32_t>(uint64_t{length} * place / (kPlaces + 1));
    const bool died = dies_after(steps, [&] { burst_in(out.data(), kBurst); });
    EXPECT_EQ(died, place != 0);
    if (died) goes_on(range(4, kBurst));
    if (!died) length = UINT32_MAX - steps;
    close();
    if (HasFailure()) FAIL() << "at instruction " << steps << " of " << length;
  }
  EXPECT_GT(length, 500U);
}

TEST_F(Repair, ASenderIsKilledAtAnyInstruction) {
  uint32_t length = UINT32_MAX;
  for (uint32_t place = 0; place <= kPlaces; ++place) {
    sent_ = 0;
    seen_.clear();
    open();
    for (int i = 0; i < 4; ++i) send(10);
    const uint64_t before = sent_;
    std::vector<Frame> packets = prepare(kBurst);
    const uint32_t committed = repair::producer(pair_->tx().tx);
    uint32_t steps = place == 0 ? UINT32_MAX : static_cast<uint32_t>(uint64_t{length} * place / (kPlaces + 1));
    const bool died = dies_after(steps, [&] { burst(packets); });
    EXPECT_EQ(died, place != 0);
    if (died) {
      // Sent is what the ring was told of; what the child put there is in the rings, kicked or not.
      sent_ = before + repair::producer(pair_->tx().tx) - committed;
      goes_on({});
    }
    if (!died) length = UINT32_MAX - steps;
    close();
    if (HasFailure()) FAIL() << "at instruction " << steps << " of " << length;
  }
  EXPECT_GT(length, 500U);
}

// Elements of three chunks, each lent by three descriptors that name its start: completions of one are alike.
struct SplitTx : DeadlyTx {
  static uint32_t frame_slots(ChunkOffset /*frame*/) { return 3; }
};

TEST_F(Repair, AnElementOfSeveralDescriptorsIsNeverBackEarly) {
  constexpr uint32_t kElements = 12;
  uint32_t length = UINT32_MAX;
  for (uint32_t place = 0; place <= 3 * kPlaces; ++place) {
    open(true);
    TxLocal& tx = pair_->tx();
    tx.split_frames = true;
    SplitTx policy{{s_, umem_file_.data()}};
    TxRing ring(tx.tx, s_->tx.tx);
    const auto slots = ring.reserve(3 * kElements);
    std::set<uint64_t> elements;
    s_->free = 0;
    for (uint32_t i = 0; i < 3 * kElements; ++i) {
      const ChunkOffset element{uint64_t{100 + i / 3 * 3} * kChunk};  // nobody has those
      elements.insert(raw(element));
      ASSERT_TRUE(tx.frames.move(ledger_place(element, i % 3), Owner::kOurs, tx_in_flight(1)));
      slots[i] = {tx.format.encode(element, i % 3 * 1000), 60, 0};
    }
    ring.commit(3 * kElements);
    s_->tx.in_flight.set(3 * kElements);
    tx.wake.kick_tx(tx.wake.context);
    uint32_t steps =
        place == 0 ? UINT32_MAX : static_cast<uint32_t>(uint64_t{length} * place / (3 * kPlaces + 1));
    const bool died = dies_after(steps, [&] { drain(tx, policy, 32); });  // cut within an element
    EXPECT_EQ(died, place != 0);
    if (!died) length = UINT32_MAX - steps;
    repair_tx(tx, policy);
    // Whoever is in the pool now has no descriptor left.
    for (uint32_t i = 0; i < s_->free; ++i)
      for (uint32_t nth = 0; nth < 3; ++nth) {
        const ChunkOffset element{s_->pool[i]};
        EXPECT_EQ(tx.frames.of(element).owner(ledger_place(element, nth)), Owner::kOurs);
      }
    drain(tx, policy);
    EXPECT_EQ(s_->tx.count.violations.get(), 0U) << "a completion found its element given back";
    EXPECT_EQ(s_->tx.in_flight.get(), 0U);
    const std::set<uint64_t> back(s_->pool, s_->pool + s_->free);
    EXPECT_EQ(back.size(), s_->free) << "one is back twice";
    EXPECT_TRUE(std::includes(elements.begin(), elements.end(), back.begin(), back.end()));
    // Those of one chunk of completions went with the process, if it had told the ring and not the pool.
    EXPECT_GE(back.size(), died ? kElements - 32 / 3 : kElements);
    EXPECT_EQ(Ledger(s_->owners, nullptr, 0, kFrames).count(tx_in_flight(1)), 0U);
    close();
    if (HasFailure()) FAIL() << "at instruction " << steps << " of " << length;
  }
  EXPECT_GT(length, 500U);
}

// A process that is well repairs to the same state.
TEST_F(Repair, NothingIsChangedWhereNothingIsWrong) {
  open();
  for (int i = 0; i < 3; ++i) send(10);
  receive(4);
  const uint32_t posted = s_->rx.posted.get(), in_flight = s_->tx.in_flight.get();
  EXPECT_EQ(repair_rx(pair_->rx()).lost, 0U);
  DeadlyTx policy{s_, umem_file_.data()};
  EXPECT_EQ(repair_tx(pair_->tx(), policy).reclaimed, 0U);
  EXPECT_EQ(s_->rx.posted.get(), posted);
  EXPECT_EQ(s_->tx.in_flight.get(), in_flight);
  EXPECT_EQ(missing(), 4U - 4U);
  goes_on({});
  close();
}

}  // namespace
}  // namespace zcnbrh::testing
