// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Instructions a packet, counted by callgrind: they repeat exactly, on a loaded machine too. The program runs
// itself under valgrind, once with the vector code that it finds (valgrind 3.19 knows up to AVX2) and once with
// vectors forbidden, and reads the dumps.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "bench/ring/insns_inside.h"
#include "bench/ring/options.h"
#include "bench/ring/results.h"

namespace zcnbrh::bench {
namespace {

namespace fs = std::filesystem;

struct Variant {
  const char* name;
  const char* eal;
};
constexpr Variant kVariants[] = {{"vectors", "--force-max-simd-bitwidth=256"},
                                 {"scalar", "--force-max-simd-bitwidth=64"}};

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "zcnbrh-insns-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// One dump of callgrind.
struct Dump {
  std::string bench, subject;
  double packets = 0, calls = 0, instructions = 0;
};

// "a | b" -> {"a", "b"}
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> out;
  for (size_t begin = 0;;) {
    const size_t end = text.find(" | ", begin);
    out.push_back(text.substr(begin, end - begin));
    if (end == std::string::npos) return out;
    begin = end + 3;
  }
}

bool read_dump(const fs::path& file, Dump& out) {
  static const std::string kLabel = "desc: Trigger: Client Request: ", kTotals = "totals: ";
  std::ifstream in(file);
  bool labelled = false, counted = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kLabel)) {
      const auto words = split(line.substr(kLabel.size()));
      if (words.size() != 4) throw std::runtime_error(file.string() + ": " + line);
      out = {words[0], words[1], std::stod(words[2]), std::stod(words[3]), 0};
      labelled = true;
    } else if (line.starts_with(kTotals)) {
      out.instructions = std::stod(line.substr(kTotals.size()));
      counted = true;
    }
  }
  return labelled && counted;
}

std::vector<Dump> run_variant(const Variant& variant, unsigned bursts) {
  const Folder folder;
  std::ostringstream command;
  command << "valgrind --quiet --tool=callgrind --collect-atstart=no --callgrind-out-file="
          << folder.path().string() << "/out '" << fs::read_symlink("/proc/self/exe").string() << "' --inside "
          << bursts << " --eal " << variant.eal << " >&2";
  if (std::system(command.str().c_str()) != 0)
    throw std::runtime_error("failed (is valgrind installed?): " + command.str());
  std::vector<Dump> out;
  for (const auto& entry : fs::directory_iterator(folder.path()))
    if (Dump dump; read_dump(entry.path(), dump)) out.push_back(dump);
  return out;
}

void add_variant(const Variant& variant, const std::vector<Dump>& dumps, std::vector<Figure>& figures) {
  double nothing = -1;  // a call
  for (const Dump& dump : dumps)
    if (dump.bench == "nothing") nothing = dump.instructions / dump.calls;
  if (nothing < 0) throw std::runtime_error("callgrind's dumps are incomplete");
  std::map<std::string, std::map<std::string, double>> found;
  for (const Dump& dump : dumps)
    if (dump.packets != 0)
      found[dump.bench][dump.subject] = (dump.instructions - nothing * dump.calls) / dump.packets;
  for (const auto& [work, subjects] : found) {
    const std::string bench = "ring_insns " + work + " " + variant.name;
    for (const auto& [subject, value] : subjects)
      figures.push_back({bench, subject, "instructions", "per packet", {value}});
    const double rival = subjects.at("net_af_xdp");
    figures.push_back(
        {bench, "net_zcnbrh", "instructions to net_af_xdp's", "ratio", {subjects.at("net_zcnbrh") / rival}});
  }
}

int run(int argc, char** argv) {
  CLI::App app("Instructions a packet of both drivers and of the C API, by callgrind");
  Options options;
  add_options(app, options);
  unsigned inside = 0;
  std::string eal;
  app.add_option("--inside", inside, "what runs under valgrind: this many bursts");
  app.add_option("--eal", eal, "an argument for EAL");
  CLI11_PARSE(app, argc, argv);
  if (inside != 0) {
    run_inside(inside, eal);
    return 0;
  }
  std::vector<Figure> figures;
  for (const Variant& variant : kVariants)
    add_variant(variant, run_variant(variant, options.check ? 64 : 1024), figures);
  hand_out(options.json, figures);
  return 0;
}

}  // namespace
}  // namespace zcnbrh::bench

int main(int argc, char** argv) {
  return zcnbrh::bench::run_program("ring_insns", zcnbrh::bench::run, argc, argv);
}
