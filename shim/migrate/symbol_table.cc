// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/symbol_table.h"

namespace zcnbrh::migrate {
namespace {

struct Row {
  std::string_view name;
  Way way;
  const char* note;
};

constexpr Row kIntercepted[] = {
#define INTERCEPT(name) {#name, Way::kMapped, ""},
#define COUNTED(result, name, parameters, arguments) {#name, Way::kAsIs, ""},
#define VENDOR(name) {#name, Way::kNotSupported, "a call of one vendor's driver; answered with -ENOTSUP"},
#define VENDOR_GLOBAL(name, absent) {#name, Way::kAsIs, "names no port: the vendor's driver has it; counted"},
#include "shim/intercepts.def"
};

constexpr Row kCalls[] = {
#define CALL(name, way, note) {#name, Way::way, note},
#define FAMILY(prefix, way, note)
#include "shim/audit.def"
};

constexpr Row kFamilies[] = {
#define CALL(name, way, note)
#define FAMILY(prefix, way, note) {#prefix, Way::way, note},
#include "shim/audit.def"
};

template <size_t N>
const Row* find(const Row (&rows)[N], std::string_view name) {
  for (const Row& row : rows)
    if (row.name == name) return &row;
  return nullptr;
}

const Row* find_family(std::string_view name) {
  for (const Row& row : kFamilies)
    if (name.starts_with(row.name)) return &row;
  return nullptr;
}

}  // namespace

const char* way_name(Way way) {
  switch (way) {
    case Way::kAsIs:
      return "works as is";
    case Way::kMapped:
      return "mapped";
    case Way::kEmulated:
      return "emulated";
    case Way::kNotSupported:
      return "not supported";
  }
  return "";
}

Judgement judge(std::string_view symbol) {
  if (const Row* row = find(kCalls, symbol); row != nullptr) return {row->way, row->note};
  const Row* intercepted = find(kIntercepted, symbol);
  if (intercepted != nullptr && (intercepted->way != Way::kAsIs || *intercepted->note != '\0'))
    return {intercepted->way, intercepted->note};
  if (const Row* row = find_family(symbol); row != nullptr) return {row->way, row->note};
  return {};
}

}  // namespace zcnbrh::migrate
