// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/xsk/loop_kernel.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "lib/base/cacheline.h"
#include "lib/base/uapi_xdp.h"
#include "lib/xsk/segments.h"

namespace zcnbrh {
namespace {

// Ring layout within its mapping: each index on its own cache line, as the kernel's.
constexpr struct xdp_ring_offset kOffsets = {0, kCacheLine, 3 * kCacheLine, 2 * kCacheLine};
constexpr uint64_t kFileBytes = XDP_UMEM_PGOFF_COMPLETION_RING + (uint64_t{1} << 24);  // sparse

using LoopFill = KernelRing<RingSide::kConsumer, uint64_t>;
using LoopCompletion = KernelRing<RingSide::kProducer, uint64_t>;
using LoopRx = KernelRing<RingSide::kProducer, struct xdp_desc>;
using LoopTx = KernelRing<RingSide::kConsumer, struct xdp_desc>;

// What the kernel checks before it sends (xskq_cons_is_valid_desc() in net/xdp/xsk_queue.h).
bool valid(const UmemLayout& umem, const struct xdp_desc& desc) {
  const uint64_t data = AddressFormat::data(desc.addr);
  if (desc.len == 0 || desc.len > umem.chunk_size || data >= umem.size || data + desc.len > umem.size)
    return false;
  return umem.unaligned || data % umem.chunk_size + desc.len <= umem.chunk_size;
}

// One packet in the sender's UMEM: a run of valid descriptors.
struct LoopPacket {
  const UmemLayout& umem;
  SlotRun<struct xdp_desc> descs;
  uint32_t parts = 0;
  uint32_t length = 0;

  // `length` bytes from `from` on.
  void copy(uint32_t from, uint8_t* to, uint32_t bytes) const {
    for (uint32_t i = 0; i < parts && bytes != 0; ++i) {
      const uint32_t have = descs[i].len;
      if (from >= have) {
        from -= have;
        continue;
      }
      const uint32_t part = std::min(have - from, bytes);
      std::memcpy(to, umem.base + AddressFormat::data(descs[i].addr) + from, part);
      to += part;
      bytes -= part;
      from = 0;
    }
  }
};

// The next `count` chunks of the fill ring, and how many slots they take: addresses outside the UMEM are thrown
// away and counted, as the kernel does (xp_check_aligned() and its sibling in net/xdp/xsk_buff_pool.c). 0: not
// enough, and only bad addresses at the ring's head were taken.
uint32_t next_buffers(LoopSocket& to, LoopFill& fill, ChunkOffset* chunks, uint32_t count) {
  const auto buffers = fill.peek(to.fill.size());
  uint32_t found = 0, slots = 0, bad_at_head = 0;
  for (; found < count && slots < buffers.count(); ++slots) {
    chunks[found] = to.umem.format().chunk(buffers[slots]);
    if (raw(chunks[found]) + to.umem.chunk_size <= to.umem.size)
      ++found;
    else if (found == 0)
      ++bad_at_head;
  }
  if (found == count) {
    to.rx_invalid.add(slots - found);
    return slots;
  }
  to.rx_invalid.add(bad_at_head);
  fill.release(bad_at_head);
  return 0;
}

// One packet into the receiver, whole, or dropped and counted there: __xsk_rcv() in net/xdp/xsk.c.
void deliver(LoopSocket& to, const LoopPacket& packet) {
  const uint32_t room = to.umem.rx_room();
  const uint32_t frames = to.segments ? (packet.length + room - 1) / room : 1;
  ChunkOffset chunks[kMaxRxSegments];
  LoopFill fill(to.fill, to.fill_at);
  const uint32_t slots = frames <= kMaxRxSegments ? next_buffers(to, fill, chunks, frames) : 0;
  if (slots == 0) {
    to.rx_fill_empty.add(1);
    to.rx_dropped.add(1);
    return;
  }
  if (packet.length > frames * room) {
    to.rx_dropped.add(1);
    return;
  }
  LoopRx rx(to.rx, to.rx_at);
  const auto out = rx.reserve(frames);
  if (out.count() < frames) {
    to.rx_ring_full.add(1);
    return;
  }
  const uint32_t offset = to.umem.headroom + uapi::kXdpPacketHeadroom;
  for (uint32_t i = 0; i < frames; ++i) {
    const uint32_t length = std::min(packet.length - i * room, room);
    packet.copy(i * room, to.umem.base + raw(chunks[i]) + offset, length);
    out[i] = {to.umem.format().encode(chunks[i], offset), length, i + 1 < frames ? uapi::kXdpPktContd : 0};
  }
  fill.release(slots);
  rx.commit(frames);
}

// The packet at the TX ring's head. parts 0: its end is not there yet. False: a descriptor of it is invalid.
bool next_packet(const LoopSocket& s, LoopPacket& packet) {
  bool good = true;
  for (uint32_t i = 0; i < packet.descs.count(); ++i) {
    const struct xdp_desc desc = packet.descs[i];
    const bool more = (desc.options & uapi::kXdpPktContd) != 0;
    good = good && valid(s.umem, desc) && (s.segments || !more) && i < kCopySegments;
    packet.length += desc.len;
    if (more) continue;
    packet.parts = i + 1;
    return good;
  }
  return true;
}

// `to`: where the packets go; null: nowhere.
int send_to(LoopSocket& s, LoopSocket* to) {
  LoopTx tx(s.tx, s.tx_at);
  LoopCompletion completion(s.completion, s.completion_at);
  for (uint32_t n = 0; n < s.tx.size();) {
    LoopPacket packet{s.umem, tx.peek(s.tx.size())};
    if (packet.descs.count() == 0) {
      s.tx_empty.add(1);
      return 0;
    }
    const bool good = next_packet(s, packet);
    if (packet.parts == 0) return 0;
    if (n != 0 && n + packet.parts > s.kick_budget) return -EAGAIN;
    n += packet.parts;
    if (!good) {
      s.tx_invalid.add(packet.parts);
      tx.release(packet.parts);
      continue;
    }
    const auto done = completion.reserve(packet.parts);
    if (done.count() < packet.parts) return -EAGAIN;
    if (to != nullptr) deliver(*to, packet);
    for (uint32_t i = 0; i < packet.parts; ++i) done[i] = packet.descs[i].addr;
    completion.commit(packet.parts);
    tx.release(packet.parts);
  }
  return 0;
}

int send_all(LoopSocket& s) {
  LoopSocket* to = s.receiver.load(std::memory_order_acquire);
  if (to == nullptr || !to->enabled.load(std::memory_order_acquire)) return send_to(s, nullptr);
  if (to->receiving.test_and_set(std::memory_order_acquire)) return -EAGAIN;
  const int result = send_to(s, to);
  to->receiving.clear(std::memory_order_release);
  return result;
}

int loop_kick_tx(void* context) noexcept {
  auto& s = *static_cast<LoopSocket*>(context);
  if (s.kicking.test_and_set(std::memory_order_acquire)) return -EAGAIN;
  const int result = s.ifindex == 0 ? -ENXIO : s.tx.descs == nullptr ? -ENOBUFS : send_all(s);
  s.kicking.clear(std::memory_order_release);
  return result;
}

int loop_poke_rx(void* /*context*/) noexcept { return 0; }

// Nobody is inside this socket's kick and nobody gets in. Senders leave within one ring's work.
void hold(LoopSocket& s) {
  while (s.kicking.test_and_set(std::memory_order_acquire)) std::this_thread::yield();
}
void let_go(LoopSocket& s) { s.kicking.clear(std::memory_order_release); }

// The kernel's side of a ring at the mapping just made, unless it has one or the mapping is too small.
template <typename Desc>
void take_side(const Mapping& mapping, uint32_t entries, RingMap<Desc>& map) {
  if (map.descs != nullptr || entries == 0) return;
  if (mapping.size() < kOffsets.desc + uint64_t{entries} * sizeof(Desc)) return;
  map.producer = reinterpret_cast<uint32_t*>(mapping.data() + kOffsets.producer);
  map.consumer = reinterpret_cast<uint32_t*>(mapping.data() + kOffsets.consumer);
  map.flags = reinterpret_cast<uint32_t*>(mapping.data() + kOffsets.flags);
  map.descs = reinterpret_cast<Desc*>(mapping.data() + kOffsets.desc);
  map.mask = entries - 1;
}

bool is_busy_poll(int option) {
  return option == SO_PREFER_BUSY_POLL || option == SO_BUSY_POLL || option == SO_BUSY_POLL_BUDGET;
}

template <typename T>
int copy_out(const T& from, void* value, socklen_t* length) {
  if (*length < sizeof from) return -EINVAL;
  std::memcpy(value, &from, sizeof from);
  *length = sizeof from;
  return 0;
}

}  // namespace

LoopKernel& LoopKernel::instance() noexcept {
  // Never destroyed: threads may still send while the process exits.
  static LoopKernel& kernel = *new LoopKernel;
  return kernel;
}

Result<int> LoopKernel::port(const std::string& name, const std::string& peer) {
  const std::lock_guard guard(lock_);
  for (const auto& [ifindex, port] : ports_) {
    if (port.name != name) continue;
    if (port.peer != peer) return Error{EEXIST, "loop port", "port " + name + " has another peer"};
    return ifindex;
  }
  const int ifindex = kFirstIfindex + static_cast<int>(ports_.size());
  ports_[ifindex] = {name, peer};
  return ifindex;
}

LoopSocket* LoopKernel::find(int fd) {
  const auto at = sockets_.find(fd);
  return at == sockets_.end() ? nullptr : at->second.get();
}

LoopSocket* LoopKernel::kernel_side(int fd) {
  const std::lock_guard guard(lock_);
  return find(fd);
}

LoopSocket* LoopKernel::kernel_side(const std::string& port, uint32_t queue) {
  const std::lock_guard guard(lock_);
  for (const auto& [ifindex, made] : ports_)
    if (made.name == port) return bound_to(ifindex, queue);
  return nullptr;
}

size_t LoopKernel::sockets() const {
  const std::lock_guard guard(lock_);
  return sockets_.size();
}

LoopSocket* LoopKernel::bound_to(int ifindex, uint32_t queue) {
  for (const auto& [fd, s] : sockets_)
    if (ifindex != 0 && s->ifindex == ifindex && s->queue == queue) return s.get();
  return nullptr;
}

int LoopKernel::receiver_port(int ifindex) const {
  const auto own = ports_.find(ifindex);
  if (own == ports_.end()) return 0;
  if (own->second.peer.empty()) return ifindex;
  for (const auto& [other, port] : ports_)
    if (port.name == own->second.peer) return other;
  return 0;
}

// Sets every bound socket's receiver anew. Under the lock; a sender sees the old or the new one.
void LoopKernel::connect() {
  for (const auto& [fd, s] : sockets_) {
    LoopSocket* to = s->ifindex == 0 ? nullptr : bound_to(receiver_port(s->ifindex), s->queue);
    if (to != nullptr && to->rx.descs == nullptr) to = nullptr;
    if (s->receiver.load(std::memory_order_relaxed) == to) continue;
    hold(*s);
    s->receiver.store(to, std::memory_order_release);
    let_go(*s);
  }
}

Result<UniqueFd> LoopKernel::socket(int domain, int /*type*/, int /*protocol*/) noexcept {
  if (domain != AF_XDP) return Error{EAFNOSUPPORT, "loop socket", {}};
  UniqueFd fd(::memfd_create("zcnbrh-loop", MFD_CLOEXEC));
  if (!fd) return Error{errno, "memfd_create", {}};
  if (::ftruncate(fd.get(), static_cast<off_t>(kFileBytes)) != 0) return Error{errno, "ftruncate", {}};
  auto s = std::make_unique<LoopSocket>();
  s->fd = fd.get();
  const std::lock_guard guard(lock_);
  sockets_[fd.get()] = std::move(s);
  return fd;
}

int LoopKernel::register_umem(LoopSocket& s, const struct xdp_umem_reg& reg) {
  if (s.has_umem) return -EBUSY;
  s.umem.base = reinterpret_cast<uint8_t*>(reg.addr);
  s.umem.size = reg.len;
  s.umem.chunk_size = reg.chunk_size;
  s.umem.headroom = reg.headroom;
  s.umem.unaligned = (reg.flags & XDP_UMEM_UNALIGNED_CHUNK_FLAG) != 0;
  if (!check_layout(s.umem)) return -EINVAL;
  s.has_umem = true;
  return 0;
}

int LoopKernel::make_ring(LoopSocket& s, int name, uint32_t entries) {
  uint32_t* made = nullptr;
  switch (name) {
    case XDP_UMEM_FILL_RING:
      made = &s.fill_entries;
      break;
    case XDP_UMEM_COMPLETION_RING:
      made = &s.completion_entries;
      break;
    case XDP_RX_RING:
      made = &s.rx_entries;
      break;
    case XDP_TX_RING:
      made = &s.tx_entries;
      break;
    default:
      return -ENOPROTOOPT;
  }
  if (!is_power_of_two(entries) || *made != 0) return -EINVAL;
  *made = entries;
  return 0;
}

Result<Mapping> LoopKernel::map_ring(int fd, size_t length, uint64_t page_offset) noexcept {
  auto made = Kernel::map_ring(fd, length, page_offset);
  if (!made) return made;
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr) return made;
  switch (page_offset) {
    case XDP_UMEM_PGOFF_FILL_RING:
      take_side(*made, s->fill_entries, s->fill);
      break;
    case XDP_UMEM_PGOFF_COMPLETION_RING:
      take_side(*made, s->completion_entries, s->completion);
      break;
    case XDP_PGOFF_RX_RING:
      take_side(*made, s->rx_entries, s->rx);
      break;
    case XDP_PGOFF_TX_RING:
      take_side(*made, s->tx_entries, s->tx);
      if (s->tx.flags != nullptr)
        std::atomic_ref(*s->tx.flags).store(XDP_RING_NEED_WAKEUP, std::memory_order_relaxed);
      break;
    default:
      break;
  }
  return made;
}

int LoopKernel::setsockopt(int fd, int level, int name, const void* value, socklen_t length) noexcept {
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (level == SOL_SOCKET && busy_poll_ && is_busy_poll(name)) return 0;
  if (level != SOL_XDP) return -ENOPROTOOPT;
  if (s->ifindex != 0) return -EBUSY;
  if (name == XDP_UMEM_REG && length == sizeof(struct xdp_umem_reg)) {
    struct xdp_umem_reg reg;
    std::memcpy(&reg, value, sizeof reg);
    return register_umem(*s, reg);
  }
  uint32_t entries = 0;
  if (length != sizeof entries) return -EINVAL;
  std::memcpy(&entries, value, sizeof entries);
  return make_ring(*s, name, entries);
}

int LoopKernel::getsockopt(int fd, int level, int name, void* value, socklen_t* length) noexcept {
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (level != SOL_XDP) return -ENOPROTOOPT;
  switch (name) {
    case XDP_MMAP_OFFSETS:
      return copy_out(xdp_mmap_offsets{kOffsets, kOffsets, kOffsets, kOffsets}, value, length);
    case XDP_OPTIONS:
      return copy_out(xdp_options{s->zero_copy ? XDP_OPTIONS_ZEROCOPY : 0U}, value, length);
    case XDP_STATISTICS:
      return copy_out(xdp_statistics{s->rx_dropped.get(), s->rx_invalid.get(), s->tx_invalid.get(),
                                     s->rx_ring_full.get(), s->rx_fill_empty.get(), s->tx_empty.get()},
                      value, length);
    default:
      return -ENOPROTOOPT;
  }
}

int LoopKernel::bind(int fd, const struct sockaddr* address, socklen_t length) noexcept {
  struct sockaddr_xdp a {};
  if (length < sizeof a) return -EINVAL;
  std::memcpy(&a, address, sizeof a);
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr) return -EBADF;
  const int ifindex = static_cast<int>(a.sxdp_ifindex);
  if (s->ifindex != 0 || s->fill.descs == nullptr || s->completion.descs == nullptr) return -EINVAL;
  if (!ports_.contains(ifindex)) return -ENODEV;
  if (bound_to(ifindex, a.sxdp_queue_id) != nullptr) return -EBUSY;
  if ((a.sxdp_flags & XDP_SHARED_UMEM) != 0) {
    if (a.sxdp_flags != XDP_SHARED_UMEM) return -EINVAL;
    LoopSocket* first = find(static_cast<int>(a.sxdp_shared_umem_fd));
    if (first == nullptr || first->ifindex == 0) return -EBADF;
    if (s->has_umem) return -EINVAL;
    s->umem = first->umem;
    s->zero_copy = first->zero_copy;
    s->segments = first->segments;
  } else {
    if (!s->has_umem) return -EINVAL;
    // Marked before anything is refused, and for ever (XDP_UMEM_SG_FLAG), as the kernel does.
    s->segments = s->segments || (a.sxdp_flags & uapi::kXdpUseSg) != 0;
    const bool zero_copy = (a.sxdp_flags & XDP_ZEROCOPY) != 0;
    if (zero_copy && !zero_copy_) return -EOPNOTSUPP;
    if (zero_copy && (a.sxdp_flags & uapi::kXdpUseSg) != 0 && zc_max_segs_ <= 1) return -EOPNOTSUPP;
    s->zero_copy = zero_copy;
  }
  s->ifindex = ifindex;
  s->queue = a.sxdp_queue_id;
  connect();
  return 0;
}

void LoopKernel::before_close(int fd) noexcept {
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr) return;
  s->ifindex = 0;
  connect();  // nobody sends to it after this
  hold(*s);   // and it sends no more
  sockets_.erase(fd);
}

Wake LoopKernel::wake(int fd) noexcept {
  const std::lock_guard guard(lock_);
  return {find(fd), loop_kick_tx, loop_poke_rx, loop_kick_tx};
}

int LoopKernel::map_update(int map_fd, const void* key, const void* value) noexcept {
  uint32_t queue = 0;
  int fd = -1;
  std::memcpy(&queue, key, sizeof queue);
  std::memcpy(&fd, value, sizeof fd);
  const std::lock_guard guard(lock_);
  LoopSocket* s = find(fd);
  if (s == nullptr || s->ifindex != map_fd || s->queue != queue) return -EINVAL;
  s->enabled.store(true, std::memory_order_release);
  return 0;
}

int LoopKernel::map_delete(int map_fd, const void* key) noexcept {
  uint32_t queue = 0;
  std::memcpy(&queue, key, sizeof queue);
  const std::lock_guard guard(lock_);
  LoopSocket* s = bound_to(map_fd, queue);
  if (s == nullptr) return -ENOENT;
  s->enabled.store(false, std::memory_order_release);
  return 0;
}

}  // namespace zcnbrh
