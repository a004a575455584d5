// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Receive metadata as a reader of packets sees it: what XdpProgram::use_metadata() has the program write.
#pragma once

#include <cstdint>

#include "bpf/zcnbrh_meta.h"

namespace zcnbrh {

// The struct before a packet, once: it is taken away, since the buffer will be used again. Null: there is none.
// `data` has at least its size before it.
inline const zcnbrh_meta* take_rx_metadata(uint8_t* data) {
  auto* meta = reinterpret_cast<zcnbrh_meta*>(data - sizeof(zcnbrh_meta));
  if (meta->magic != ZCNBRH_META_MAGIC) return nullptr;
  meta->magic = 0;
  return meta;
}

}  // namespace zcnbrh
