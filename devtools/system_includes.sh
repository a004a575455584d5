#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# Prints, one a line, "-idirafter" and each include folder that the compiler given ($1) searches when it
# compiles C for this machine.
set -eu
LC_ALL=C "$1" -v -E -x c - </dev/null 2>&1 |
  awk '/^#include <\.\.\.>/ { on = 1; next } /^End of search list/ { on = 0 } on { print "-idirafter"; print $1 }'
