/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/** Memory in messages while other threads write to it or unmap it, while tasks are cloned, and die; what nobody receives. */
void test_busy(void);
