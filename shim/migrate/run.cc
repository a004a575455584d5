// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/run.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shim/map.h"
#include "shim/migrate/audit.h"
#include "shim/migrate/state.h"

namespace zcnbrh::migrate {
namespace {

namespace fs = std::filesystem;

constexpr char kShim[] = "libzcnbrh_shim.so";

std::string find_shim(const std::string& wanted) {
  if (!wanted.empty()) return fs::absolute(wanted);
  std::error_code none;
  const fs::path own = fs::read_symlink("/proc/self/exe", none).parent_path();
  for (const fs::path& path : {own / kShim, fs::path(ZCNBRH_LIB_DIR) / kShim})
    if (fs::exists(path, none)) return path;
  throw CannotRun(std::string(kShim) + " is neither beside this program nor in " ZCNBRH_LIB_DIR
                                       "; name it by --shim FILE");
}

// LD_PRELOAD has no way to quote.
void check_shim(const std::string& shim) {
  if (shim.find_first_of(" :") != std::string::npos)
    throw CannotRun(shim + ": LD_PRELOAD cannot name a path with a space or colon; put the shim elsewhere");
  if (::access(shim.c_str(), R_OK) != 0) throw CannotRun(shim + " cannot be read: " + std::strerror(errno));
}

std::string file_text(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  if (!in || (in.peek() != std::ifstream::traits_type::eof() && !(text << in.rdbuf())))
    throw CannotRun("--config " + path + " cannot be read: " + std::strerror(errno));
  return text.str();
}

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

// The shim says the same when the program is up; here nothing has begun yet.
std::vector<shim::Map> checked_maps(const RunOptions& options) {
  std::string text = joined(options.maps);
  if (!options.config.empty()) text += '\n' + file_text(options.config);
  const auto maps = shim::parse_maps(text);
  if (!maps) throw CannotRun(maps.error().text());
  if (maps->empty() && !options.observe && !options.share)
    throw CannotRun("nothing to do: give --map DEVICE=NETDEV, --config FILE or --observe");
  return *maps;
}

std::string command_line(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// How the netdevs are before the program has them, for rollback. It becomes this process, number and all.
void keep_state(const RunOptions& options) {
  if (options.observe || options.no_state) return;
  std::vector<std::string> netdevs;
  for (const shim::Map& map : checked_maps(options))
    if (!map.config.is_loop()) netdevs.push_back(map.config.iface);
  if (netdevs.empty()) return;
  try {
    State state(options.state.empty() ? default_state_file() : options.state);
    for (const std::string& netdev : netdevs) state.keep_netdev(netdev, command_line(options.command));
    state.save();
  } catch (const NoState& error) {
    throw CannotRun(std::string(error.what()) + ", or do without rollback by --no-state");
  }
}

// As execvp() looks for it.
std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::string file = (folder.empty() ? "." : folder) + "/" + name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

// A program that the shim would not get into would run as if it were moved. One that is not DPDK's may start
// one that is.
void check_program(const std::string& file) {
  Audit audit;
  try {
    audit = audit_program(file);
  } catch (const BadElf&) {
    return;  // a script, or exec says what is wrong
  }
  if (audit.verdict != Verdict::kStaticDpdk && audit.verdict != Verdict::kOtherAbi &&
      !audit.privileges.secure_for(::getuid(), ::getgid()))
    return;
  const char* why =
      audit.verdict == Verdict::kNotDpdk ? verdict_line(Verdict::kSecure) : verdict_line(audit.verdict);
  throw CannotRun(file + ": " + why + "; `zcnbrh-migrate audit " + file + "` tells what to do");
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

std::vector<std::string> shim_variables(const RunOptions& options, const std::string& preloaded_already) {
  checked_maps(options);
  const std::string shim = find_shim(options.shim);
  check_shim(shim);
  std::vector<std::string> out = {
      "LD_PRELOAD=" + shim + (preloaded_already.empty() ? "" : ":" + preloaded_already),
      "ZCNBRH_MAP=" + joined(options.maps),
      "ZCNBRH_MAP_FILE=" + (options.config.empty() ? "" : fs::absolute(options.config).string()),
      std::string("ZCNBRH_MODE=") + (options.strict ? "strict" : "lenient"),
      std::string("ZCNBRH_OBSERVE=") + (options.observe ? "1" : "0"),
      std::string("ZCNBRH_SHARE=") + (options.share ? "1" : "0"),
  };
  if (!options.report.empty()) out.push_back("ZCNBRH_REPORT=" + fs::absolute(options.report).string());
  if (!options.driver.empty()) out.push_back("ZCNBRH_DRIVER=" + fs::absolute(options.driver).string());
  return out;
}

int run_program(const RunOptions& options) {
  if (options.command.empty()) throw CannotRun("which program? zcnbrh-migrate run ... -- PROGRAM ARGUMENTS");
  const char* preloaded = std::getenv("LD_PRELOAD");
  const auto variables = shim_variables(options, preloaded != nullptr ? preloaded : "");
  if (const std::string file = find_program(options.command[0]); !file.empty()) check_program(file);
  keep_state(options);
  for (const std::string& one : variables) {
    const size_t equal = one.find('=');
    ::setenv(one.substr(0, equal).c_str(), one.c_str() + equal + 1, 1);
  }
  std::vector<std::string> words = options.command;
  ::execvp(words[0].c_str(), pointers(words).data());
  const int error = errno;
  std::fprintf(stderr, "zcnbrh-migrate: %s: %s\n", words[0].c_str(), std::strerror(error));
  return error == ENOENT ? 127 : 126;
}

}  // namespace zcnbrh::migrate
