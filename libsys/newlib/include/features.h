/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which parts of the headers a program has asked for: programs from elsewhere include it by this name.
 */
#pragma once

#include <sys/features.h>
