# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 The Z-CNBRH authors
#
# A thin front of Meson and Ninja. Every target does its own set-up (devtools/setup.sh).

.DEFAULT_GOAL := help
.NOTPARALLEL:
BUILD ?= build
DEMO_ARGS ?=
TEST_ARGS ?=
LAB_ARGS ?=
BENCH_ARGS ?=
MESON_ARGS ?=

.PHONY: help setup build test lab demo bench bench-quick lint format asan tsan coverage install clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

setup: ## install missing Debian packages, fetch the DPDK driver headers
	@devtools/setup.sh

build: setup ## configure and build into build/ (MESON_ARGS=-Dname=value ...)
	@devtools/configure.sh $(BUILD) $(MESON_ARGS)
	@ninja -C $(BUILD)

test: build ## every test, then unit and C API tests under ASan+UBSan and TSan (TEST_ARGS='--suite unit')
	@devtools/run_tests.py $(TEST_ARGS)

lab: build ## real zero-copy on virtio-net and igb, in a QEMU guest (LAB_ARGS='igb modes')
	@ZCNBRH_LAB=full ZCNBRH_LAB_ARGS='$(LAB_ARGS)' devtools/run_tests.py --only build --suite lab

demo: build ## stock testpmd on net_zcnbrh and on net_af_xdp, side by side (DEMO_ARGS=...)
	@demo/run.py $(DEMO_ARGS)

bench: build ## every bench in less than 20 minutes: tables, plots and JSON in a folder it names (BENCH_ARGS='--only veth')
	@bench/run.py --build $(BUILD) $(BENCH_ARGS)

bench-quick: build ## the most telling ones in 2 minutes
	@bench/run.py --build $(BUILD) --quick $(BENCH_ARGS)

lint: setup ## clang-format, clang-tidy, shellcheck; no warning by g++ and clang++
	@devtools/lint.sh

format: setup ## rewrite the sources with clang-format
	@devtools/lint.sh --fix

asan: setup ## unit and C API tests under ASan+UBSan only
	@devtools/run_tests.py --only asan

tsan: setup ## unit and C API tests under TSan only
	@devtools/run_tests.py --only tsan

coverage: setup ## line coverage by every test: build-coverage/coverage.html
	@devtools/coverage.sh

install: build ## library, header, pkg-config file and driver (DESTDIR=...)
	@meson install -C $(BUILD) --no-rebuild

clean: ## remove the build folders
	rm -rf build build-*
