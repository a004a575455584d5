/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright 2026 The Z-CNBRH authors */
/* See meson.build: testpmd without what it takes from the sources of the driver mlx5. */
#include <rte_build_config.h>
#undef RTE_NET_MLX5
