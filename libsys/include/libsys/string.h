/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The string functions are those of <string.h>: newlib declares them, libsys/string.c says which of
 * them are ours.
 */
#pragma once

#include <string.h>
