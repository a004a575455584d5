// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/dpdk_peer.h"

#include <poll.h>
#include <sys/mman.h>

#include <cerrno>
#include <charconv>
#include <map>
#include <sstream>

namespace zcnbrh {
namespace {

constexpr uint32_t kPatienceMs = 5000;

std::mutex g_lock;
std::map<pid_t, std::weak_ptr<DpdkPeer>> g_peers;

// The words of an answer; numbers hexadecimal.
std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

uint64_t number(const std::vector<std::string>& words, size_t index) {
  uint64_t out = 0;
  if (index < words.size())
    std::from_chars(words[index].data(), words[index].data() + words[index].size(), out, 16);
  return out;
}

std::string hex(uint64_t value) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  return std::string(text, end);
}

bool is_answer(const std::vector<std::string>& words, const char* kind, size_t count) {
  return words.size() == count && words[0] == kind;
}

}  // namespace

bool SharedPool::has(const void* object) const {
  const auto at = reinterpret_cast<uintptr_t>(object);
  for (const Chunk& chunk : chunks) {
    if (at < chunk.base + sizeof(dpdk::ObjectHeader) || at + mbuf_bytes + room > chunk.end ||
        at % alignof(uint64_t))
      continue;
    const auto* header = static_cast<const dpdk::ObjectHeader*>(object) - 1;
    const auto* mbuf = static_cast<const dpdk::Mbuf*>(object);
    return header->pool == address && mbuf->pool == address &&
           mbuf->buf_addr == static_cast<const char*>(object) + mbuf_bytes &&
           (mbuf->ol_flags & (dpdk::kExternal | dpdk::kIndirect)) == 0;
  }
  return false;
}

Error DpdkPeer::fault(int code, const std::string& why) const {
  return Error{code, "DPDK process", std::to_string(pid_) + ": " + why};
}

Error DpdkPeer::refusal(const std::string& answer) const {
  const std::vector<std::string> words = words_of(answer);
  if (words.size() < 3 || words[0] != "no") return fault(EPROTO, "'" + answer + "'");
  return fault(static_cast<int>(number(words, 1)), answer.substr(answer.find(words[2], 3 + words[1].size())));
}

Result<std::shared_ptr<DpdkPeer>> DpdkPeer::meet(pid_t pid) {
  const std::lock_guard lock(g_lock);
  if (auto known = g_peers[pid].lock(); known != nullptr && known->is_alive()) return known;
  auto channel = FdChannel::connect(share_socket_name(pid), kPatienceMs);
  if (!channel)
    return Error{channel.error().code, "connect",
                 "process " + std::to_string(pid) +
                     " does not share its rings: it runs under the shim with "
                     "ZCNBRH_SHARE=1, in this network namespace?"};
  auto peer = std::shared_ptr<DpdkPeer>(new DpdkPeer(pid, std::move(*channel)));
  if (Status s = peer->greet(); !s) return s.error();
  if (Status s = peer->map_segments(); !s) return s.error();
  g_peers[pid] = peer;
  return peer;
}

Status DpdkPeer::greet() {
  const std::string hello = "hello " + hex(kShareVersion) + " " + dpdk::kDpdkLayout;
  if (Status s = channel_.send(hello); !s) return s;
  auto answer = channel_.receive();
  if (!answer) return answer.error();
  if (answer->text != hello || !answer->fds[0])
    return fault(EPROTO,
                 "it says '" + answer->text + "', not '" + hello + "'; libzcnbrh and shim are of one version");
  auto map = Mapping::create(nullptr, sizeof(Journal), PROT_READ | PROT_WRITE, MAP_SHARED, answer->fds[0].get(),
                             0, "mmap of the journal");
  if (!map) return map.error();
  journal_ = std::move(*map);
  return {};
}

Status DpdkPeer::map_segment(const FdChannel::Message& message) {
  const std::vector<std::string> words = words_of(message.text);
  if (!is_answer(words, "segment", 4) || !message.fds[0]) return fault(EPROTO, "'" + message.text + "'");
  const Status s = segments_.map(number(words, 1), number(words, 2), number(words, 3), message.fds[0].get());
  if (s) return s;
  const int code = s.error().code;
  return fault(
      code,
      "its memory at 0x" + words[1] + " (0x" + words[2] + " bytes) cannot be mapped" +
          (code == EEXIST ? ": the addresses are in use here; start it with another --base-virtaddr" : ""));
}

Status DpdkPeer::map_segments() {
  if (Status s = channel_.send("segments"); !s) return s;
  Status first;
  segments_.begin();
  for (;;) {  // to the end in any case: the next answer is another question's
    auto message = channel_.receive();
    if (!message) return message.error();
    if (message->text.starts_with("end")) break;
    if (Status s = map_segment(*message); !s && first) first = s;
  }
  if (first) segments_.end();
  return first;
}

Result<std::string> DpdkPeer::ask(const std::string& request) {
  if (Status s = channel_.send(request); !s) return s.error();
  return answer_text();
}

Result<std::string> DpdkPeer::answer_text() {
  auto answer = channel_.receive();
  if (!answer) return answer.error();
  return std::move(answer->text);
}

Result<size_t> DpdkPeer::free_entry() const {
  for (size_t i = 0; i < used_.size(); ++i)
    if (!used_[i]) return i;
  return fault(ENOSPC,
               "at most " + std::to_string(used_.size()) + " rings and pools can be attached at a time");
}

// What it names has to be in what it has handed over; it may have been made since the last list.
Status DpdkPeer::check_memory(uintptr_t base, size_t bytes) {
  if (segments_.covers(base, bytes)) return {};
  if (Status s = map_segments(); !s) return s;
  if (segments_.covers(base, bytes)) return {};
  return fault(ENOTSUP,
               "0x" + hex(base) + " (0x" + hex(bytes) +
                   " bytes) is not in the memory that it hands over; libzcnbrh and shim are of one version?");
}

Status DpdkPeer::check_ring(uintptr_t address) {
  if (Status s = check_memory(address, sizeof(dpdk::Ring)); !s) return s;
  const size_t slots = reinterpret_cast<const dpdk::Ring*>(address)->size;
  return check_memory(address, sizeof(dpdk::Ring) + slots * sizeof(void*));
}

Status DpdkPeer::check_pool(const SharedPool& pool) {
  for (const SharedPool::Chunk& chunk : pool.chunks)
    if (Status s = check_memory(chunk.base, chunk.end - chunk.base); !s) return s;
  return check_ring(reinterpret_cast<uintptr_t>(pool.ring));
}

Result<SharedRing> DpdkPeer::ring_at(uintptr_t address, size_t entry, SharedRing::Test may_cross) {
  if (Status s = check_ring(address); !s) {
    release(entry);
    return s.error();
  }
  used_[entry] = true;
  return SharedRing(reinterpret_cast<dpdk::Ring*>(address), &entries()[entry], this, may_cross,
                    [](const void* self) { return static_cast<const DpdkPeer*>(self)->is_alive(); });
}

Result<SharedRing> DpdkPeer::attach_ring(const std::string& name) {
  const std::lock_guard lock(lock_);
  auto entry = free_entry();
  if (!entry) return entry.error();
  if (Status s = map_segments(); !s) return s.error();  // it may have been made since
  auto answer = ask("ring " + hex(*entry) + " " + name);
  if (!answer) return answer.error();
  const std::vector<std::string> words = words_of(*answer);
  if (!is_answer(words, "ring", 2)) return refusal(*answer);
  return ring_at(number(words, 1), *entry, [](const void* self, const void* object) {
    return static_cast<const DpdkPeer*>(self)->may_cross(object);
  });
}

Result<SharedRing> DpdkPeer::attach_pool(const std::string& name, SharedPool& pool) {
  const std::lock_guard lock(lock_);
  auto entry = free_entry();
  if (!entry) return entry.error();
  if (Status s = map_segments(); !s) return s.error();
  auto answer = ask("pool " + hex(*entry) + " " + name);
  while (answer && answer->starts_with("chunk ")) {
    const std::vector<std::string> words = words_of(*answer);
    pool.chunks.push_back({number(words, 1), number(words, 1) + number(words, 2)});
    answer = answer_text();
  }
  if (!answer) return answer.error();
  const std::vector<std::string> words = words_of(*answer);
  if (!is_answer(words, "pool", 5)) return refusal(*answer);
  pool.address = reinterpret_cast<void*>(number(words, 1));
  pool.ring = reinterpret_cast<dpdk::Ring*>(number(words, 2));
  pool.mbuf_bytes = static_cast<uint32_t>(number(words, 3));
  pool.room = static_cast<uint32_t>(number(words, 4));
  if (Status s = check_pool(pool); !s) {
    release(*entry);
    return s.error();
  }

  auto pools = std::make_unique<Pools>(pools_.empty() ? Pools() : *pools_.back());
  std::erase_if(*pools, [&pool](const SharedPool& known) { return known.address == pool.address; });
  pools->push_back(pool);
  current_.store(pools.get(), std::memory_order_release);
  pools_.push_back(std::move(pools));
  // One by one: what they were linked to before they came into the pool is of no meaning.
  return ring_at(number(words, 2), *entry, [](const void* self, const void* object) {
    return static_cast<const DpdkPeer*>(self)->is_buffer(object);
  });
}

void DpdkPeer::detach(SharedRing& ring) {
  const std::lock_guard lock(lock_);
  release(static_cast<size_t>(&ring.entry() - entries()));
}

void DpdkPeer::release(size_t entry) {
  (void)ask("detach " + hex(entry));
  used_[entry] = false;
}

// A dead process's socket is closed by the kernel, whatever else of it is still there.
bool DpdkPeer::is_alive() const {
  struct pollfd watched {
    channel_.fd(), POLLRDHUP, 0
  };
  return ::poll(&watched, 1, 0) >= 0 && (watched.revents & (POLLHUP | POLLRDHUP | POLLERR)) == 0;
}

bool DpdkPeer::is_buffer(const void* object) const {
  const Pools* pools = current_.load(std::memory_order_acquire);
  if (pools == nullptr) return false;
  for (const SharedPool& pool : *pools)
    if (pool.has(object)) return true;
  return false;
}

// By the links, which is how the segments are found; in as many steps as there are said to be.
bool DpdkPeer::may_cross(const void* object) const {
  const auto* segment = static_cast<const dpdk::Mbuf*>(object);
  if (!is_buffer(segment)) return false;
  for (uint32_t left = segment->nb_segs; left != 0; --left) {
    segment = segment->next;
    if (segment == nullptr) return left == 1;
    if (left == 1 || !is_buffer(segment)) return false;
  }
  return false;
}

}  // namespace zcnbrh
