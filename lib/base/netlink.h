// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// One netlink conversation with the kernel, over libmnl: a request, its replies, the kernel's own words when
// it refuses (extended acknowledgement). Knows nothing of what is asked; lib/netdev speaks rtnetlink and the
// "netdev" generic netlink family through it, lib/xdp asks which families exist.
//
// Control path only. A Netlink belongs to the network namespace its thread was in at open(); it is not
// thread safe, and every reply is waited for at most kNetlinkTimeoutMs.
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "lib/base/result.h"

namespace zcnbrh {

inline constexpr int kNetlinkTimeoutMs = 2000;
// The kernel's largest reply to one request (NLMSG_GOODSIZE for dumps is at most this).
inline constexpr size_t kNetlinkReplyBytes = 32768;

// A request under construction; attributes are added with libmnl's mnl_attr_put_*_check(request, kBytes, ...).
struct NetlinkRequest {
  static constexpr size_t kBytes = 1024;

  // `flags` are added to NLM_F_REQUEST | NLM_F_ACK. `Extra` is the family's own header (ifinfomsg, genlmsghdr).
  template <typename Extra>
  NetlinkRequest(uint16_t type, uint16_t flags, const Extra& extra) {
    header = mnl_nlmsg_put_header(bytes);
    header->nlmsg_type = type;
    header->nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    *static_cast<Extra*>(mnl_nlmsg_put_extra_header(header, sizeof(Extra))) = extra;
  }
  NetlinkRequest(const NetlinkRequest&) = delete;
  NetlinkRequest& operator=(const NetlinkRequest&) = delete;

  NetlinkRequest& put_u32(uint16_t type, uint32_t value) { return put(type, &value, sizeof(value)); }
  NetlinkRequest& put_string(uint16_t type, const char* text);
  NetlinkRequest& put(uint16_t type, const void* data, size_t length) {
    fits = mnl_attr_put_check(header, kBytes, type, length, data) && fits;
    return *this;
  }

  alignas(NLMSG_ALIGNTO) char bytes[kBytes] = {};
  nlmsghdr* header = nullptr;
  bool fits = true;  // false: an attribute did not fit, transact() refuses with EMSGSIZE
};

class Netlink {
 public:
  // `bus`: NETLINK_ROUTE or NETLINK_GENERIC. `groups`: bit mask of the (legacy, < 32) multicast groups to
  // join. Errors: EPROTONOSUPPORT (not in this kernel), EMFILE and the like.
  static Result<Netlink> open(int bus, unsigned groups = 0);

  int fd() const { return mnl_socket_get_fd(socket_.get()); }

  // Sends `request` and hands each reply message to `on_reply(const nlmsghdr*)` until the kernel's
  // acknowledgement. Errors carry the kernel's errno, `call` as the name of the step and the kernel's text;
  // ETIMEDOUT when no answer came.
  template <typename OnReply>
  Status transact(NetlinkRequest& request, const char* call, OnReply&& on_reply) {
    using Fn = std::remove_reference_t<OnReply>;
    return run(
        request, call, [](const nlmsghdr* reply, void* context) { (*static_cast<Fn*>(context))(reply); },
        const_cast<void*>(static_cast<const void*>(&on_reply)));
  }
  Status transact(NetlinkRequest& request, const char* call) {
    return transact(request, call, [](const nlmsghdr*) {});
  }

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };
  using OnMessage = void (*)(const nlmsghdr*, void*);

  explicit Netlink(mnl_socket* socket) : socket_(socket) {}
  Status run(NetlinkRequest& request, const char* call, OnMessage on_reply, void* context);

  std::unique_ptr<mnl_socket, Closer> socket_;
  uint32_t sequence_ = 0;
};

// Calls f(const nlattr*) for each attribute of a message whose family header has `extra` bytes.
template <typename F>
void for_each_attr(const nlmsghdr* message, size_t extra, F&& f) {
  const auto* tail = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
  const auto* attr = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, extra));
  for (; mnl_attr_ok(attr, static_cast<int>(tail - reinterpret_cast<const char*>(attr)));
       attr = mnl_attr_next(attr)) {
    f(attr);
  }
}
template <typename F>
void for_each_nested(const nlattr* nest, F&& f) {
  const auto* attr = static_cast<const nlattr*>(mnl_attr_get_payload(nest));
  const auto* tail = reinterpret_cast<const char*>(attr) + mnl_attr_get_payload_len(nest);
  for (; mnl_attr_ok(attr, static_cast<int>(tail - reinterpret_cast<const char*>(attr)));
       attr = mnl_attr_next(attr)) {
    f(attr);
  }
}

// The attribute's value, or T{} when its payload is shorter than T (never a read outside it).
template <typename T>
T attr_value(const nlattr* attr) {
  static_assert(std::is_trivially_copyable_v<T>);
  T out{};
  if (mnl_attr_get_payload_len(attr) >= sizeof(T)) {
    __builtin_memcpy(&out, mnl_attr_get_payload(attr), sizeof(T));
  }
  return out;
}
std::string attr_string(const nlattr* attr);  // up to the payload's end or its first NUL

// A generic netlink family as the running kernel registers it.
struct GenlFamily {
  uint16_t id = 0;
  uint32_t highest_command = 0;  // of the commands it lists: tells newer kernels from older ones
};
// ENOENT when the kernel has no such family. `genl` is a Netlink opened on NETLINK_GENERIC.
Result<GenlFamily> find_genl_family(Netlink& genl, const char* name);

}  // namespace zcnbrh
