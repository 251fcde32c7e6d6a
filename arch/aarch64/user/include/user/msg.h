/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trap msg as inline functions, one for each shape of use. Which register holds what stands in
 * <wharf/message.h>. The stubs that tools/defsgen.py makes are built on these; arch/host/user has the
 * same functions for tests on the development host.
 *
 * The kernel returns x1 to x18 with payload or zero, so that all of them count as written; x19 to
 * x30 and sp are kept. The constants are loaded inside, beside the trap: as operands they would
 * need more registers than an asm statement may name.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/wire.h>

/** A word whose value does not matter: a register as it is, for no instruction. Volatile, or all such words
 *  would be the same one, copied. */
static inline uint64_t user_msg_any(void)
{
    uint64_t word;
    asm volatile("" : "=r"(word));
    return word;
}

/** The trap with all its registers in memory, in and out. */
static inline void user_msg_trap(struct msg_registers *registers)
{
    asm volatile("ldp x0, x1, [%0]\n\t"
                 "ldp x2, x3, [%0, #16]\n\t"
                 "ldp x4, x5, [%0, #32]\n\t"
                 "ldp x6, x7, [%0, #48]\n\t"
                 "ldp x9, x10, [%0, #64]\n\t"
                 "ldp x11, x12, [%0, #80]\n\t"
                 "ldp x13, x14, [%0, #96]\n\t"
                 "ldp x15, x18, [%0, #112]\n\t"
                 "svc #1\n\t"
                 "stp x0, x1, [%0]\n\t"
                 "stp x2, x3, [%0, #16]\n\t"
                 "stp x4, x5, [%0, #32]\n\t"
                 "stp x9, x10, [%0, #64]\n\t"
                 "stp x11, x12, [%0, #80]\n\t"
                 "stp x13, x14, [%0, #96]\n\t"
                 "stp x15, x18, [%0, #112]"
                 :
                 : "r"(registers)
                 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
                   "x13", "x14", "x15", "x16", "x17", "x18", "cc", "memory");
}

/** Zero if a call ended well: id 0, control word that of an answer (local MSG_MOVE_SEND_ONCE) without a right to answer
 *  it (remote 0), flags 0, length and descriptors as in `shape` (WIRE_SHAPE). Then the result is 0, too: after an error
 *  the control word is zero, or tells a length of more than 64 bytes. */
[[gnu::always_inline]] static inline uint64_t user_msg_wrong(uint64_t id, uint64_t control,
                                                             uint32_t shape)
{
    register uint64_t wrong asm("x17"); /* what came stays where it is */
    const uint64_t wanted = MSG_CONTROL(0, MSG_MOVE_SEND_ONCE, 0, 0);
    if (shape == 0)
        asm("mov %0, %3\n\t"
            "eor %0, %0, %2\n\t"
            "orr %0, %0, %1"
            : "=&r"(wrong)
            : "r"(id), "r"(control), "i"(wanted));
    else
        asm("mov %0, %3\n\t"
            "movk %0, %4, lsl #16\n\t"
            "eor %0, %0, %2\n\t"
            "orr %0, %0, %1"
            : "=&r"(wrong)
            : "r"(id), "r"(control), "i"(wanted), "i"(shape));
    return wrong;
}

/** Call: send *id, *control and the words to `destination`, wait for the answer, which must fit in
 *  registers too. Returns whether all is well (user_msg_wrong()). The others are written whatever happened; *remote is
 *  x4, *result is x0. Of that register 32 bits count, as name and as error: so it needs no extension. */
[[gnu::always_inline]] static inline bool user_msg_call(mach_port_name_t destination, uint64_t *id,
                                                        uint64_t *control, uint64_t word[8],
                                                        uint64_t deadline, uint32_t shape,
                                                        uint64_t *remote, int64_t *result)
{
    register uint64_t x9 asm("x9") = word[0];
    register uint64_t x10 asm("x10") = word[1];
    register uint64_t x11 asm("x11") = word[2];
    register uint64_t x12 asm("x12") = word[3];
    register uint64_t x13 asm("x13") = word[4];
    register uint64_t x14 asm("x14") = word[5];
    register uint64_t x15 asm("x15") = word[6];
    register uint64_t x18 asm("x18") = word[7];
    register uint64_t x4 asm("x4");
    register uint64_t x5 asm("x5") = deadline;
    register uint32_t x0 asm("x0") = destination;
    register uint64_t x1 asm("x1") = *id;
    register uint64_t x2 asm("x2") = *control;
    asm volatile("mov x3, #0\n\t"
                 "mov w4, #%c[reply]\n\t" /* the upper half becomes zero */
                 "mov x7, #0\n\t"
                 "svc #1"
                 : "+r"(x0), "+r"(x1), "+r"(x2), "=&r"(x4), "+r"(x5), "+r"(x9), "+r"(x10),
                   "+r"(x11), "+r"(x12), "+r"(x13), "+r"(x14), "+r"(x15), "+r"(x18)
                 : [reply] "i"((int32_t)MSG_REPLY)
                 : "x3", "x6", "x7", "x8", "x16", "x17", "cc", "memory");
    const uint64_t wrong = user_msg_wrong(x1, x2, shape);
    *result = (int32_t)x0;
    *remote = x4;
    *id = x1;
    *control = x2;
    word[0] = x9;
    word[1] = x10;
    word[2] = x11;
    word[3] = x12;
    word[4] = x13;
    word[5] = x14;
    word[6] = x15;
    word[7] = x18;
    return wrong == 0;
}

/** Send id and control with the 64 bytes at `out`, and receive nothing. The trap's result. */
static inline int64_t user_msg_send(uint64_t destination, uint64_t id, uint64_t control,
                                    const void *out, uint64_t deadline)
{
    register uint64_t x0 asm("x0") = destination;
    register uint64_t x1 asm("x1") = id;
    register uint64_t x2 asm("x2") = control;
    register uint64_t x5 asm("x5") = deadline;
    asm volatile("mov x3, #0\n\t"
                 "mov x4, #0\n\t"
                 "mov x7, #0\n\t"
                 "ldp x9, x10, [%[out]]\n\t"
                 "ldp x11, x12, [%[out], #16]\n\t"
                 "ldp x13, x14, [%[out], #32]\n\t"
                 "ldp x15, x18, [%[out], #48]\n\t"
                 "svc #1"
                 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x5)
                 : [out] "r"(out)
                 : "x3", "x4", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                   "x16", "x17", "x18", "cc", "memory");
    return (int64_t)x0;
}

/** Answer and receive the next: send id and control to `destination` (0: send nothing) with the 64
 *  bytes at `out`; then receive as registers->receive, deadline, buffer and size tell, which stay as
 *  they are. result, id, control, local and the words are stored; id and control come back by
 *  pointer too, and the right to answer with in *remote. */
[[gnu::always_inline]] static inline int64_t user_msg_serve(struct msg_registers *registers,
                                                            uint64_t destination, uint64_t *id,
                                                            uint64_t *control, const void *out,
                                                            uint64_t *remote)
{
    register uint64_t x0 asm("x0") = destination;
    register uint64_t x1 asm("x1") = *id;
    register uint64_t x2 asm("x2") = *control;
    register uint64_t x4 asm("x4");
    asm volatile("mov x3, #0\n\t"
                 "ldp x9, x10, [%[out]]\n\t"
                 "ldp x11, x12, [%[out], #16]\n\t"
                 "ldp x13, x14, [%[out], #32]\n\t"
                 "ldp x15, x18, [%[out], #48]\n\t"
                 "ldp x4, x5, [%[in], #32]\n\t"
                 "ldp x6, x7, [%[in], #48]\n\t"
                 "svc #1\n\t"
                 "stp x0, x1, [%[in]]\n\t"
                 "stp x2, x3, [%[in], #16]\n\t"
                 "stp x9, x10, [%[in], #64]\n\t"
                 "stp x11, x12, [%[in], #80]\n\t"
                 "stp x13, x14, [%[in], #96]\n\t"
                 "stp x15, x18, [%[in], #112]"
                 : "+r"(x0), "+r"(x1), "+r"(x2), "=&r"(x4)
                 : [out] "r"(out), [in] "r"(registers)
                 : "x3", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                   "x16", "x17", "x18", "cc", "memory");
    *id = x1;
    *control = x2;
    *remote = x4;
    return (int64_t)x0;
}
