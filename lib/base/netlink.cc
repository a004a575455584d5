// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/netlink.h"

#include <linux/genetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace zcnbrh {
namespace {

void set_socket_options(mnl_socket* socket) {
  int on = 1;
  // Both are conveniences (a reason in words; a short acknowledgement) of Linux 4.12 and 4.2: an older
  // kernel refuses them and still answers.
  mnl_socket_setsockopt(socket, NETLINK_EXT_ACK, &on, sizeof(on));
  mnl_socket_setsockopt(socket, NETLINK_CAP_ACK, &on, sizeof(on));
  timeval limit{kNetlinkTimeoutMs / 1000, (kNetlinkTimeoutMs % 1000) * 1000};
  ::setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

// The text the kernel attached to an acknowledgement, empty if none.
std::string acknowledgement_text(const nlmsghdr* message) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  size_t skip = sizeof(nlmsgerr);
  // Without NLM_F_CAPPED the request's payload is echoed between the nlmsgerr and the attributes.
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0 && answer->msg.nlmsg_len >= sizeof(nlmsghdr)) {
    skip += MNL_ALIGN(answer->msg.nlmsg_len - sizeof(nlmsghdr));
  }
  std::string text;
  if (skip > mnl_nlmsg_get_payload_len(message)) return text;
  for_each_attr(message, skip, [&](const nlattr* attr) {
    if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG) text = "the kernel says: " + attr_string(attr);
  });
  return text;
}

enum class Step { kMore, kDone, kFailed };

// One message of the answer; `error` is set for kFailed.
Step take_message(const nlmsghdr* message, const char* call, Error* error) {
  if (message->nlmsg_type == NLMSG_DONE) return Step::kDone;
  if (message->nlmsg_type != NLMSG_ERROR) return Step::kMore;
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
    *error = Error{EBADMSG, call, "truncated netlink acknowledgement"};
    return Step::kFailed;
  }
  const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  if (answer->error == 0) return Step::kDone;
  *error = Error{answer->error < 0 ? -answer->error : answer->error, call, acknowledgement_text(message)};
  return Step::kFailed;
}

}  // namespace

NetlinkRequest& NetlinkRequest::put_string(uint16_t type, const char* text) {
  return put(type, text, std::strlen(text) + 1);
}

Result<Netlink> Netlink::open(int bus, unsigned groups) {
  mnl_socket* socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
  if (socket == nullptr) return Error{errno, "socket(AF_NETLINK)", {}};
  Netlink out(socket);
  set_socket_options(socket);
  if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) return Error{errno, "bind(AF_NETLINK)", {}};
  return out;
}

Status Netlink::run(NetlinkRequest& request, const char* call, OnMessage on_reply, void* context) {
  if (!request.fits) return Error{EMSGSIZE, call, "an attribute is too long for the request"};
  request.header->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), request.header, request.header->nlmsg_len) < 0) {
    return Error{errno, call, {}};
  }
  std::vector<nlmsghdr> buffer(kNetlinkReplyBytes / sizeof(nlmsghdr));
  Error error;
  for (;;) {
    ssize_t received = mnl_socket_recvfrom(socket_.get(), buffer.data(), kNetlinkReplyBytes);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return Error{errno == EAGAIN ? ETIMEDOUT : errno, call, "no answer from the kernel"};
    int left = static_cast<int>(received);
    for (const nlmsghdr* message = buffer.data(); mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence_) continue;  // late answer to a request that timed out
      Step step = take_message(message, call, &error);
      if (step == Step::kFailed) return error;
      if (step == Step::kDone) return {};
      on_reply(message, context);
    }
  }
}

std::string attr_string(const nlattr* attr) {
  const auto* text = static_cast<const char*>(mnl_attr_get_payload(attr));
  return std::string(text, strnlen(text, mnl_attr_get_payload_len(attr)));
}

Result<GenlFamily> find_genl_family(Netlink& genl, const char* name) {
  NetlinkRequest request(GENL_ID_CTRL, 0, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
  request.put_string(CTRL_ATTR_FAMILY_NAME, name);
  GenlFamily family;
  Status status = genl.transact(request, "generic netlink CTRL_CMD_GETFAMILY", [&](const nlmsghdr* reply) {
    for_each_attr(reply, sizeof(genlmsghdr), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID) family.id = attr_value<uint16_t>(attr);
      if (mnl_attr_get_type(attr) != CTRL_ATTR_OPS) return;
      for_each_nested(attr, [&](const nlattr* operation) {
        for_each_nested(operation, [&](const nlattr* field) {
          if (mnl_attr_get_type(field) != CTRL_ATTR_OP_ID) return;
          family.highest_command = std::max(family.highest_command, attr_value<uint32_t>(field));
        });
      });
    });
  });
  if (!status) return status.error();
  if (family.id == 0) return Error{ENOENT, "generic netlink CTRL_CMD_GETFAMILY", "no family id in the answer"};
  return family;
}

}  // namespace zcnbrh
