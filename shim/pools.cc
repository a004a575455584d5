// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Packet pools. There is no allocator of ours: a pool stays where EAL's memory is, made by DPDK's own
// functions; what is chosen is its layout and its node, so that each of its mbufs can be lent to the kernel as
// it is.
//   layout  the driver's mempool ops (page-safe; DPDK's ring from then on). They are the platform's default
//   since the
//           first port was probed, which is before the program can make a pool; here come those pools that name
//           DPDK's ring ops, or are made by rte_mempool_create(), which asks nobody.
//   node    that of the moved ports, where the program does not care and they agree.
// A pool that does not fit the memory so (a page an mbuf at most) is made as the program asked, in lenient
// mode. rte_pktmbuf_pool_create_extbuf(): the buffers are the program's; the driver copies to and from them.
#include <dlfcn.h>

#include <cstring>
#include <string_view>

#include "shim/counts.h"
#include "shim/next.h"
#include "shim/ports.h"
#include "shim/say.h"
#include "shim/settings.h"

namespace zcnbrh::shim {
namespace {

constexpr char kOurs[] = "zcnbrh";  // drivers/net/zcnbrh/mempool_ops.cc
constexpr const char* kAlike[] = {"ring_mp_mc", "ring_sp_sc", "ring_mp_sc", "ring_sp_mc"};

// DPDK's functions call one another, and meet us again: only what the program calls counts.
constinit thread_local int g_depth = 0;
struct Depth {
  Depth() { ++g_depth; }
  ~Depth() { --g_depth; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;
};
bool is_ours_to_choose() { return doing() == Doing::kMoving && g_depth == 0; }

bool is_any_moved() {
  for (const auto& device : mapped_devices())
    if (device->fate == Fate::kMoved) return true;
  return false;
}

int choose_node(int node) {
  if (node != SOCKET_ID_ANY) return node;
  int common = SOCKET_ID_ANY;
  for (const auto& device : mapped_devices()) {
    if (device->fate != Fate::kMoved) continue;
    const int of_port = NEXT(rte_eth_dev_socket_id)(device->port_id);
    if (of_port < 0 || (common != SOCKET_ID_ANY && common != of_port)) return SOCKET_ID_ANY;
    common = of_port;
  }
  return common;
}

// What our ops are once the pool is made: they hand it over to DPDK's ring (mempool_ops.cc).
bool is_alike(std::string_view ops) {
  for (const std::string_view alike : kAlike)
    if (ops == alike) return true;
  return false;
}

void note(const char* how, const char* name, unsigned elements, int node, const char* ops, const void* made) {
  const ErrnoGuard guard;
  note_pool({name != nullptr ? name : "", ops, how, elements, node, made != nullptr});
}

// The page-safe layout takes more memory. True: once more, as the program asked.
bool is_too_large(const struct rte_mempool* made, const char* name) {
  if (made != nullptr || settings().strict || get_rte_errno() != ENOMEM) return false;
  say(Say::kWarning,
      "mempool %s: no memory for the page-safe layout; it is laid out as DPDK does, and behind an IOMMU its "
      "ports run "
      "in copy mode; give EAL more memory",
      name);
  return true;
}

bool makes_packet_pool(rte_mempool_ctor_t* init) {
  // The address of a function may be one in a program that is not position independent, and another here.
  void* const seen = reinterpret_cast<void*>(init);
  return init != nullptr && (seen == find_next(Call::rte_pktmbuf_pool_init) ||
                             seen == ::dlsym(RTLD_DEFAULT, "rte_pktmbuf_pool_init"));
}

struct OldPool {  // the arguments of rte_mempool_create()
  const char* name;
  unsigned n, elt_size, cache_size, private_data_size;
  rte_mempool_ctor_t* mp_init;
  void* mp_init_arg;
  rte_mempool_obj_cb_t* obj_init;
  void* obj_init_arg;
  int socket_id;
  unsigned flags;
};

struct rte_mempool* make(const OldPool& pool, int node) {
  return NEXT(rte_mempool_create)(pool.name, pool.n, pool.elt_size, pool.cache_size, pool.private_data_size,
                                  pool.mp_init, pool.mp_init_arg, pool.obj_init, pool.obj_init_arg, node,
                                  pool.flags);
}

// rte_mempool_create() step by step, with our ops; nullptr: they are not there (pool_ops=0), or no memory.
struct rte_mempool* make_page_safe(const OldPool& pool, int node) {
  struct rte_mempool* made = NEXT(rte_mempool_create_empty)(pool.name, pool.n, pool.elt_size, pool.cache_size,
                                                            pool.private_data_size, node, pool.flags);
  if (made == nullptr) return nullptr;
  if (const int result = NEXT(rte_mempool_set_ops_byname)(made, kOurs, nullptr); result != 0) {
    NEXT(rte_mempool_free)(made);
    set_rte_errno(-result);
    return nullptr;
  }
  pool.mp_init(made, pool.mp_init_arg);
  if (const int result = NEXT(rte_mempool_populate_default)(made); result < 0) {
    NEXT(rte_mempool_free)(made);
    set_rte_errno(-result);
    return nullptr;
  }
  if (pool.obj_init != nullptr) NEXT(rte_mempool_obj_iter)(made, pool.obj_init, pool.obj_init_arg);
  return made;
}

}  // namespace
}  // namespace zcnbrh::shim

using namespace zcnbrh::shim;  // NOLINT(google-build-using-namespace)

ZCNBRH_INTERCEPTED struct rte_mempool* rte_pktmbuf_pool_create(const char* name, unsigned int n,
                                                               unsigned int cache_size, uint16_t priv_size,
                                                               uint16_t data_room_size, int socket_id) {
  auto* next = NEXT(rte_pktmbuf_pool_create);
  count_call(Call::rte_pktmbuf_pool_create);
  if (!is_ours_to_choose() || !is_any_moved())
    return next(name, n, cache_size, priv_size, data_room_size, socket_id);
  const Depth depth;
  const int node = choose_node(socket_id);
  const char* ops = NEXT(rte_mbuf_best_mempool_ops)();
  struct rte_mempool* made = next(name, n, cache_size, priv_size, data_room_size, node);
  if (std::strcmp(ops, kOurs) == 0 && is_too_large(made, name)) {
    ops = kAlike[0];
    made = NEXT(rte_pktmbuf_pool_create_by_ops)(name, n, cache_size, priv_size, data_room_size, node, ops);
  }
  note("rte_pktmbuf_pool_create", name, n, node, ops, made);
  return made;
}

ZCNBRH_INTERCEPTED struct rte_mempool* rte_pktmbuf_pool_create_by_ops(const char* name, unsigned int n,
                                                                      unsigned int cache_size,
                                                                      uint16_t priv_size,
                                                                      uint16_t data_room_size, int socket_id,
                                                                      const char* ops_name) {
  auto* next = NEXT(rte_pktmbuf_pool_create_by_ops);
  if (!is_ours_to_choose() || !is_any_moved() || ops_name == nullptr)
    return next(name, n, cache_size, priv_size, data_room_size, socket_id, ops_name);
  count_call(Call::rte_pktmbuf_pool_create_by_ops);
  const Depth depth;
  const int node = choose_node(socket_id);
  const char* ops = is_alike(ops_name) ? kOurs : ops_name;
  struct rte_mempool* made = next(name, n, cache_size, priv_size, data_room_size, node, ops);
  if (made == nullptr && ops == kOurs && (get_rte_errno() != ENOMEM || is_too_large(made, name))) {
    ops = ops_name;
    made = next(name, n, cache_size, priv_size, data_room_size, node, ops);
  }
  note("rte_pktmbuf_pool_create_by_ops", name, n, node, ops, made);
  return made;
}

ZCNBRH_INTERCEPTED struct rte_mempool* rte_pktmbuf_pool_create_extbuf(
    const char* name, unsigned int n, unsigned int cache_size, uint16_t priv_size, uint16_t data_room_size,
    int socket_id, const struct rte_pktmbuf_extmem* ext_mem, unsigned int ext_num) {
  count_call(Call::rte_pktmbuf_pool_create_extbuf);
  const Depth depth;
  struct rte_mempool* made = NEXT(rte_pktmbuf_pool_create_extbuf)(name, n, cache_size, priv_size,
                                                                  data_room_size, socket_id, ext_mem, ext_num);
  if (doing() == Doing::kMoving)
    note("rte_pktmbuf_pool_create_extbuf", name, n, socket_id, "the program's buffers", made);
  return made;
}

ZCNBRH_INTERCEPTED struct rte_mempool* rte_mempool_create(const char* name, unsigned n, unsigned elt_size,
                                                          unsigned cache_size, unsigned private_data_size,
                                                          rte_mempool_ctor_t* mp_init, void* mp_init_arg,
                                                          rte_mempool_obj_cb_t* obj_init, void* obj_init_arg,
                                                          int socket_id, unsigned flags) {
  count_call(Call::rte_mempool_create);
  const OldPool pool{name,    n,           elt_size, cache_size,   private_data_size,
                     mp_init, mp_init_arg, obj_init, obj_init_arg, socket_id,
                     flags};
  if (!is_ours_to_choose() || !is_any_moved() || !makes_packet_pool(mp_init)) return make(pool, socket_id);
  const Depth depth;
  const int node = choose_node(socket_id);
  const char* ops = kOurs;
  struct rte_mempool* made = make_page_safe(pool, node);
  if (made == nullptr && (get_rte_errno() != ENOMEM || is_too_large(made, name))) {
    ops = kAlike[0];
    made = make(pool, node);
  }
  note("rte_mempool_create", name, n, node, ops, made);
  return made;
}
