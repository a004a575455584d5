// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// The readers of zcnbrh-migrate: ELF text, the loader's folders, the table of symbols, reports, variables of a
// run.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "shim/migrate/audit.h"
#include "shim/migrate/kernel_drivers.h"
#include "shim/migrate/report_reader.h"
#include "shim/migrate/run.h"
#include "shim/migrate/table.h"

namespace zcnbrh::migrate {
namespace {

using Names = std::vector<std::string>;

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/zm_XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

TEST(Release, FollowsTheAbi) {
  EXPECT_EQ(dpdk_release("22.0"), "21.11");
  EXPECT_EQ(dpdk_release("23.0"), "22.11");
  EXPECT_EQ(dpdk_release("23.1"), "23.03");
  EXPECT_EQ(dpdk_release("24.2"), "24.07");
  for (const char* text : {"", "21.0", "23", "23.", "23.3", "23.0x", "x.0", "100.0"})
    EXPECT_EQ(dpdk_release(text), "") << text;
}

TEST(Drivers, AreFoundByTheirDescriptions) {
  constexpr char kText[] =
      "x\0PMD_INFO_STRING= {\"name\" : \"net_ixgbe\", \"a\"}\0PMD_INFO_STRING= {\"name\" : \"net_af\"}"
      "PMD_INFO_STRING= {\"name\" : \"net_ixgbe\"} PMD_INFO_STRING= {\"name\" : \"cut";
  EXPECT_EQ(driver_names(kText, sizeof kText), (Names{"net_af", "net_ixgbe"}));
  EXPECT_EQ(driver_names("", 0), Names());
}

TEST(LoaderFolders, FollowIncludesAndEndInACircle) {
  const Folder folder;
  const std::string conf = folder.file(
      "ld.conf", "# first\n/opt/a  # why\ninclude more/none.conf *.inc\nhwcap 1 nosegneg\n\n/opt/z\n");
  folder.file("1.inc", "/opt/b\n");
  folder.file("2.inc", "include 2.inc\n/opt/c\n");
  const Names found = loader_folders(conf);
  EXPECT_EQ(found.front(), "/opt/a");
  EXPECT_EQ(found.back(), "/opt/z");
  EXPECT_EQ(std::count(found.begin(), found.end(), "/opt/b"), 1);
  EXPECT_GE(std::count(found.begin(), found.end(), "/opt/c"), 1);
  EXPECT_EQ(loader_folders("/nowhere"), Names());
}

TEST(Symbols, AreJudgedByTheOneList) {
  EXPECT_EQ(judge("rte_eal_init").way, Way::kMapped);
  EXPECT_EQ(judge("rte_pktmbuf_pool_create").way, Way::kMapped);
  EXPECT_EQ(judge("rte_pktmbuf_pool_create_extbuf").way, Way::kEmulated);  // above what intercepts.def says
  EXPECT_EQ(judge("rte_eth_dev_start").way, Way::kAsIs);
  EXPECT_EQ(judge("rte_eth_dev_reset").way, Way::kNotSupported);
  EXPECT_EQ(judge("rte_flow_create").way, Way::kAsIs);
  EXPECT_EQ(judge("rte_flow_async_create").way, Way::kNotSupported);
  EXPECT_EQ(judge("rte_pmd_i40e_ping_vfs").way, Way::kNotSupported);
  EXPECT_EQ(judge("rte_pmd_of_tomorrow").way, Way::kNotSupported);
  EXPECT_EQ(judge("rte_pmd_mlx5_get_dyn_flag_names").way, Way::kAsIs);  // names no port
  EXPECT_EQ(judge("rte_pmd_ifpga_reload").way, Way::kAsIs);             // no port's either
  EXPECT_EQ(judge("rte_ring_create").way, Way::kAsIs);
  EXPECT_EQ(judge("rte_tm").way, Way::kAsIs);  // shorter than its family
  EXPECT_STRNE(judge("rte_mtr_create").note, "");
}

TEST(Elf, ThisProgramIsReadAndATextIsRefused) {
  const ElfFile own = read_elf("/proc/self/exe");
  EXPECT_TRUE(own.of_this_machine && own.has_loader && own.is_dynamic);
  const auto libc = [](const std::string& name) { return name.starts_with("libc.so"); };
  EXPECT_TRUE(std::any_of(own.needed.begin(), own.needed.end(), libc));
  const auto imported = std::find_if(own.imports.begin(), own.imports.end(),
                                     [](const Symbol& symbol) { return symbol.name == "mkdtemp"; });
  ASSERT_NE(imported, own.imports.end());
  EXPECT_TRUE(imported->version.starts_with("GLIBC_")) << imported->version;
  const Folder folder;
  EXPECT_THROW(read_elf(folder.file("script", "#!/bin/sh\n")), BadElf);
  EXPECT_THROW(read_elf(folder.file("cut", std::string("\177ELF\2\1\1", 7))), BadElf);
  EXPECT_THROW(read_elf("/nowhere"), BadElf);
}

TEST(Elf, EveryPrefixOfAFileIsReadOrRefused) {
  std::ifstream in("/proc/self/exe", std::ios::binary);
  std::string head(16384, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  const Folder folder;
  for (size_t size = 0; size < head.size(); size += 251) {
    const std::string path = folder.file("part", head.substr(0, size));
    try {
      EXPECT_FALSE(read_elf(path).defines("rte_eal_init"));
    } catch (const BadElf&) {
    }
  }
}

TEST(Privileges, AreSecureForWhomTheyRaise) {
  FilePrivileges file;
  EXPECT_FALSE(file.any() || file.secure_for(0, 0));
  file.setuid = true;
  file.owner = 0;
  EXPECT_TRUE(file.secure_for(1000, 1000));
  EXPECT_FALSE(file.secure_for(0, 0));
  file = {};
  file.capabilities = true;
  EXPECT_TRUE(file.secure_for(1000, 1000));
  EXPECT_FALSE(file.secure_for(0, 0));
}

TEST(Live, ProcessesAreReadOutOfTheKernelsList) {
  const std::string text =
      "Num RefCount Protocol Flags Type St Inode Path\n"
      "0: 2 0 00010000 0001 01 7 @zcnbrh-shim/42\n0: 3 0 0 1 03 8 @zcnbrh-shim/42\n"
      "0: 2 0 00010000 0001 01 7 @zcnbrh-shim/7\n0: 2 0 0 1 01 9 @zcnbrh-shim/x\n0: 2 0 0 1 01 9 "
      "/run/other/9\n";
  EXPECT_EQ(live_processes(text), (std::vector<pid_t>{7, 42}));
}

TEST(Report, HalfOfOneIsRefusedAndStrangeOnesAreShown) {
  EXPECT_THROW(parse_report("{\"pid\": 1, \"devi", "f"), NoReport);
  EXPECT_THROW(parse_report("[1]", "f"), NoReport);
  EXPECT_THROW(parse_report("{\"pid\": 1}", "f"), NoReport);
  EXPECT_THROW(find_report("/nowhere"), NoReport);
  const auto strange = parse_report(R"({"pid":1,"devices":[{}],"ports":[{"port":0,"calls":{"a":{}}}]})", "f");
  EXPECT_NE(report_text(strange).find("Port 0: not moved"), std::string::npos);
}

TEST(Run, VariablesAreThoseOfTheShim) {
  const Folder folder;
  RunOptions options;
  options.shim = folder.file("libzcnbrh_shim.so", "");
  options.maps = {"0000:3b:00.0=eth0,queue_count=2", "net_tap0=eth1"};
  options.strict = true;
  options.report = "/tmp/r";
  const Names wanted = {"LD_PRELOAD=" + options.shim + ":other.so",
                        "ZCNBRH_MAP=0000:3b:00.0=eth0,queue_count=2,net_tap0=eth1",
                        "ZCNBRH_MAP_FILE=",
                        "ZCNBRH_MODE=strict",
                        "ZCNBRH_OBSERVE=0",
                        "ZCNBRH_SHARE=0",
                        "ZCNBRH_REPORT=/tmp/r"};
  EXPECT_EQ(shim_variables(options, "other.so"), wanted);
}

TEST(Run, WrongOnesAreRefusedBeforeAnythingStarts) {
  const Folder folder;
  const std::string shim = folder.file("libzcnbrh_shim.so", "");
  const auto refused = [&](RunOptions options) {
    if (options.shim.empty()) options.shim = shim;
    EXPECT_THROW(shim_variables(options, ""), CannotRun);
  };
  refused({});
  refused({.maps = {"eth0"}});
  refused({.maps = {"net_tap0=eth0", "net_tap0=eth1"}});
  refused({.maps = {"net_tap0=eth0"}, .config = folder.file("more", "net_tap1=eth0\n")});
  refused({.config = "/nowhere"});
  refused({.observe = true, .shim = "/nowhere.so"});
  refused({.observe = true, .shim = folder.file("a b.so", "")});
}

TEST(Modules, AliasesOfBothFilesAreMatched) {
  const Folder folder;
  const std::string alias =
      folder.file("modules.alias",
                  "# no alias\nalias pci:v00008086d00001572sv*sd*bc*sc*i* i40e\nalias usb:v1* other\nalias\n"
                  "alias pci:v00008086d*sv*sd*bc02sc*i* second\n");
  folder.file(
      "modules.builtin.modinfo",
      std::string("igb.alias=pci:v00008086d00001521sv*sd*bc*sc*i*\0igb.author=x\0cut.alias=pci:v0000", 83));
  const ModuleAliases aliases(std::filesystem::path(alias).parent_path());
  EXPECT_TRUE(aliases.known());
  EXPECT_EQ(aliases.modules_for("pci:v00008086d00001572sv00001234sd00005678bc02sc00i00"),
            (Names{"i40e", "second"}));
  EXPECT_EQ(aliases.modules_for("pci:v00008086d00001521sv00000000sd00000000bc01sc00i00"), Names{"igb"});
  EXPECT_EQ(aliases.modules_for(""), Names());
  EXPECT_FALSE(ModuleAliases("/nowhere").known());
}

TEST(Text, TableAndLines) {
  Table table({"a", "long"});
  EXPECT_EQ(table.text(), "");
  table.add({"xyz", "1\x1b[2J"});
  EXPECT_EQ(table.text(), "  a    long\n  xyz  1?[2J\n");
  EXPECT_EQ(wrapped({"one", "two", "three"}, 2, 11), "  one, two,\n  three\n");
  EXPECT_EQ(wrapped({}, 2), "");
  use_colours(true);
  EXPECT_EQ(table.text(), "\x1b[1m  a    long\x1b[0m\n  xyz  1?[2J\n");
  EXPECT_EQ(inked("x", Ink::kBad), "\x1b[31mx\x1b[0m");
  use_colours(false);
  EXPECT_EQ(inked("x", Ink::kBad), "x");
}

}  // namespace
}  // namespace zcnbrh::migrate
