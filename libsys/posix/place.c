/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root, current directory and mask of a process; see place.h.
 */
#include "place.h"
#include "process.h"
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/sync.h>
#include <stddef.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

_Atomic mode_t place_umask = 022;

static struct mutex lock;
static _Atomic mach_port_name_t root;    /* set once, under lock */
static _Atomic mach_port_name_t current; /* under lock; MSG_NULL: the root */
static _Atomic bool
    none; /* the system's description has no files for this program: it need not be asked again */

static mach_port_name_t find_root(void)
{
    mach_port_name_t port;

    if (program_start_info->bootstrap == MSG_NULL)
        return MSG_NULL;
    const kern_return_t kr = service_look_up(program_start_info->bootstrap, "files", &port);

    if (kr == KERN_NO_ACCESS || kr == KERN_NOT_FOUND)
        atomic_store(&none, true);
    return kr == KERN_SUCCESS ? port : MSG_NULL;
}

mach_port_name_t place_root(void)
{
    mach_port_name_t at = atomic_load_explicit(&root, memory_order_relaxed);

    if (at != MSG_NULL || atomic_load_explicit(&none, memory_order_relaxed))
        return at;
    mutex_lock(&lock);
    at = atomic_load(&root);
    if (at == MSG_NULL) {
        at = find_root();
        atomic_store(&root, at);
    }
    mutex_unlock(&lock);
    return at;
}

mach_port_name_t place_current(void)
{
    const mach_port_name_t root_port = place_root();
    const mach_port_name_t at = atomic_load_explicit(&current, memory_order_relaxed);

    return at != MSG_NULL ? at : root_port;
}

void place_change(mach_port_name_t directory)
{
    mutex_lock(&lock);
    const mach_port_name_t old = atomic_exchange(&current, directory);

    mutex_unlock(&lock);
    if (old != MSG_NULL)
        stub_release_right(old, MSG_MOVE_SEND);
}

/* ---- exec, spawn (process.h) ---- */

void place_export(mach_port_name_t *out_root, mach_port_name_t *cwd, uint32_t *mask)
{
    *out_root = place_root();
    *cwd = place_current();
    *mask = atomic_load(&place_umask);
}

/* Before main(): there is one thread. */
void place_import(mach_port_name_t new_root, mach_port_name_t cwd, uint32_t mask)
{
    atomic_store(&root, new_root);
    atomic_store(&current, cwd);
    atomic_store(&place_umask, mask & 0777);
}
