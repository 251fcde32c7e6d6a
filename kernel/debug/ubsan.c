/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What code compiled with -fsanitize=undefined calls when it finds undefined behaviour: a panic
 * with the place. For gcc and clang; both make the same calls, with or without "_abort". Every call
 * has a record whose first member is the place, but for those about returned pointers, which have
 * the place as second argument.
 *
 * To be compiled without -fsanitize, and not linked where the compiler's own run-time is.
 */
#include <kern/panic.h>

struct place {
    const char *file;
    uint32_t line, column;
};

[[gnu::noreturn]] static void found(const char *what, const struct place *place, const void *a,
                                    const void *b)
{
    panic("undefined behaviour: %s at %s:%u:%u (%#lx, %#lx)", what, place->file, place->line,
          place->column, (unsigned long)(uintptr_t)a, (unsigned long)(uintptr_t)b);
}

/* Operands follow as words; what is wider is passed by address. */
#define DEFINE_ONE(name, what, parameters, place, a, b) \
    void __ubsan_handle_##name parameters;              \
    void __ubsan_handle_##name parameters               \
    {                                                   \
        found(what, place, a, b);                       \
    }
#define DEFINE(name, what, parameters, place, a, b) \
    DEFINE_ONE(name, what, parameters, place, a, b) \
    DEFINE_ONE(name##_abort, what, parameters, place, a, b)

#define NO_OPERAND(name, what)   DEFINE(name, what, (void *data), data, NULL, NULL)
#define ONE_OPERAND(name, what)  DEFINE(name, what, (void *data, void *a), data, a, NULL)
#define TWO_OPERANDS(name, what) DEFINE(name, what, (void *data, void *a, void *b), data, a, b)
#define OWN_PLACE(name, what)    DEFINE(name, what, (void *data, void *at), at, data, NULL)

TWO_OPERANDS(add_overflow, "addition overflows")
TWO_OPERANDS(sub_overflow, "subtraction overflows")
TWO_OPERANDS(mul_overflow, "multiplication overflows")
TWO_OPERANDS(divrem_overflow, "division by zero or overflow")
TWO_OPERANDS(shift_out_of_bounds, "shift out of bounds")
TWO_OPERANDS(pointer_overflow, "pointer arithmetic overflows")
ONE_OPERAND(negate_overflow, "negation overflows")
ONE_OPERAND(out_of_bounds, "index out of bounds")
ONE_OPERAND(vla_bound_not_positive, "array length not positive")
ONE_OPERAND(load_invalid_value, "value not valid for its type")
ONE_OPERAND(type_mismatch_v1, "null, misaligned or too small object")
NO_OPERAND(nonnull_arg, "null argument")
NO_OPERAND(invalid_builtin, "argument not valid for builtin")
OWN_PLACE(nonnull_return_v1, "null returned")
DEFINE(alignment_assumption, "alignment assumption wrong", (void *data, void *a, void *b, void *),
       data, a, b)

/* These two have no "_abort" form. */
DEFINE_ONE(builtin_unreachable, "unreachable code reached", (void *data), data, NULL, NULL)
DEFINE_ONE(missing_return, "function ended without a value", (void *data), data, NULL, NULL)
