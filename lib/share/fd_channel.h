// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// One end of a UNIX socket that carries short messages, with file descriptors or without (SOCK_SEQPACKET: a
// message is read as it was sent). Every call is bounded in time. Move-only. Control path.
class FdChannel {
 public:
  static constexpr size_t kMaxText = 256;  // bytes
  static constexpr size_t kMaxFds = 4;     // of one message; what comes beyond is closed

  struct Message {
    std::string text;
    std::array<UniqueFd, kMaxFds> fds;  // in the order they were sent, the rest empty
  };

  FdChannel() = default;
  // "@name": of the abstract namespace. Errors: ENAMETOOLONG, and what connect(2) says (ENOENT, ECONNREFUSED,
  // EACCES, EAGAIN after the timeout).
  static Result<FdChannel> connect(const std::string& path, uint32_t timeout_ms);

  // Two ends of one connection, to hand one of them to another process.
  static Result<std::pair<FdChannel, FdChannel>> pair(uint32_t timeout_ms);
  static Result<FdChannel> adopt(UniqueFd fd, uint32_t timeout_ms);

  // `fds` stay the caller's; at most kMaxFds, none of them -1. ECONNRESET: the other end has closed.
  Status send(std::string_view text, std::span<const int> fds = {}) const;
  // Errors: ETIMEDOUT; ECONNRESET when the other end has closed; EMSGSIZE for a longer text.
  Result<Message> receive() const;

  int fd() const { return fd_.get(); }
  explicit operator bool() const { return static_cast<bool>(fd_); }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

}  // namespace zcnbrh
