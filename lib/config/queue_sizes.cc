// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#include "lib/config/queue_sizes.h"

#include <bit>
#include <cerrno>
#include <string>

namespace zcnbrh {
namespace {

struct Side {
  const char* name;
  uint32_t descriptors;
};

Error size_error(std::string why) { return Error{EINVAL, "queue sizes", std::move(why)}; }

Status check_side(const Side& side) {
  if (side.descriptors == 0 || (side.descriptors >= kMinDesc && side.descriptors <= kMaxDesc)) return {};
  return size_error(std::string(side.name) + "=" + std::to_string(side.descriptors) + ": out of range " +
                    std::to_string(kMinDesc) + ".." + std::to_string(kMaxDesc));
}

// The key's size where it is given and holds the side's descriptors, else what the descriptors need.
Status pick(const char* key, const std::optional<uint32_t>& given, const Side& side, uint32_t fallback,
            uint32_t* size) {
  *size = given.value_or(side.descriptors != 0 ? std::bit_ceil(side.descriptors) : fallback);
  const std::string text = std::string(key) + "=" + std::to_string(*size);
  if (*size < side.descriptors)
    return size_error(text + ": smaller than " + side.name + "=" + std::to_string(side.descriptors) +
                      "; give at least " + std::to_string(std::bit_ceil(side.descriptors)) +
                      " or ask for fewer descriptors");
  if (given && (*size < kMinRing || *size > kMaxRing || !std::has_single_bit(*size)))
    return size_error(text + ": takes a power of two " + std::to_string(kMinRing) + ".." +
                      std::to_string(kMaxRing));
  return {};
}

}  // namespace

Result<QueueSizes> queue_sizes(const PortConfig& config, uint32_t nb_rx_desc, uint32_t nb_tx_desc) {
  const Side rx{"nb_rx_desc", nb_rx_desc};
  const Side tx{"nb_tx_desc", nb_tx_desc};
  if (nb_rx_desc == 0 && nb_tx_desc == 0)
    return size_error("nb_rx_desc=0, nb_tx_desc=0: a queue receives, transmits or both");
  for (const Side& side : {rx, tx})
    if (Status fits = check_side(side); !fits) return fits.error();

  QueueSizes sizes;
  const Status picked[] = {
      pick("fill_ring", config.fill_ring, rx, kTxOnlyFillRing, &sizes.fill),
      nb_rx_desc != 0 ? pick("rx_ring", config.rx_ring, rx, 0, &sizes.rx) : Status(),
      nb_tx_desc != 0 ? pick("tx_ring", config.tx_ring, tx, 0, &sizes.tx) : Status(),
      pick("comp_ring", config.comp_ring, tx, kMinRing, &sizes.comp),
  };
  for (const Status& status : picked)
    if (!status) return status.error();
  return sizes;
}

}  // namespace zcnbrh
