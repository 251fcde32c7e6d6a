/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See shed.h. A task's ledger counts those of the tasks below it, too, which are its children's, as far as they have not been given to init.
 */
#include "shed.h"
#include "server.h"
#include "signals.h"
#include <libsys/print.h>
#include <wharf/if/vm.h>

static uint64_t paid(const struct process *p)
{
    struct vm_usage usage;
    return p->task != MSG_NULL && vm_usage(p->task, &usage) == KERN_SUCCESS ? usage.paid : 0;
}

static uint64_t own_pages(const struct process *p)
{
    uint64_t pages = paid(p);
    for (const struct process *child = p->child; child != NULL; child = child->next) {
        const uint64_t part = paid(child);
        pages = pages > part ? pages - part : 0;
    }
    return pages;
}

/* A person's shell. */
static bool is_shell(const struct process *p)
{
    return p->pid == p->sid && p->parent != NULL && p->parent->adopted;
}

static struct process *largest(bool shells, uint64_t *pages)
{
    struct process *found = NULL;
    *pages = 0;
    for (struct process *p = table_next(NULL); p != NULL; p = table_next(p)) {
        if (p->adopted || p->state == PROCESS_ZOMBIE || is_shell(p) != shells)
            continue;
        const uint64_t own = own_pages(p);
        if (found == NULL || own > *pages) {
            found = p;
            *pages = own;
        }
    }
    return found;
}

void shed_one(void)
{
    uint64_t pages;
    struct process *p = largest(false, &pages);
    if (p == NULL)
        p = largest(true, &pages);
    if (p == NULL)
        return;
    print("memory is full: process %d (%s) is ended, which has %lu pages\n", p->pid, p->name,
          (unsigned long)pages);
    (void)!signals_send(p, &(struct process_signal){.number = SIGNAL_KILL}, MSG_NULL);
}
