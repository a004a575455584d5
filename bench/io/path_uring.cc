// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The same UDP socket by io_uring: one multishot receive into provided buffers (Linux 6.0) and sends by the
// batch, one system call for a batch of either. Completions come at our own call (DEFER_TASKRUN, Linux 6.1),
// which is io_uring's best setting for one thread.
#include <liburing.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "bench/io/path.h"
#include "bench/io/udp_socket.h"

namespace zcnbrh::bench {
namespace {

constexpr uint32_t kBuffers = 1024;  // provided ones; a power of two
constexpr size_t kBuffer = 2048;
constexpr int kGroup = 1;
constexpr uint64_t kReceive = 1, kSend = 2;

class UringPath final : public Path {
 public:
  explicit UringPath(const PathOptions& options) : socket_(connected_udp_socket()) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 4096;
    if (const int r = ::io_uring_queue_init_params(256, &ring_, &params); r < 0) {
      errno = -r;
      fail_errno("io_uring");
    }
    if (!options.sends_only) provide_buffers();
    if (!options.sends_only) arm();
  }
  ~UringPath() override { ::io_uring_queue_exit(&ring_); }

  bool datagrams() const override { return true; }
  std::span<const Bytes> receive() override {
    collect();
    if (count_ == 0) {  // nothing known of yet: have the kernel do what it has put off
      ::io_uring_submit_and_get_events(&ring_);
      collect();
    }
    return {packets_.data(), count_};
  }
  void release() override { give_back(); }
  void send_back() override {
    for (uint32_t i = 0; i < count_; ++i) queue_send(packets_[i]);
    finish_sends(count_);
    give_back();
  }
  uint32_t send(std::span<const std::byte> packet) override {
    for (uint32_t i = 0; i < kBatch; ++i) queue_send(packet);
    return finish_sends(kBatch);
  }
  void wait(int milliseconds) override {
    __kernel_timespec patience{0, milliseconds * 1'000'000};
    io_uring_cqe* first = nullptr;
    ::io_uring_submit_and_wait_timeout(&ring_, &first, 1, &patience, nullptr);
  }

 private:
  void provide_buffers() {
    memory_.resize(kBuffers * kBuffer);
    ring_memory_.reset(::aligned_alloc(4096, kBuffers * sizeof(io_uring_buf)));
    io_uring_buf_reg wanted{};
    wanted.ring_addr = reinterpret_cast<uint64_t>(ring_memory_.get());
    wanted.ring_entries = kBuffers;
    wanted.bgid = kGroup;
    if (const int r = ::io_uring_register_buf_ring(&ring_, &wanted, 0); r < 0) {
      errno = -r;
      fail_errno("io_uring provided buffers");
    }
    ::io_uring_buf_ring_init(buffers());
    for (uint32_t i = 0; i < kBuffers; ++i) provide(i, i);
    ::io_uring_buf_ring_advance(buffers(), kBuffers);
  }
  io_uring_buf_ring* buffers() { return static_cast<io_uring_buf_ring*>(ring_memory_.get()); }
  void provide(uint32_t buffer, uint32_t offset) {
    ::io_uring_buf_ring_add(buffers(), memory_.data() + buffer * kBuffer, kBuffer,
                            static_cast<uint16_t>(buffer), ::io_uring_buf_ring_mask(kBuffers),
                            static_cast<int>(offset));
  }
  io_uring_sqe* next_entry() {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
      ::io_uring_submit(&ring_);
      entry = ::io_uring_get_sqe(&ring_);
    }
    return entry;
  }
  void arm() {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_recv_multishot(entry, socket_.get(), nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = kGroup;
    ::io_uring_sqe_set_data64(entry, kReceive);
    ::io_uring_submit(&ring_);
  }
  void queue_send(std::span<const std::byte> packet) {
    io_uring_sqe* entry = next_entry();
    ::io_uring_prep_send(entry, socket_.get(), packet.data(), packet.size(), 0);
    ::io_uring_sqe_set_data64(entry, kSend);
  }
  // Waits until the kernel is done with all of them; received packets that turn up meanwhile stay in the queue.
  uint32_t finish_sends(uint32_t wanted) {
    uint32_t good = 0;
    uint32_t done = 0;
    ::io_uring_submit_and_get_events(&ring_);
    while (done < wanted) {
      io_uring_cqe* entry = nullptr;
      if (::io_uring_wait_cqe(&ring_, &entry) != 0) continue;
      if (::io_uring_cqe_get_data64(entry) == kSend) {
        ++done;
        good += entry->res >= 0;
      } else {
        set_aside(*entry);
      }
      ::io_uring_cqe_seen(&ring_, entry);
    }
    return good;
  }
  void set_aside(const io_uring_cqe& entry) {
    if ((entry.flags & IORING_CQE_F_MORE) == 0) armed_ = false;
    if (entry.res > 0)
      waiting_.push_back({entry.flags >> IORING_CQE_BUFFER_SHIFT, static_cast<uint32_t>(entry.res)});
  }
  void take(uint32_t buffer, uint32_t length) {
    taken_[count_] = buffer;
    packets_[count_++] = {memory_.data() + buffer * kBuffer, length};
  }
  void collect() {
    count_ = 0;
    io_uring_cqe* entry = nullptr;
    while (waiting_.size() < kBatch && ::io_uring_peek_cqe(&ring_, &entry) == 0) {
      if (::io_uring_cqe_get_data64(entry) == kReceive) set_aside(*entry);
      ::io_uring_cqe_seen(&ring_, entry);
    }
    uint32_t used = 0;
    while (used < waiting_.size() && count_ < kBatch) {
      take(waiting_[used].buffer, waiting_[used].length);
      ++used;
    }
    waiting_.erase(waiting_.begin(), waiting_.begin() + used);
  }
  void give_back() {
    for (uint32_t i = 0; i < count_; ++i) provide(taken_[i], i);
    ::io_uring_buf_ring_advance(buffers(), static_cast<int>(count_));
    count_ = 0;
    if (!armed_) {  // it ended for want of buffers
      armed_ = true;
      arm();
    }
  }

  struct Free {
    void operator()(void* memory) const { ::free(memory); }
  };
  struct Waiting {
    uint32_t buffer, length;
  };
  UniqueFd socket_;
  io_uring ring_{};
  std::vector<std::byte> memory_;
  std::unique_ptr<void, Free> ring_memory_;
  std::vector<Waiting> waiting_;
  std::array<uint32_t, kBatch> taken_{};
  std::array<Bytes, kBatch> packets_{};
  uint32_t count_ = 0;
  bool armed_ = true;
};

}  // namespace

std::unique_ptr<Path> open_uring(const PathOptions& options) { return std::make_unique<UringPath>(options); }

}  // namespace zcnbrh::bench
