// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/driver_file.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "shim/next.h"

namespace zcnbrh::shim {
namespace {

constexpr char kFile[] = "librte_net_zcnbrh.so";
constexpr char kInBuildTree[] = "../drivers/net/zcnbrh/";

std::string own_folder() {
  static constexpr char kAnchor = 0;
  Dl_info info{};
  if (::dladdr(&kAnchor, &info) == 0 || info.dli_fname == nullptr) return {};
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

std::vector<std::string> candidates(const std::string& wanted) {
  if (!wanted.empty()) return {wanted};
  const std::string folder = own_folder();
  std::vector<std::string> out;
  for (const std::string& place : {folder, folder + kInBuildTree, std::string(ZCNBRH_PMD_DIR "/")})
    if (::access((place + kFile).c_str(), R_OK) == 0) out.push_back(place + kFile);
  out.emplace_back(kFile);  // wherever the loader looks
  return out;
}

const char* loader_error() {
  const char* error = ::dlerror();
  return error != nullptr ? error : "no reason given";
}

}  // namespace

Result<std::string> load_driver_file(const std::string& wanted) {
  std::string why;
  for (const std::string& path : candidates(wanted)) {
    if (void* handle = ::dlopen(path.c_str(), RTLD_NOW); handle != nullptr) {
      look_also_in(handle);
      return path;
    }
    if (!why.empty()) why += "; ";
    why += loader_error();
  }
  return Error{wanted.empty() ? ENOENT : ELIBBAD, "driver net_zcnbrh",
               why + "; name its file by ZCNBRH_DRIVER=/path/" + kFile};
}

}  // namespace zcnbrh::shim
