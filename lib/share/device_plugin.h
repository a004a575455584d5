// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The AF_XDP device plugin for Kubernetes, as its client in a pod sees it. The plugin has loaded an XDP
// program on the netdev that it gave to the pod, and hands out the program's XSKMAP over a UNIX socket
// (SOCK_SEQPACKET), protocol 0.1:
//
//   /connect,HOSTNAME              /host_ok  or /host_nak: is this pod the owner of the devices?
//   /version                       0.1
//   /xsk_map_fd,NETDEV             /fd_ack with the map's file descriptor, or /fd_nak
//   /config_busy_poll,US,BUDGET    with a socket's file descriptor: /config_busy_poll_ack or _nak
//   /fin                           /fin_ack
//
// and /nak, /error at any time. Source: constants/constants.go and internal/udsserver/udsserver.go of
// intel/afxdp-plugins-for-kubernetes; net_af_xdp speaks it since DPDK 23.03. The server reads requests of at
// most 64 bytes, serves one connection for a container and then removes the socket, and gives up a silent
// one after 30 to 300 seconds. So all ports of this process that name one socket use one connection, and it
// is ended only when each of them has got what it needs.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"
#include "lib/share/fd_channel.h"

namespace zcnbrh {

// Where net_af_xdp looks when dp_path= is not given: /tmp/afxdp_dp/NETDEV/afxdp.sock (DPDK 24.07), and
// /tmp/afxdp.sock, the place of DPDK 23.03, when only that one is there.
std::string default_plugin_socket(const std::string& netdev);
// /tmp/afxdp_dp/NETDEV/xsks_map
std::string default_pinned_map(const std::string& netdev);

class DevicePlugin {
 public:
  // The session with the plugin at `path` that this process has, or a new one; nothing is sent before the
  // first request. The last holder to let go ends the session. Any thread.
  static std::shared_ptr<DevicePlugin> at(const std::string& path);
  ~DevicePlugin();
  DevicePlugin(const DevicePlugin&) = delete;
  DevicePlugin& operator=(const DevicePlugin&) = delete;

  // Errors of both, each with cause and cure: ENOENT, ECONNREFUSED, EACCES (no plugin there, or not ours),
  // EPERM (the plugin refuses this host), ENODEV (not this pod's netdev), EPROTO (an answer that the protocol
  // does not know, or without what it must carry), ETIMEDOUT, ECONNRESET.
  Result<UniqueFd> xsk_map(const std::string& netdev);
  // Sets preferred busy polling on our socket, which needs a privilege that the plugin has and we may lack.
  Status set_busy_poll(int xsk_fd, uint32_t microseconds, uint32_t budget);

  const std::string& path() const { return path_; }

 private:
  explicit DevicePlugin(const std::string& path) : path_(path) {}
  Status open();
  Result<FdChannel::Message> ask(std::string_view request, int fd = -1);
  Result<FdChannel::Message> ask_connected(std::string_view request, int fd = -1);
  Error fault(int code, const std::string& why) const;
  Error unexpected(std::string_view request, const FdChannel::Message& answer) const;

  std::string path_;
  std::mutex lock_;
  FdChannel channel_;
};

}  // namespace zcnbrh
