/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scenarios, a function each; scenarios.def has the list.
 */
#pragma once

#define SCENARIO(name) void scene_##name(void);
#include "scenarios.def"
#undef SCENARIO
