// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh {

// The client's end of a UNIX socket that carries short texts, each with a file descriptor or without
// (SOCK_SEQPACKET: one text a message). Every call is bounded in time. Move-only. Control path.
class FdChannel {
 public:
  static constexpr size_t kMaxText = 256;  // bytes

  struct Message {
    std::string text;
    UniqueFd fd;  // the first that came along; others are closed
  };

  FdChannel() = default;
  // Errors: ENAMETOOLONG, and what connect(2) says (ENOENT, ECONNREFUSED, EACCES, EAGAIN after the timeout).
  static Result<FdChannel> connect(const std::string& path, uint32_t timeout_ms);

  // `fd` stays the caller's; -1: none.
  Status send(std::string_view text, int fd = -1) const;
  // Errors: ETIMEDOUT; ECONNRESET when the other end has closed; EMSGSIZE for a longer text.
  Result<Message> receive() const;

  explicit operator bool() const { return static_cast<bool>(fd_); }
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

}  // namespace zcnbrh
