/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a report of a crash has to know of the machine: the words for an exception's code, where a chain of frames begins and how it
 * goes on, and what debuggers call the machine and its registers. Sources: Arm ARM DDI 0487, ESR_EL1 (ISS of data and instruction aborts); AAPCS64, frame
 * records; ELF for the Arm 64-bit Architecture.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <wharf/thread_state.h>

#define CRASH_ELF_MACHINE 183
#define CRASH_NOTE_TLS    0x401 /* NT_ARM_TLS, of "LINUX" */

/** Of an abort: why the access failed. NULL: the code does not say. */
static inline const char *crash_code_words(uint64_t code)
{
    const unsigned status = code & 0x3f; /* DFSC, IFSC */
    switch (status >> 2) {
    case 0: return "no address of the machine";
    case 1: return "nothing is mapped there";
    case 2: return "no access yet";
    case 3: return "not permitted";
    default: return status == 0x21 ? "misaligned" : status == 0x10 ? "an external abort" : NULL;
    }
}

/** Where the chain of frame records begins. */
static inline uint64_t crash_first_frame(const struct thread_state_general *state)
{
    return state->x[29];
}

/** A frame record. */
struct crash_frame {
    uint64_t next, link;
};

/** An address inside the call that a link comes from. */
static inline uint64_t crash_call_of(uint64_t link)
{
    return link - 4;
}
