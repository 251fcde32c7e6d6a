/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What scenarios about kernel objects share: a program with the rights of a first one.
 */
#pragma once

#include "../ipc/ipc_world.h"
#include "client.h"
#include <kern/clock.h>
#include <kern/control.h>
#include <kern/kobj.h>
/* The kernel's functions are declared; from here on the same names are the stubs'. */
#include "client_names.h"

#include <wharf/if/clock.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/host_irq.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/host_time.h>
#include <wharf/if/interrupt.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/task.h>
#include <wharf/if/thread.h>
#include <wharf/if/timer.h>
#include <wharf/if/vm.h>

#define SCENARIO(name) void scene_##name(void);
#include "scenarios.def"
#undef SCENARIO

#define OK(expression)  CHECK_EQUAL((expression), KERN_SUCCESS)
#define GIVES(kr, call) CHECK_EQUAL((call), (kr))

/** The program that makes the calls, and its names for itself and the host's ports. */
struct me {
    struct actor *actor;
    uint32_t task, host, clock, memory, time, irq, debug, tasks;
};
extern struct me me;
/** A send right to a port, for any program: its name for it. */
uint32_t give_port(struct actor *to, struct port *port);
/** The kernel's clock. */
uint64_t clock_now_value(void);
/** Make it. */
void enter(void);
/** A right to one of the host's ports that it has not got yet. */
uint32_t host_right(enum kobject kind);
/** A task below it, made by message; it has no thread. Returns the name of its port. */
uint32_t child_new(uint32_t flags, uint32_t self_port, uint32_t *self_name);
/** End it, and drop its port's name. */
void child_end(uint32_t task);
/** A port of its own, with a send right under the same name. */
uint32_t own_port(void);
/** Whenever the program's calls look, an interrupt waits half of the time: what is done in pieces is done in small ones. */
extern _Atomic bool small_pieces;
/** Interrupts wait, for whoever asks, one time in so many; 0: only those that do. */
extern _Atomic unsigned irq_rate;
/** Drop one reference of a name. */
void drop_name(uint32_t name);
/** The task behind a name. */
struct task *task_behind(uint32_t name);
