/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the client stubs that tools/defsgen.py makes stand on. A stub that needs nothing but
 * registers is stub_call_words() and a few moves; everything else is in libsys/stub.c, once for all.
 *
 * I1 A reply that does not have the routine's shape, or wants to be answered, loses what it carries, and nothing of it
 *    is seen.
 * I2 After a MACH_SEND_ error the caller still has the rights and memory it wanted to move; after
 *    any other result they are gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <user/msg.h>
#include <wharf/error.h>
#include <wharf/message.h>
#include <wharf/wire.h>

/** After a call through registers that did not end as it should (result, id, control, remote and words: as it ended): wait
 *  again if the wait was interrupted. KERN_SUCCESS: a reply of that shape is in registers->word. */
[[gnu::cold]] kern_return_t stub_recover(struct msg_registers *registers, uint32_t shape,
                                         uint64_t deadline);

/* Not a loop: the compiler keeps elements of an array in registers only if it sees every index. */
static inline void stub_copy_words(uint64_t to[MSG_REGISTER_BYTES / 8],
                                   const uint64_t from[MSG_REGISTER_BYTES / 8])
{
    to[0] = from[0];
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
    to[4] = from[4];
    to[5] = from[5];
    to[6] = from[6];
    to[7] = from[7];
}

/** Call with `length` bytes in `word`; the reply, without descriptors, comes back there. Returns whether all is well;
 *  *result is KERN_SUCCESS then, and whoever returns it needs no constant.
 *  Errors: those of the trap, what the server answers, MIG_SERVER_DIED, MIG_BAD_REPLY. */
[[gnu::always_inline]] static inline bool stub_call_words(mach_port_name_t to, uint32_t message,
                                                          uint32_t length,
                                                          uint64_t word[MSG_REGISTER_BYTES / 8],
                                                          uint32_t reply, uint64_t deadline,
                                                          kern_return_t *result)
{
    uint64_t id = message;
    uint64_t control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, length, 0);
    uint64_t remote;
    int64_t trap;
    if (__builtin_expect(user_msg_call(to, &id, &control, word, deadline, reply, &remote, &trap),
                         1)) {
        *result = (kern_return_t)trap;
        return true;
    }
    struct msg_registers registers; /* only here: the words above stay in registers */
    registers.result = trap;
    registers.id = id;
    registers.control = control;
    registers.remote = remote;
    stub_copy_words(registers.word, word);
    *result = stub_recover(&registers, reply, deadline);
    stub_copy_words(word, registers.word);
    return *result == KERN_SUCCESS;
}

/* Bodies of at most 64 bytes are copied whole: there have to be 64 bytes at the address, whatever is in them. */

/** Call with a body of any kind. The reply's is stored in `body`, which may be the request's and has room for
 *  `capacity` bytes (at least 64), and its shape in *reply; nothing is stored there after an error, MIG_BAD_REPLY
 *  excepted. Errors as above. */
kern_return_t stub_call(mach_port_name_t to, uint32_t id, const void *request, uint32_t shape,
                        void *body, uint32_t capacity, uint64_t deadline, uint32_t *reply);

/** The end of such a call by who did the trap himself: what the registers, and `body` if it is long, mean. */
kern_return_t stub_answered(struct msg_registers *registers, void *body, uint32_t *reply);

/** Send without an answer: a oneway message (MSG_COPY_SEND) or a reply (MSG_MOVE_SEND_ONCE). No body: NULL. Errors:
 *  MACH_SEND_. */
kern_return_t stub_send(mach_port_name_t to, unsigned disposition, uint32_t id, const void *body,
                        uint32_t shape, uint64_t deadline);

/** Whether the descriptors at the head of a body that came are those wanted. */
bool stub_descriptors_fit(const void *body, const struct wire_descriptor *wanted, unsigned count);
/** Give up what the first `count` descriptors of a body that came carry. */
void stub_release_received(const void *body, unsigned count);
/** Give up what a body that could not be sent would have moved. */
void stub_release_unsent(const void *body, unsigned count);
/** Give up what the reply carries; MIG_BAD_REPLY. */
[[gnu::cold]] kern_return_t stub_bad_reply(const void *body, uint32_t shape);

/** The moment that many nanoseconds from now. */
uint64_t stub_deadline(uint64_t nanoseconds);

/* The two ways to give something up; defined with the calls for ports and memory, and by tests. */

/** One user reference of `name`; kind: MSG_MOVE_SEND, MSG_MOVE_SEND_ONCE or MSG_MOVE_RECEIVE. */
void stub_release_right(mach_port_name_t name, unsigned kind);
/** Memory that came with a message, or was to be moved with one. */
void stub_release_memory(void *address, uint64_t size);
