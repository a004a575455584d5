// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "drivers/net/zcnbrh/share.h"

#include <cerrno>
#include <cstring>

namespace zcnbrh::pmd {

Status send_share(const FdChannel& channel, const ShareMessage& message, std::span<const int> fds) {
  return channel.send({reinterpret_cast<const char*>(&message), sizeof message}, fds);
}

Result<ShareMessage> read_share(const FdChannel::Message& message) {
  ShareMessage out;
  if (message.text.size() != sizeof out)
    return Error{EPROTO, "message between processes", "they run different versions of the driver"};
  std::memcpy(&out, message.text.data(), sizeof out);
  return out;
}

}  // namespace zcnbrh::pmd
