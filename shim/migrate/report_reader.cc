// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/report_reader.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <sstream>

#include "lib/base/unique_fd.h"

namespace zcnbrh::migrate {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kName[] = "@zcnbrh-shim/";
constexpr time_t kPatienceS = 5;
constexpr size_t kMaxReport = 64 << 20;  // bytes

pid_t number_of(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return error == std::errc() && end == text.data() + text.size() && pid > 0 ? pid : 0;
}

// The socket's name is one of the process's network namespace.
void enter_network_of(pid_t pid) {
  const std::string theirs = "/proc/" + std::to_string(pid) + "/ns/net";
  struct stat a {
  }, b{};
  if (::stat(theirs.c_str(), &a) != 0)
    throw NoReport(errno == ENOENT
                       ? "there is no process " + std::to_string(pid)
                       : theirs + ": " + std::strerror(errno) + "; ask as root or as the process's user");
  if (::stat("/proc/self/ns/net", &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev) return;
  const UniqueFd ns(::open(theirs.c_str(), O_RDONLY | O_CLOEXEC));
  if (!ns || ::setns(ns.get(), CLONE_NEWNET) != 0)
    throw NoReport("process " + std::to_string(pid) +
                   " is in another network namespace: " + std::strerror(errno) + "; ask as root");
}

UniqueFd connect_to(pid_t pid) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{kPatienceS, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = kName + std::to_string(pid);
  std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0)
    throw NoReport("process " + std::to_string(pid) + " has no live report: " + std::strerror(errno) +
                   "; the shim opens it when rte_eal_init() has come to its end");
  return fd;
}

std::string read_all(const UniqueFd& fd, pid_t pid) {
  std::string text;
  char bytes[1 << 16];
  for (ssize_t got; (got = ::recv(fd.get(), bytes, sizeof bytes, 0)) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw NoReport("process " + std::to_string(pid) + " does not answer: " + std::strerror(errno) +
                     "; its EAL interrupt thread serves, see whether it runs");
    text.append(bytes, static_cast<size_t>(got));
    if (text.size() > kMaxReport) throw NoReport("process " + std::to_string(pid) + ": no report is that long");
  }
  if (text.empty()) throw NoReport("process " + std::to_string(pid) + " tells root and its own user only");
  return text;
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in) throw NoReport(path + " cannot be read: " + std::strerror(errno));
  text << in.rdbuf();
  return text.str();
}

Json the_only_one() {
  const auto live = live_processes(file_text("/proc/net/unix"));
  if (live.size() == 1) return live_report(live[0]);
  if (live.empty())
    throw NoReport("no process under the shim in this network namespace; name a PID, or the file of --report");
  std::string all;
  for (const pid_t pid : live) all += ' ' + std::to_string(pid);
  throw NoReport("several processes are under the shim, name one:" + all);
}

}  // namespace

Json parse_report(const std::string& text, const std::string& from) {
  Json report = Json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("pid") || !report.contains("devices"))
    throw NoReport(from + ": this is no report of the shim, or half of one");
  return report;
}

Json live_report(pid_t pid) {
  enter_network_of(pid);
  return parse_report(read_all(connect_to(pid), pid), "process " + std::to_string(pid));
}

Json find_report(const std::string& what) {
  if (what.empty()) return the_only_one();
  if (const pid_t pid = number_of(what); pid != 0) return live_report(pid);
  return parse_report(file_text(what), what);
}

std::vector<pid_t> live_processes(const std::string& unix_sockets) {
  std::vector<pid_t> out;
  std::istringstream lines(unix_sockets);
  for (std::string line; std::getline(lines, line);) {
    const size_t at = line.find(kName);
    if (at == std::string::npos) continue;
    // A connection has the listener's name, too.
    if (const pid_t pid = number_of(std::string_view(line).substr(at + std::strlen(kName))); pid != 0)
      out.push_back(pid);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace zcnbrh::migrate
