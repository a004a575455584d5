// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/migrate/elf_file.h"

#include <fcntl.h>
#include <gelf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>

#include "lib/base/unique_fd.h"

namespace zcnbrh::migrate {
namespace {

struct ElfEnd {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using ElfHandle = std::unique_ptr<Elf, ElfEnd>;

#if defined(__x86_64__)
constexpr GElf_Half kOurMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr GElf_Half kOurMachine = EM_AARCH64;
#else
constexpr GElf_Half kOurMachine = EM_NONE;
#endif

std::string text_at(Elf* elf, size_t section, size_t offset) {
  const char* text = elf_strptr(elf, section, offset);
  return text != nullptr ? text : "";
}

// "$ORIGIN/../lib:/opt/lib" of the file at `path`.
std::vector<std::string> folders_of(const std::string& list, const std::string& path) {
  std::vector<std::string> out;
  std::istringstream in(list);
  const std::string origin = std::filesystem::absolute(path).parent_path();
  for (std::string folder; std::getline(in, folder, ':');) {
    for (const std::string_view name : {std::string_view("${ORIGIN}"), std::string_view("$ORIGIN")})
      for (size_t at; (at = folder.find(name)) != std::string::npos;) folder.replace(at, name.size(), origin);
    if (!folder.empty()) out.push_back(folder);
  }
  return out;
}

void read_dynamic(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, ElfFile& file) {
  Elf_Data* data = elf_getdata(section, nullptr);
  if (data == nullptr || header.sh_entsize == 0) return;
  GElf_Dyn entry;
  for (int i = 0; gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i) {
    const auto text = [&] { return text_at(elf, header.sh_link, entry.d_un.d_val); };
    if (entry.d_tag == DT_NEEDED) file.needed.push_back(text());
    if (entry.d_tag == DT_RPATH) file.rpath = folders_of(text(), file.path);
    if (entry.d_tag == DT_RUNPATH) file.runpath = folders_of(text(), file.path);
  }
}

// Version index -> name, of .gnu.version_r.
std::map<unsigned, std::string> read_versions(Elf* elf, Elf_Scn* section, const GElf_Shdr& header) {
  std::map<unsigned, std::string> out;
  Elf_Data* data = elf_getdata(section, nullptr);
  GElf_Verneed need;
  for (int at = 0; data != nullptr && gelf_getverneed(data, at, &need) != nullptr;) {
    GElf_Vernaux one;
    int aux_at = at + static_cast<int>(need.vn_aux);
    for (unsigned i = 0; i < need.vn_cnt && gelf_getvernaux(data, aux_at, &one) != nullptr; ++i) {
      out[one.vna_other] = text_at(elf, header.sh_link, one.vna_name);
      if (one.vna_next == 0) break;
      aux_at += static_cast<int>(one.vna_next);
    }
    if (need.vn_next == 0) break;
    at += static_cast<int>(need.vn_next);
  }
  return out;
}

struct Tables {
  Elf_Data* version_of = nullptr;  // .gnu.version: an index a dynamic symbol
  std::map<unsigned, std::string> versions;
};

std::string version_of(const Tables& tables, int symbol) {
  GElf_Versym index;
  if (tables.version_of == nullptr || gelf_getversym(tables.version_of, symbol, &index) == nullptr) return {};
  const auto found = tables.versions.find(index & 0x7fffU);
  return found != tables.versions.end() ? found->second : "";
}

void read_symbols(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, const Tables& tables, ElfFile& file) {
  Elf_Data* data = elf_getdata(section, nullptr);
  GElf_Sym symbol;
  for (int i = 1; data != nullptr && gelf_getsym(data, i, &symbol) != nullptr; ++i) {
    std::string name = text_at(elf, header.sh_link, symbol.st_name);
    if (symbol.st_shndx != SHN_UNDEF) {
      // A copied variable (R_COPY) is defined here, too: functions alone tell.
      if (GELF_ST_TYPE(symbol.st_info) == STT_FUNC && name.starts_with("rte_"))
        file.defined.push_back(std::move(name));
    } else if (header.sh_type == SHT_DYNSYM && !name.empty()) {
      file.imports.push_back({std::move(name), version_of(tables, i)});
    }
  }
}

void read_segments(Elf* elf, ElfFile& file) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  GElf_Phdr segment;
  for (size_t i = 0; i < count; ++i) {
    if (gelf_getphdr(elf, static_cast<int>(i), &segment) == nullptr) continue;
    file.has_loader |= segment.p_type == PT_INTERP;
    file.is_dynamic |= segment.p_type == PT_DYNAMIC;
  }
}

template <typename Visit>
void for_each_section(Elf* elf, Visit visit) {
  GElf_Shdr header;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;)
    if (gelf_getshdr(section, &header) != nullptr) visit(section, header);
}

void read_sections(Elf* elf, ElfFile& file) {
  Tables tables;
  for_each_section(elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
    if (header.sh_type == SHT_GNU_versym) tables.version_of = elf_getdata(section, nullptr);
    if (header.sh_type == SHT_GNU_verneed) tables.versions = read_versions(elf, section, header);
    if (header.sh_type == SHT_DYNAMIC) read_dynamic(elf, section, header, file);
  });
  for_each_section(elf, [&](Elf_Scn* section, const GElf_Shdr& header) {
    if (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB)
      read_symbols(elf, section, header, tables, file);
  });
}

void sort_unique(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

}  // namespace

bool ElfFile::defines(const std::string& name) const {
  return std::binary_search(defined.begin(), defined.end(), name);
}

std::vector<std::string> driver_names(const char* data, size_t size) {
  constexpr std::string_view kMark = "PMD_INFO_STRING= {\"name\" : \"";
  const std::string_view all(data, size);
  std::vector<std::string> out;
  for (size_t at = 0; (at = all.find(kMark, at)) != std::string_view::npos;) {
    at += kMark.size();
    const size_t end = all.find('"', at);
    if (end == std::string_view::npos) break;
    out.emplace_back(all.substr(at, end - at));
  }
  sort_unique(out);
  return out;
}

ElfFile read_elf(const std::string& path) {
  ElfFile file;
  file.path = path;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw BadElf(path + " cannot be read: " + std::strerror(errno));
  elf_version(EV_CURRENT);
  const ElfHandle elf(elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr));
  GElf_Ehdr header;
  if (elf == nullptr || elf_kind(elf.get()) != ELF_K_ELF || gelf_getehdr(elf.get(), &header) == nullptr)
    throw BadElf(path + " is no ELF file; if it is a script, audit the program that it starts");
  file.of_this_machine = header.e_machine == kOurMachine && gelf_getclass(elf.get()) == ELFCLASS64;
  read_segments(elf.get(), file);
  read_sections(elf.get(), file);
  sort_unique(file.defined);
  size_t size = 0;
  if (const char* raw = elf_rawfile(elf.get(), &size); raw != nullptr)
    file.drivers_inside = driver_names(raw, size);
  return file;
}

}  // namespace zcnbrh::migrate
