// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// libbpf and libxdp have one print function for the process, which may also belong to the application. The
// first LibbpfLog puts ours in place, the last puts the old one back.
#include "lib/xdp/libbpf_log.h"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string_view>
#include <vector>

#include "lib/base/log.h"

namespace zcnbrh {
namespace {

constinit std::mutex g_mutex;
constinit int g_users = 0;
constinit libbpf_print_fn_t g_libbpf_before = nullptr;
constinit libxdp_print_fn_t g_libxdp_before = nullptr;
constinit thread_local LibbpfLog* t_current = nullptr;

std::string format(const char* text, va_list args) {
  va_list again;
  va_copy(again, args);
  int length = std::vsnprintf(nullptr, 0, text, again);
  va_end(again);
  if (length <= 0) return {};
  std::string out(static_cast<size_t>(length) + 1, '\0');
  std::vsnprintf(out.data(), out.size(), text, args);
  out.pop_back();
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

int print_libbpf(libbpf_print_level level, const char* text, va_list args) {
  if (t_current != nullptr) {
    t_current->take(level == LIBBPF_WARN, format(text, args));
    return 0;
  }
  return g_libbpf_before != nullptr ? g_libbpf_before(level, text, args) : 0;
}

int print_libxdp(libxdp_print_level level, const char* text, va_list args) {
  if (t_current != nullptr) {
    t_current->take(level == LIBXDP_WARN, format(text, args));
    return 0;
  }
  return g_libxdp_before != nullptr ? g_libxdp_before(level, text, args) : 0;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The verifier explains itself in the last lines before its statistics.
std::string verifier_tail(const std::vector<std::string_view>& lines) {
  constexpr size_t kLines = 3;
  std::vector<std::string_view> kept;
  for (std::string_view line : lines) {
    if (line.empty() || contains(line, "PROG LOAD LOG") || line.starts_with("processed ")) continue;
    kept.push_back(line);
  }
  std::string out;
  for (size_t i = kept.size() > kLines ? kept.size() - kLines : 0; i < kept.size(); i++) {
    if (!out.empty()) out += " | ";
    out += kept[i];
  }
  return out;
}

}  // namespace

LibbpfLog::LibbpfLog() : outer_(t_current) {
  std::lock_guard lock(g_mutex);
  if (g_users++ == 0) {
    g_libbpf_before = libbpf_set_print(print_libbpf);
    g_libxdp_before = libxdp_set_print(print_libxdp);
  }
  t_current = this;
}

LibbpfLog::~LibbpfLog() {
  std::lock_guard lock(g_mutex);
  t_current = outer_;
  if (--g_users == 0) {
    libbpf_set_print(g_libbpf_before);
    libxdp_set_print(g_libxdp_before);
  }
}

void LibbpfLog::take(bool is_warning, const std::string& message) {
  std::vector<std::string_view> lines = lines_of(message);
  for (std::string_view line : lines) {
    log_line(LogLevel::kDebug, "%.*s", static_cast<int>(line.size()), line.data());
  }
  if (!is_warning || lines.empty()) return;
  if (contains(lines.front(), "BEGIN PROG LOAD LOG")) {
    verifier_ = verifier_tail(lines);
    return;
  }
  // These only repeat that something above them failed.
  if (contains(message, "failed to load object") || contains(message, "failed to load: ")) return;
  if (contains(message, "failed to load BPF skeleton")) return;
  warning_ = lines.front();
}

}  // namespace zcnbrh
