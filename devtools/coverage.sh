#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# Runs the whole test list on an instrumented build and writes build-coverage/coverage.html; the table on the
# terminal covers lib/ and drivers/. Fails when a test fails.
set -euo pipefail
cd "$(dirname "$0")/.."
devtools/configure.sh build-coverage -Db_coverage=true -Doptimization=0 -Db_ndebug=false
ninja -C build-coverage
find build-coverage -name '*.gcda' -delete
status=0
meson test -C build-coverage --no-rebuild --timeout-multiplier 4 || status=$?
gcovr --root . --object-directory build-coverage --filter 'lib/' --filter 'drivers/' \
  --exclude-throw-branches --html-details build-coverage/coverage.html --txt
echo "coverage: build-coverage/coverage.html"
exit "$status"
