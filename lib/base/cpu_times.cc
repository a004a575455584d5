// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/base/cpu_times.h"

#include <charconv>
#include <fstream>
#include <string>

namespace zcnbrh {
namespace {

// cpuN user nice system idle iowait irq softirq steal ...; guest times are in user's already.
constexpr size_t kIdle = 3, kIoWait = 4, kSoftirq = 6, kSteal = 7;
constexpr uint32_t kMostCpus = 65536;

bool take_number(std::string_view& text, uint64_t& number) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return error == std::errc();
}

// False: the line is no CPU's.
bool parse_line(std::string_view line, std::vector<CpuTimes>& out) {
  uint64_t cpu = 0;
  if (!line.starts_with("cpu")) return false;
  line.remove_prefix(3);
  if (line.starts_with(' ')) return true;  // of all together
  if (!take_number(line, cpu) || cpu >= kMostCpus) return false;
  if (out.size() <= cpu) out.resize(cpu + 1);
  CpuTimes& times = out[cpu];
  uint64_t ticks = 0;
  for (size_t field = 0; field <= kSteal && take_number(line, ticks); ++field) {
    times.all += ticks;
    if (field == kIdle || field == kIoWait) times.idle += ticks;
    if (field == kSoftirq) times.softirq += ticks;
  }
  return true;
}

}  // namespace

std::vector<CpuTimes> parse_cpu_times(std::string_view text) {
  std::vector<CpuTimes> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!parse_line(text.substr(0, end), out)) break;  // the CPUs come first
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::vector<CpuTimes> read_cpu_times() {
  std::ifstream file("/proc/stat");
  std::string text, line;
  while (std::getline(file, line) && line.starts_with("cpu")) text += line + "\n";
  return parse_cpu_times(text);
}

}  // namespace zcnbrh
