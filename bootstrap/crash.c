/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See crash.h.
 */
#include "crash.h"
#include "log.h"
#include "program.h"
#include "restart.h"
#include "rights.h"
#include <libsys/server.h>

static const char *const kinds[] = {
    [EXCEPTION_KIND_READ] = "cannot read",
    [EXCEPTION_KIND_WRITE] = "cannot write",
    [EXCEPTION_KIND_EXECUTE] = "cannot execute",
    [EXCEPTION_KIND_BAD_INSTRUCTION] = "has an undefined instruction at",
    [EXCEPTION_KIND_ALIGNMENT] = "has a misaligned address",
    [EXCEPTION_KIND_ARITHMETIC] = "has an arithmetic error at",
    [EXCEPTION_KIND_BREAKPOINT] = "has a breakpoint at",
    [EXCEPTION_KIND_STEP] = "has made a step at",
    [EXCEPTION_KIND_WATCHPOINT] = "has touched",
    [EXCEPTION_KIND_BUS] = "got no answer from the hardware at",
};

/* A task that the program made has this handler, too: the kernel reports it, and ends it. */
static kern_return_t raise(struct server_message *message, mach_port_name_t thread,
                           mach_port_name_t task, uint32_t kind, uint32_t number, uint64_t code,
                           uint64_t address)
{
    struct program *p = message->context;
    if (task == MSG_NULL || task != p->task)
        return KERN_FAILURE;
    const char *what = kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : NULL;
    log_line("%s crashed: thread %u %s 0x%lx, code 0x%lx", p->recipe.name, number,
             what != NULL ? what : "raised something at", (unsigned long)address,
             (unsigned long)code);
    restart_end(p, ENDING_CRASH);
    send_drop(&thread);
    send_drop(&task);
    return KERN_SUCCESS;
}

const struct exception_ops crash_ops = {.raise = raise};
