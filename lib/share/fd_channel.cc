// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/fd_channel.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

namespace zcnbrh {
namespace {

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
void take_fds(struct msghdr& header, std::array<UniqueFd, FdChannel::kMaxFds>& out) {
  size_t taken = 0;
  for (struct cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      UniqueFd owned(fd);
      if (taken < out.size()) out[taken++] = std::move(owned);
    }
  }
}

}  // namespace

Result<FdChannel> FdChannel::connect(const std::string& path, uint32_t timeout_ms) {
  struct sockaddr_un address {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return Error{ENAMETOOLONG, "connect", path + ": at most 107 bytes"};
  std::memcpy(address.sun_path, path.data(), path.size());
  auto length = static_cast<socklen_t>(sizeof address);
  if (path.starts_with('@')) {  // abstract: the name is as long as the address says
    address.sun_path[0] = '\0';
    length = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + path.size());
  }
  FdChannel out;
  out.fd_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!out.fd_) return Error{errno, "socket(AF_UNIX)", {}};
  if (Status s = set_timeouts(out.fd_.get(), timeout_ms); !s) return s.error();
  if (::connect(out.fd_.get(), reinterpret_cast<const struct sockaddr*>(&address), length) != 0)
    return Error{errno, "connect", path};
  return out;
}

Result<std::pair<FdChannel, FdChannel>> FdChannel::pair(uint32_t timeout_ms) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return Error{errno, "socketpair", {}};
  std::pair<FdChannel, FdChannel> out;
  out.first.fd_.reset(fds[0]);
  out.second.fd_.reset(fds[1]);
  for (const int fd : fds)
    if (Status s = set_timeouts(fd, timeout_ms); !s) return s.error();
  return out;
}

Result<FdChannel> FdChannel::adopt(UniqueFd fd, uint32_t timeout_ms) {
  if (Status s = set_timeouts(fd.get(), timeout_ms); !s) return s.error();
  FdChannel out;
  out.fd_ = std::move(fd);
  return out;
}

Status FdChannel::send(std::string_view text, std::span<const int> fds) const {
  struct iovec piece {
    const_cast<char*>(text.data()), text.size()
  };
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (fds.size() > kMaxFds) return Error{E2BIG, "sendmsg", {}};
  if (!fds.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size_bytes());
    struct cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
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
  alignas(struct cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  struct msghdr header {};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = ::recvmsg(fd_.get(), &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == ECONNRESET) got = 0;  // it closed with something of ours unread
  if (got < 0) return Error{errno == EAGAIN ? ETIMEDOUT : errno, "recvmsg", {}};
  Message out;
  take_fds(header, out.fds);
  if (got == 0) return Error{ECONNRESET, "recvmsg", {}};
  if ((header.msg_flags & MSG_TRUNC) != 0) return Error{EMSGSIZE, "recvmsg", {}};
  out.text.assign(text, static_cast<size_t>(got));
  return out;
}

}  // namespace zcnbrh
