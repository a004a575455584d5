// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

#include "lib/base/unique_fd.h"

namespace zcnbrh::shim {
namespace {

constexpr size_t kMaxFile = 1 << 20;  // bytes of a map file

constinit const Settings* g_settings = nullptr;

const char* setting(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_given(const char* name) { return *setting(name) != '\0'; }

Result<std::string> read_map_file(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file) return Error{errno, "ZCNBRH_MAP_FILE", std::string(path) + " cannot be read"};
  std::string text;
  char bytes[4096];
  for (ssize_t got; (got = ::read(file.get(), bytes, sizeof bytes)) != 0;) {
    if (got < 0) return Error{errno, "ZCNBRH_MAP_FILE", std::string(path) + " cannot be read"};
    text.append(bytes, static_cast<size_t>(got));
    if (text.size() > kMaxFile)
      return Error{EFBIG, "ZCNBRH_MAP_FILE", std::string(path) + " is longer than 1 MiB"};
  }
  return text;
}

Status read_switch(const char* name, bool& on) {
  const std::string value = setting(name);
  if (!value.empty() && value != "0" && value != "1")
    return Error{EINVAL, name, "'" + value + "' is neither 0 nor 1"};
  on = value == "1";
  return {};
}

Status read_mode(Settings& settings) {
  const std::string mode = setting("ZCNBRH_MODE");
  if (!mode.empty() && mode != "lenient" && mode != "strict")
    return Error{EINVAL, "ZCNBRH_MODE", "'" + mode + "' is neither lenient nor strict"};
  settings.strict = mode == "strict";
  if (Status s = read_switch("ZCNBRH_OBSERVE", settings.observe); !s) return s;
  return read_switch("ZCNBRH_SHARE", settings.share);
}

}  // namespace

constinit std::atomic<Doing> g_doing{Doing::kIdle};

bool is_anything_asked() noexcept {
  return is_given("ZCNBRH_MAP") || is_given("ZCNBRH_MAP_FILE") || is_given("ZCNBRH_OBSERVE") ||
         is_given("ZCNBRH_SHARE");
}

Status read_settings(Settings& read) {
  read.report = setting("ZCNBRH_REPORT");
  read.driver = setting("ZCNBRH_DRIVER");
  if (Status s = read_mode(read); !s) return s.error();
  std::string text = setting("ZCNBRH_MAP");
  if (is_given("ZCNBRH_MAP_FILE")) {
    auto more = read_map_file(setting("ZCNBRH_MAP_FILE"));
    if (!more) return more.error();
    text += '\n' + *more;
  }
  auto maps = parse_maps(text);
  if (!maps) return maps.error();
  read.maps = std::move(*maps);
  return {};
}

const Settings& settings() {
  if (g_settings != nullptr) return *g_settings;
  static const auto* const kNone = new Settings;
  return *kNone;
}

// Not freed: calls that are being served by other threads may still read the old ones.
void keep_settings(Settings settings) { g_settings = new Settings(std::move(settings)); }

}  // namespace zcnbrh::shim
