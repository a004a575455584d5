// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/fd_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace zcnbrh {
namespace {

constexpr size_t kMostFds = 4;  // of one message: more than anybody sends, so that none is lost unclosed

Status set_timeouts(int fd, uint32_t timeout_ms) {
  struct timeval limit {};
  limit.tv_sec = static_cast<time_t>(timeout_ms / 1000);
  limit.tv_usec = static_cast<suseconds_t>(timeout_ms % 1000) * 1000;
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    if (::setsockopt(fd, SOL_SOCKET, option, &limit, sizeof limit) != 0)
      return Error{errno, "setsockopt of a UNIX socket's timeout", {}};
  return {};
}

// Takes all descriptors that came along, so that none stays open unseen.
UniqueFd first_fd(struct msghdr& header) {
  UniqueFd out;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      UniqueFd owned(fd);
      if (!out) out = std::move(owned);
    }
  }
  return out;
}

}  // namespace

Result<FdChannel> FdChannel::connect(const std::string& path, uint32_t timeout_ms) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ENAMETOOLONG, "connect", path + ": at most 107 bytes"};
  std::memcpy(address.sun_path, path.data(), path.size());
  FdChannel out;
  out.fd_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!out.fd_) return Error{errno, "socket(AF_UNIX)", {}};
  if (Status s = set_timeouts(out.fd_.get(), timeout_ms); !s) return s.error();
  if (::connect(out.fd_.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address) != 0)
    return Error{errno, "connect", path};
  return out;
}

Status FdChannel::send(std::string_view text, int fd) const {
  struct iovec piece {
    const_cast<char*>(text.data()), text.size()
  };
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    struct cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(fd_.get(), &header, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  if (errno == EPIPE) return Error{ECONNRESET, "sendmsg", {}};
  return Error{errno == EAGAIN ? ETIMEDOUT : errno, "sendmsg", {}};
}

Result<FdChannel::Message> FdChannel::receive() const {
  char text[kMaxText];
  struct iovec piece {
    text, sizeof text
  };
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMostFds * sizeof(int))];
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return Error{errno == EAGAIN ? ETIMEDOUT : errno, "recvmsg", {}};
  Message out;
  out.fd = first_fd(header);
  if (got == 0) return Error{ECONNRESET, "recvmsg", {}};
  if ((header.msg_flags & MSG_TRUNC) != 0) return Error{EMSGSIZE, "recvmsg", {}};
  out.text.assign(text, static_cast<size_t>(got));
  return out;
}

}  // namespace zcnbrh
