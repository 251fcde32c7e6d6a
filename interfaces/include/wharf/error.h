/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error values, shared by the kernel and every program. The rows stand in
 * interfaces/include/wharf/abi/errors.def. The enum is [[nodiscard]]: a result that nobody looks at
 * does not compile.
 */
#pragma once

typedef enum [[nodiscard]] kern_return{
#define ERROR(name, number, class, sentence) name = number,
#include <wharf/abi/errors.def>
#undef ERROR
} kern_return_t;
