// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/share/device_plugin.h"

#include <limits.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "lib/base/log.h"

namespace zcnbrh {
namespace {

constexpr uint32_t kTimeoutMs = 5000;    // the plugin asks the kubelet before it answers /connect
constexpr size_t kServersBuffer = 64;    // bytes of a request that the plugin reads
constexpr const char* kVersion = "0.1";  // of the protocol
constexpr const char* kCall = "AF_XDP device plugin";
constexpr const char* kFolder = "/tmp/afxdp_dp/";
constexpr const char* kOldSocket = "/tmp/afxdp.sock";

std::mutex g_sessions_lock;
std::vector<std::weak_ptr<DevicePlugin>>& sessions() {
  static std::vector<std::weak_ptr<DevicePlugin>> all;
  return all;
}

// Bytes from outside, for a line of our own.
std::string printable(std::string_view bytes) {
  constexpr size_t kMost = 40;
  std::string out;
  for (const char c : bytes.substr(0, kMost)) out += c >= ' ' && c <= '~' ? c : '?';
  return out + (bytes.size() > kMost ? "..." : "");
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

std::string devices_of_pod() {
  const char* list = std::getenv("AFXDP_DEVICES");  // set by the plugin in each container it serves
  return list == nullptr ? "AFXDP_DEVICES is not set, so the container has none of the plugin's devices"
                         : "the container's devices are '" + printable(list) + "' (AFXDP_DEVICES)";
}

const char* connect_hint(int code) {
  switch (code) {
    case ENOENT:
      return "no such socket; mount the plugin's socket into the container, or say where it is by dp_path=. "
             "The plugin removes it after its first connection has ended: start the pod anew";
    case ECONNREFUSED:
      return "nobody listens there any more; the plugin serves one connection for a container: start the pod "
             "anew";
    case EACCES:
      return "this user may not write to the socket; give the plugin the user's uid, or run as root";
    case EAGAIN:
      return "it does not take the connection; it serves one for a container, and another program has it";
    case EPROTOTYPE:
      return "a socket of another type than the plugin's (SOCK_SEQPACKET); check dp_path=";
    default:
      return "";
  }
}

}  // namespace

std::string default_plugin_socket(const std::string& netdev) {
  const std::string path = kFolder + netdev + "/afxdp.sock";
  return ::access(path.c_str(), F_OK) != 0 && ::access(kOldSocket, F_OK) == 0 ? kOldSocket : path;
}

std::string default_pinned_map(const std::string& netdev) { return kFolder + netdev + "/xsks_map"; }

std::shared_ptr<DevicePlugin> DevicePlugin::at(const std::string& path) {
  std::lock_guard lock(g_sessions_lock);
  std::erase_if(sessions(), [](const auto& known) { return known.expired(); });
  for (const auto& known : sessions())
    if (auto session = known.lock(); session && session->path_ == path) return session;
  std::shared_ptr<DevicePlugin> made(new DevicePlugin(path));
  sessions().push_back(made);
  return made;
}

DevicePlugin::~DevicePlugin() {
  if (!channel_) return;
  const auto answer = ask("/fin");
  if (!answer || answer->text != "/fin_ack")
    log_line(LogLevel::kDebug, "device plugin %s: the session did not end as it should: %s", path_.c_str(),
             answer ? printable(answer->text).c_str() : answer.error().text().c_str());
}

Error DevicePlugin::fault(int code, const std::string& why) const {
  return Error{code, kCall, path_ + ": " + why};
}

Error DevicePlugin::unexpected(std::string_view request, const FdChannel::Message& answer) const {
  return fault(EPROTO, "answers '" + printable(answer.text) + "' to '" + printable(request) +
                           "', which its protocol does not know; check dp_path= and the plugin's version");
}

// One request and its answer. Afterwards the channel is open only if the session can go on.
Result<FdChannel::Message> DevicePlugin::ask(std::string_view request, int fd) {
  Status sent = fd >= 0 ? channel_.send(request, {&fd, 1}) : channel_.send(request);
  auto answer = sent ? channel_.receive() : Result<FdChannel::Message>(sent.error());
  if (!answer) {
    channel_.close();
    const std::string about = "'" + printable(request) + "'";
    switch (answer.error().code) {
      case ETIMEDOUT:
        return fault(ETIMEDOUT, "no answer to " + about + " within " + std::to_string(kTimeoutMs / 1000) +
                                    " s; look into the plugin's log");
      case ECONNRESET:
        return fault(ECONNRESET, "closed the connection at " + about +
                                     "; it gives up a session after its udsTimeout: look into its log, start "
                                     "the pod anew");
      case EMSGSIZE:
        return fault(EPROTO, "answers more than " + std::to_string(FdChannel::kMaxText) + " bytes to " + about +
                                 ", which its protocol does not know; check dp_path=");
      default:
        return fault(answer.error().code, std::string(answer.error().call) + " at " + about);
    }
  }
  while (!answer->text.empty() && (answer->text.back() == '\0' || answer->text.back() == '\n'))
    answer->text.pop_back();
  if (answer->text == "/error")
    return fault(EPROTO, "has a fault of its own (/error) at '" + printable(request) +
                             "'; look into its log, it may not reach the kubelet");
  if (answer->text == "/nak")
    return fault(EPROTO, "does not know the request '" + printable(request) + "' (/nak)");
  return answer;
}

Status DevicePlugin::open() {
  auto channel = FdChannel::connect(path_, kTimeoutMs);
  if (!channel) return fault(channel.error().code, connect_hint(channel.error().code));
  channel_ = std::move(*channel);
  const std::string request = "/connect," + host_name();
  auto answer = ask(request);
  if (answer && answer->text == "/host_nak") {
    answer = fault(EPERM, "does not take '" + host_name() +
                              "' for a pod that owns its devices (/host_nak); the hostname must be the pod's "
                              "name" +
                              (request.size() > kServersBuffer ? " and at most 55 bytes long" : ""));
  } else if (answer && answer->text != "/host_ok") {
    answer = unexpected(request, *answer);
  }
  if (answer) answer = ask("/version");
  if (!answer) {
    channel_.close();
    return answer.error();
  }
  if (answer->text != kVersion)
    log_line(LogLevel::kNotice, "device plugin %s: speaks version '%s' of its protocol, we know %s",
             path_.c_str(), printable(answer->text).c_str(), kVersion);
  return {};
}

// A session that stood still for long may have been given up by the plugin: once more from the start then.
Result<FdChannel::Message> DevicePlugin::ask_connected(std::string_view request, int fd) {
  if (channel_) {
    auto answer = ask(request, fd);
    if (answer || channel_ || answer.error().code != ECONNRESET || !open()) return answer;
    return ask(request, fd);
  }
  if (Status s = open(); !s) return s.error();
  return ask(request, fd);
}

Result<UniqueFd> DevicePlugin::xsk_map(const std::string& netdev) {
  std::lock_guard lock(lock_);
  const std::string request = "/xsk_map_fd," + netdev;
  auto answer = ask_connected(request);
  if (!answer) return answer.error();
  if (answer->text == "/fd_nak")
    return fault(ENODEV, "has no device " + netdev + " for this pod (/fd_nak); " + devices_of_pod());
  if (answer->text != "/fd_ack") return unexpected(request, *answer);
  if (!answer->fds[0])
    return fault(EPROTO, "acknowledges '" + request + "' without a file descriptor; look into its log");
  return std::move(answer->fds[0]);
}

Status DevicePlugin::set_busy_poll(int xsk_fd, uint32_t microseconds, uint32_t budget) {
  std::lock_guard lock(lock_);
  const std::string request =
      "/config_busy_poll," + std::to_string(microseconds) + "," + std::to_string(budget);
  auto answer = ask_connected(request, xsk_fd);
  if (!answer) return answer.error();
  if (answer->text == "/config_busy_poll_nak")
    return fault(EOPNOTSUPP,
                 "cannot set busy polling (/config_busy_poll_nak); it needs CAP_NET_ADMIN and "
                 "Linux 5.11");
  if (answer->text != "/config_busy_poll_ack") return unexpected(request, *answer);
  return {};
}

}  // namespace zcnbrh
