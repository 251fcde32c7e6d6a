/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of this directory in assembly share.
 */
#pragma once

/* clang-format off */

/* ERET, and nothing executed behind it by straight-line speculation with the user's registers
 * (CVE-2020-13844). */
.macro exception_return
    eret
    dsb     nsh
    isb
.endm
