/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs started by programs: a task is made of an ELF file, with exactly the rights that are listed.
 *
 * S1 The new task has its own port, its first thread's, and the rights of the request; nothing else of the caller's. It is a child of the
 *    caller's task, whose ledger pays for it.
 * S2 After an error there is no task any more.
 * S3 Constants and code are mapped straight from the memory entry that the file lies in, where its pages are theirs; all else is copied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/task_types.h>
#include <wharf/message.h>
#include <wharf/start.h>

/** Programs lie below; what the kernel chooses addresses for, above. The stack ends a page before it. */
#define SPAWN_END       UINT64_C(0x1000000000)
#define SPAWN_LOWEST    UINT64_C(0x1000)
/** The stack's end. The eight bytes below it hold the address of the start block, for who looks at a program from outside. */
#define SPAWN_STACK_TOP (SPAWN_END - UINT64_C(0x1000))

enum { SPAWN_NAME_SIZE = 64, SPAWN_ARGUMENTS_SIZE = 1024 };

/** A right for the new program: a name of the caller's. */
struct spawn_right {
    size_t where; /* offsetof(struct start_info, MEMBER) */
    mach_port_name_t name;
    bool make; /* a send right is made of the receive right `name`; else a send right is copied */
};

struct spawn_request {
    mach_port_name_t parent; /* the task whose ledger is above the new one's; 0: the caller's */
    const char *name;        /* argv[0]; the task's, cut off at 31 characters */
    const char *arguments;   /* further words, a blank between them */
    const void *file;        /* the ELF file, in the caller's memory */
    size_t size;
    mach_port_name_t
        memory; /* the file lies in this memory entry, from memory_offset on; 0: it is copied */
    uint64_t memory_offset;
    const struct spawn_right *rights;
    unsigned right_count;
    const struct task_limit *limits;
    unsigned limit_count;
    unsigned priority;        /* of the first thread; 0: THREAD_PRIORITY_DEFAULT */
    bool limit_priority;      /* it is the most for all its threads */
    mach_port_name_t handler; /* of its exceptions, flavour RIGHTS; 0: as the caller's */
    mach_port_name_t
        resident; /* the host's memory port: the new task's memory is not paged out (host_memory.set_reclaim), so that nobody waits for a page who
                                * makes it; until it is told otherwise. 0: as anybody's */
    uint64_t initrd_offset; /* for the start block, where rights has the initrd */
    uint64_t initrd_size;
    uint8_t seed[16]; /* of its random numbers */
};

struct spawned {
    mach_port_name_t task, thread; /* send rights */
    uint32_t thread_id;
};

/** Make it; its first thread is suspended once: thread_resume(made->thread) starts it. *why: a sentence, on errors.
 *  KERN_BAD_FORMAT: the file is no program; KERN_INVALID_ARGUMENT: a text is too long; else what the kernel said. */
kern_return_t spawn_make(const struct spawn_request *request, struct spawned *made,
                         const char **why);

struct elf_program;
/** Only the segments, into a task that is there: file, size, memory, memory_offset of the request. */
kern_return_t spawn_segments(mach_port_name_t task, const struct spawn_request *request,
                             const struct elf_program *program);
