// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "shim/modes.h"

namespace zcnbrh::shim {
namespace {

using Conf = struct rte_eth_conf;

// `take_out` leaves it as DPDK's zeroed default has it. True: it was asked for.
struct Mode {
  const char* name;
  bool PortHas::*has;  // nullptr: a port of ours never has it
  bool (*take_out)(Conf& conf);
};

template <uint32_t kFlag>
bool take_receive_mode(Conf& conf) {
  const auto mode = static_cast<uint32_t>(conf.rxmode.mq_mode);
  conf.rxmode.mq_mode = static_cast<enum rte_eth_rx_mq_mode>(mode & ~kFlag);
  return (mode & kFlag) != 0;
}

bool take_send_mode(Conf& conf) {
  const bool asked = conf.txmode.mq_mode != RTE_ETH_MQ_TX_NONE;
  conf.txmode.mq_mode = RTE_ETH_MQ_TX_NONE;
  return asked;
}

bool take_port_vlan(Conf& conf) {
  auto& tx = conf.txmode;
  const bool asked =
      tx.hw_vlan_insert_pvid != 0 || tx.hw_vlan_reject_tagged != 0 || tx.hw_vlan_reject_untagged != 0;
  tx.hw_vlan_insert_pvid = tx.hw_vlan_reject_tagged = tx.hw_vlan_reject_untagged = 0;
  return asked;
}

bool take(uint32_t& field) {
  const bool asked = field != 0;
  field = 0;
  return asked;
}

constexpr Mode kModes[] = {
    {"DCB on receive (rxmode.mq_mode)", nullptr, take_receive_mode<RTE_ETH_MQ_RX_DCB_FLAG>},
    {"VMDq on receive (rxmode.mq_mode)", nullptr, take_receive_mode<RTE_ETH_MQ_RX_VMDQ_FLAG>},
    {"DCB or VMDq on send (txmode.mq_mode)", nullptr, take_send_mode},
    {"the port's VLAN on send (txmode.hw_vlan_*)", nullptr, take_port_vlan},
    {"loopback (lpbk_mode)", nullptr, [](Conf& conf) { return take(conf.lpbk_mode); }},
    {"priority flow control (dcb_capability_en)", nullptr,
     [](Conf& conf) { return take(conf.dcb_capability_en); }},
    {"a link speed of its own (link_speeds)", nullptr, [](Conf& conf) { return take(conf.link_speeds); }},
    {"link state interrupts (intr_conf.lsc)", &PortHas::link_interrupt,
     [](Conf& conf) {
       const bool asked = conf.intr_conf.lsc != 0;
       conf.intr_conf.lsc = 0;
       return asked;
     }},
    {"removal interrupts (intr_conf.rmv)", &PortHas::removal_interrupt,
     [](Conf& conf) {
       const bool asked = conf.intr_conf.rmv != 0;
       conf.intr_conf.rmv = 0;
       return asked;
     }},
    {"RX interrupts (intr_conf.rxq)", &PortHas::rx_interrupts,
     [](Conf& conf) {
       const bool asked = conf.intr_conf.rxq != 0;
       conf.intr_conf.rxq = 0;
       return asked;
     }},
};

}  // namespace

std::vector<std::string> take_out_modes(struct rte_eth_conf& conf, const PortHas& has) {
  std::vector<std::string> out;
  for (const Mode& mode : kModes)
    if ((mode.has == nullptr || !(has.*mode.has)) && mode.take_out(conf)) out.emplace_back(mode.name);
  return out;
}

}  // namespace zcnbrh::shim
