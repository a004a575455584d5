#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# lint.sh        clang-format, shellcheck and clang-tidy over our files, and a build without a warning by
#                g++ (build-lint) and clang++ (build-clang). Reports everything, then fails if anything was wrong.
# lint.sh --fix  rewrites the sources with clang-format.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
wrong=()

sources() {
  git ls-files --cached --others --exclude-standard -- '*.c' '*.cc' '*.h' | while read -r file; do
    if [ -f "$file" ]; then echo "$file"; fi
  done
}

scripts() {
  git ls-files --cached --others --exclude-standard | while read -r file; do
    [ -f "$file" ] || continue
    case $(head -c 16 "$file" | tr -d '\0') in '#!/bin/sh'* | '#!/bin/bash'*) echo "$file" ;; esac
  done
}

check() {  # $1: title, the rest: a command that prints what is wrong
  local title=$1
  shift
  echo "== $title"
  "$@" || wrong+=("$title")
}

compile() {  # $1: C++ compiler, $2: C compiler, $3: folder, $4: optimization
  CXX=$1 CC=$2 devtools/configure.sh "$3" -Dwerror=true "-Doptimization=$4" >"$3.log" 2>&1 || { cat "$3.log"; return 1; }
  rm -f "$3.log"
  ninja -C "$3" -k 0
}

tidy() {
  local files
  # Only what the build compiles: clang-tidy needs the flags. Each file once, on every core.
  files=$(sources | grep '\.cc$' | while read -r file; do
    if grep -q "\"../$file\"" build-clang/compile_commands.json; then echo "$file"; fi
  done)
  echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy -p build-clang --quiet --warnings-as-errors='*' 2>/dev/null
}

format_check() { sources | xargs clang-format --dry-run -Werror; }
shell_check() { scripts | xargs shellcheck; }

if [ "${1:-}" = --fix ]; then
  sources | xargs clang-format -i
  exit
fi

check clang-format format_check
if command -v shellcheck >/dev/null; then check shellcheck shell_check; else echo "== shellcheck: not installed"; fi
check "g++ without a warning" compile g++ gcc build-lint 3  # what users build: some warnings need -O3
check "clang++ without a warning" compile clang++ clang build-clang 0
check clang-tidy tidy

if [ ${#wrong[@]} -gt 0 ]; then
  printf 'lint: at fault: %s\n' "${wrong[@]}"
  exit 1
fi
echo "lint: clean"
