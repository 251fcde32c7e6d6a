/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The twin of arch/aarch64/user/include/user/msg.h on the development host: the trap msg is a
 * function that the test defines.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <wharf/wire.h>

/** The test's trap msg: registers in and out as <wharf/message.h> tells. */
void host_msg_trap(struct msg_registers *registers);

static inline uint64_t user_msg_any(void)
{
    return 0;
}

static inline void user_msg_trap(struct msg_registers *registers)
{
    host_msg_trap(registers);
}

static inline bool user_msg_call(uint64_t destination, uint64_t *id, uint64_t *control,
                                 uint64_t word[8], uint64_t deadline, uint32_t shape,
                                 uint64_t *remote, int64_t *result)
{
    struct msg_registers registers = {
        .destination = destination,
        .id = *id,
        .control = *control,
        .receive = MSG_REPLY,
        .deadline = deadline,
    };
    __builtin_memcpy(registers.word, word, sizeof registers.word);
    host_msg_trap(&registers);
    *id = registers.id;
    *control = registers.control;
    __builtin_memcpy(word, registers.word, sizeof registers.word);
    *remote = registers.remote;
    *result = registers.result;
    return registers.result == 0 && registers.id == 0 && wire_shape(registers.control) == shape &&
           msg_remote(registers.control) == 0;
}

static inline int64_t user_msg_send(uint64_t destination, uint64_t id, uint64_t control,
                                    const void *out, uint64_t deadline)
{
    struct msg_registers registers = {
        .destination = destination,
        .id = id,
        .control = control,
        .deadline = deadline,
    };
    __builtin_memcpy(registers.word, out, sizeof registers.word);
    host_msg_trap(&registers);
    return registers.result;
}

static inline int64_t user_msg_serve(struct msg_registers *registers, uint64_t destination,
                                     uint64_t *id, uint64_t *control, const void *out,
                                     uint64_t *remote)
{
    struct msg_registers copy = *registers;
    copy.destination = destination;
    copy.id = *id;
    copy.control = *control;
    copy.local = 0;
    __builtin_memcpy(copy.word, out, sizeof copy.word);
    host_msg_trap(&copy);
    registers->result = copy.result;
    registers->id = copy.id;
    registers->control = copy.control;
    registers->local = copy.local;
    __builtin_memcpy(registers->word, copy.word, sizeof copy.word);
    *id = copy.id;
    *control = copy.control;
    *remote = copy.remote;
    return copy.result;
}
