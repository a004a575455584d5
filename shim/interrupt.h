// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
//
// Sockets that EAL's interrupt thread serves for us, so that the shim has no thread of its own.
#pragma once

#include <string>

#include "lib/base/result.h"
#include "lib/base/unique_fd.h"

namespace zcnbrh::shim {

// `serve(argument)` is called when `fd` is readable; false ends that, and `fd` may be closed by then.
using Serve = bool (*)(void* argument) noexcept;
Status watch_fd(int fd, Serve serve, void* argument);

// Listens, without blocking, to "@name" in the abstract namespace; empty: errno says why not.
UniqueFd listen_abstract(const std::string& name, int type);

}  // namespace zcnbrh::shim
