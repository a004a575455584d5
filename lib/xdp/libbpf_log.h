// SPDX-License-Identifier: Apache-2.0
// Copyright 2026 The Z-CNBRH authors
#pragma once

#include <string>

namespace zcnbrh {

// While one lives, what libbpf and libxdp print on this thread goes to our log sink at debug level, and the
// message that says most about a failure is kept for an Error. Other threads' messages still go to whoever
// took them before. Control path, any thread; nests.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The end of the verifier's log if there was one, else the last warning that is more than "failed". May
  // be empty.
  const std::string& reason() const { return verifier_.empty() ? warning_ : verifier_; }
  void take(bool is_warning, const std::string& message);

 private:
  LibbpfLog* outer_;
  std::string warning_;
  std::string verifier_;
};

}  // namespace zcnbrh
