// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/netdev/napi.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <utility>

#include "lib/base/netlink.h"
#include "lib/base/process.h"

namespace zcnbrh {
namespace {

// Commands and attributes of include/uapi/linux/netdev.h.
constexpr uint8_t kCmdNapiGet = 11;  // 6.8
constexpr uint8_t kCmdNapiSet = 14;  // 6.13
constexpr uint16_t kNapiIfindex = 1;
constexpr uint16_t kNapiId = 2;
constexpr uint16_t kNapiPid = 4;       // of its thread
constexpr uint16_t kNapiThreaded = 8;  // u32, 6.17

struct Genl {
  Netlink netlink;
  GenlFamily family;

  static Result<Genl> open() {
    Result<Netlink> netlink = Netlink::open(NETLINK_GENERIC);
    if (!netlink) return netlink.error();
    Result<GenlFamily> family = find_genl_family(*netlink, "netdev");
    if (!family) return family.error();
    return Genl{std::move(*netlink), *family};
  }
};

Result<NapiInfo> query(Genl& genl, uint32_t id) {
  NapiInfo out;
  bool tells = false;
  NetlinkRequest request(genl.family.id, 0, genlmsghdr{kCmdNapiGet, 1, 0});
  request.put_u32(kNapiId, id);
  const Status s = genl.netlink.transact(request, "netdev napi-get", [&](const nlmsghdr* reply) {
    for_each_attr(reply, sizeof(genlmsghdr), [&](const nlattr* attr) {
      switch (mnl_attr_get_type(attr)) {
        case kNapiIfindex:
          out.ifindex = attr_value<int>(attr);
          break;
        case kNapiPid:
          out.thread = attr_value<pid_t>(attr);
          break;
        case kNapiThreaded:
          tells = true;
          out.threaded = attr_value<uint32_t>(attr) != 0;
          break;
        default:
          break;
      }
    });
  });
  if (!s) return s.error();
  if (!tells) return Error{ENOTSUP, "netdev napi-get", "no threaded NAPI by itself; needs Linux 6.17"};
  return out;
}

Status set_threaded(Genl& genl, uint32_t id, bool on) {
  NetlinkRequest request(genl.family.id, 0, genlmsghdr{kCmdNapiSet, 1, 0});
  request.put_u32(kNapiId, id);
  request.put_u32(kNapiThreaded, on ? 1 : 0);
  return genl.netlink.transact(request, "netdev napi-set");
}

// In another PID namespace than the kernel's the number means somebody else.
bool is_napi_thread(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  return std::getline(file, name) && name.starts_with("napi/");
}

std::string record_of(const std::string& folder, uint32_t id) {
  return folder + "/" + std::to_string(network_namespace()) + "-" + std::to_string(id);
}

// The NAPI of a record of this network namespace.
std::optional<uint32_t> napi_of(const char* name) {
  const std::string prefix = std::to_string(network_namespace()) + "-";
  const std::string text = name;
  if (!text.starts_with(prefix)) return {};
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text.data() + prefix.size(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id == 0) return {};
  return id;
}

Result<UniqueFd> make_record(const std::string& folder, const std::string& path) {
  for (size_t at = folder.find('/', 1);; at = folder.find('/', at + 1)) {
    if (::mkdir(folder.substr(0, at).c_str(), 0700) != 0 && errno != EEXIST)
      return Error{errno, "mkdir",
                   folder + ": the settings of a NAPI are left alone, since they could not be put back"};
    if (at == folder.npos) break;
  }
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return Error{errno, "open", path};
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0)
    return Error{errno == EWOULDBLOCK ? EALREADY : errno, "flock",
                 path + ": another process has changed this NAPI"};
  return file;
}

}  // namespace

Result<NapiInfo> query_napi(uint32_t id) {
  Result<Genl> genl = Genl::open();
  if (!genl) return genl.error();
  return query(*genl, id);
}

std::vector<uint32_t> napis_of(int ifindex) {
  std::vector<uint32_t> out;
  Result<Genl> genl = Genl::open();
  if (!genl || ifindex <= 0) return out;
  NetlinkRequest request(genl->family.id, NLM_F_DUMP, genlmsghdr{kCmdNapiGet, 1, 0});
  request.put_u32(kNapiIfindex, static_cast<uint32_t>(ifindex));
  const Status s = genl->netlink.transact(request, "netdev napi-get", [&](const nlmsghdr* reply) {
    for_each_attr(reply, sizeof(genlmsghdr), [&](const nlattr* attr) {
      if (mnl_attr_get_type(attr) == kNapiId) out.push_back(attr_value<uint32_t>(attr));
    });
  });
  if (!s) out.clear();
  std::sort(out.begin(), out.end());
  return out;
}

ThreadedNapi& ThreadedNapi::operator=(ThreadedNapi&& other) noexcept {
  if (this == &other) return *this;
  end();
  id_ = std::exchange(other.id_, 0);
  pid_ = other.pid_;
  record_ = std::move(other.record_);
  lock_ = std::move(other.lock_);
  return *this;
}

Result<ThreadedNapi> ThreadedNapi::start(uint32_t id, const cpu_set_t& cpus, const std::string& records) {
  Result<Genl> genl = Genl::open();
  if (!genl) return genl.error();
  Result<NapiInfo> before = query(*genl, id);
  if (!before) return before.error();
  if (before->threaded) return Error{EALREADY, "threaded NAPI", "somebody else has set it"};
  ThreadedNapi out;
  out.record_ = record_of(records, id);
  Result<UniqueFd> lock = make_record(records, out.record_);
  if (!lock) return lock.error();
  if (Status s = set_threaded(*genl, id, true); !s) {
    ::unlink(out.record_.c_str());
    return s.error();
  }
  out.id_ = id;
  out.pid_ = current_pid();
  out.lock_ = std::move(*lock);
  const Result<NapiInfo> now = query(*genl, id);
  if (CPU_COUNT(&cpus) != 0 && now && now->thread > 0 && is_napi_thread(now->thread))
    ::sched_setaffinity(now->thread, sizeof cpus, &cpus);
  return out;
}

// A NAPI that is gone meanwhile took its setting with it.
void ThreadedNapi::end() {
  if (id_ == 0) return;
  if (pid_ == current_pid()) {
    if (Result<Genl> genl = Genl::open(); genl) (void)set_threaded(*genl, id_, false).ok();
    ::unlink(record_.c_str());
  }
  lock_.reset();
  id_ = 0;
}

unsigned put_back_orphans(const std::string& records) {
  DIR* folder = ::opendir(records.c_str());
  if (folder == nullptr) return 0;
  unsigned count = 0;
  while (const struct dirent* entry = ::readdir(folder)) {
    const auto id = napi_of(entry->d_name);
    if (!id) continue;
    const std::string path = records + "/" + entry->d_name;
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) continue;  // its process lives
    if (Result<Genl> genl = Genl::open(); genl) (void)set_threaded(*genl, *id, false).ok();
    ::unlink(path.c_str());
    ++count;
  }
  ::closedir(folder);
  return count;
}

}  // namespace zcnbrh
