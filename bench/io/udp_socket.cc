// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "bench/io/udp_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "bench/io/path.h"

namespace zcnbrh::bench {
namespace {

sockaddr_in address(const char* text, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  ::inet_pton(AF_INET, text, &out.sin_addr);
  return out;
}

}  // namespace

UniqueFd connected_udp_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) fail_errno("UDP socket");
  constexpr int kBytes = 32 << 20;
  for (const int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
    ::setsockopt(fd.get(), SOL_SOCKET, option, &kBytes, sizeof kBytes);
  const timeval patience{0, 100'000};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_in own = address(kOwnAddress, kTargetPort);
  const sockaddr_in peer = address(kPeerAddress, kSourcePort);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) fail_errno("bind UDP socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0)
    fail_errno("connect UDP socket");
  return fd;
}

}  // namespace zcnbrh::bench
