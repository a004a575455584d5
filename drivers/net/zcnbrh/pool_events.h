// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// What happens to mempools while ports run. A UMEM pins the pages it was made of: memory that is given back
// and handed out again at the same addresses is other pages, and a packet sent from it by address would be
// the old pages' bytes. So:
//   READY    a pool made after the start is sent from by copy; that is said once.
//   DESTROY  before its memory goes, the pool leaves the queues' tables: nothing more is sent from it by
//            address, its frames that are still in flight come back to nowhere. A queue that receives into it
//            is closed.
//   memory freed under a pool that was not destroyed: the same, but the queue's bursts are stopped and it is
//            closed with the port, since EAL's memory is locked meanwhile.
// mempool events are of this process: a pool that a secondary process destroys is not seen.
#pragma once

namespace zcnbrh::pmd {

// Harmless when called again.
void watch_pools();

}  // namespace zcnbrh::pmd
