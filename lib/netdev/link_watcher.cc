// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/link_watcher.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "lib/netdev/link_message.h"

namespace zcnbrh {

Result<LinkWatcher> LinkWatcher::create() {
  Result<Netlink> netlink = Netlink::open(NETLINK_ROUTE, RTMGRP_LINK);
  if (!netlink) return netlink.error();
  return LinkWatcher(std::move(netlink).value());
}

void LinkWatcher::take(size_t length) {
  int left = static_cast<int>(length);
  for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer_.data()); mnl_nlmsg_ok(message, left);
       message = mnl_nlmsg_next(message, &left)) {
    if (message->nlmsg_type != RTM_NEWLINK && message->nlmsg_type != RTM_DELLINK) continue;
    // Bridges send link messages of their own family about their ports: not a change of the netdev.
    const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(message));
    if (mnl_nlmsg_get_payload_len(message) < sizeof(*link) || link->ifi_family != AF_UNSPEC) continue;
    const auto kind =
        message->nlmsg_type == RTM_NEWLINK ? LinkEvent::Kind::kChanged : LinkEvent::Kind::kRemoved;
    pending_.push_back(LinkEvent{kind, parse_link_message(message).info});
  }
}

Result<std::optional<LinkEvent>> LinkWatcher::next() {
  while (pending_.empty()) {
    sockaddr_nl sender{};
    socklen_t sender_length = sizeof(sender);
    ssize_t length = ::recvfrom(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                reinterpret_cast<sockaddr*>(&sender), &sender_length);
    if (length >= 0) {
      if (sender.nl_pid == 0) take(static_cast<size_t>(length));  // others than the kernel may send to us, too
      continue;
    }
    if (errno == EAGAIN) return std::optional<LinkEvent>{};
    if (errno == ENOBUFS) return std::optional<LinkEvent>{LinkEvent{LinkEvent::Kind::kLost, {}}};
    if (errno != EINTR) return Error{errno, "recvfrom(AF_NETLINK)", {}};
  }
  LinkEvent event = std::move(pending_.front());
  pending_.pop_front();
  return std::optional<LinkEvent>{std::move(event)};
}

}  // namespace zcnbrh
