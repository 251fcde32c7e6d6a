/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices, as the kernel has them (docs/devices.md): numbers that the device manager read in the device tree, checked against
 * what is not a device's; sessions, one at a time, each of them a driver; shares in interrupt lines.
 *
 *      host_devices.create, device.derive        device_control.open        device.interrupt
 *   struct device <---------------------- struct device_session <-------- struct interrupt --> struct irq_line
 *     control port                           the driver's port               its port            one an INTID
 *
 * V1 `session` is the one there is, from open() until its end is complete: there are never two. Its port is dead from the
 *    beginning of its end.
 * V2 a session ends once: `ending` is set by close(), or because the last right to its port is gone. What is done then, in bounded
 *    steps (device_end_step()), is done under the device's lock by whoever comes: the work item, and who waits in close().
 * V3 when `session` becomes NULL no page table shows a range of the device, none of its shares is bound, and the DMA memory is in quarantine.
 * V4 a device goes when its control port has no sender and there is no session. What still refers to it then (calls, shares,
 *    DMA memory) keeps the record.
 * V5 an irq_line exists while a device has it; it is unmasked exactly while a share of it is bound and it is no storm.
 */
#pragma once

#include <kern/deadline.h>
#include <kern/device_dma.h>
#include <kern/ipc_object.h>
#include <kern/kmsg.h>
#include <kern/ledger.h>
#include <kern/memory_object.h>
#include <kern/spinlock.h>
#include <kern/types.h>
#include <kern/work.h>

struct board;
struct device;
struct interrupt;
struct irq_line;
struct port;
struct task;

enum { DEVICE_RANGES = 16, DEVICE_LINES = 16, DEVICE_NAME = 64 };

struct device_range {
    paddr_t base; /* any alignment */
    uint64_t size;
    uint8_t type; /* enum mem_type */
};

struct device_session {
    _Atomic uint32_t references; /* the port's, calls in progress */
    struct port *port;           /* constant */
    struct device *device;       /* reference held; constant */
    struct ledger *ledger;       /* pays; reference held; constant */
    bool ending;                 /* V2. The device's lock guards this and what follows */
    uint8_t phase;               /* enum end_phase */
    uint8_t share_at;            /* the next that is taken down */
    struct interrupt
        *share[DEVICE_LINES]; /* by index of the line; no reference: its end clears this */
    struct memory_object *memory[DEVICE_RANGES]; /* made when first asked for; reference held */
    struct task *task; /* whose mappings are being taken away; reference held */
    vaddr_t at;        /* how far */
    struct work work;  /* what ends it */
};

struct device {
    _Atomic uint32_t references; /* the control port's, the session's, shares', calls in progress */
    struct port *port;           /* control; constant */
    struct ledger *ledger;       /* pays; reference held; constant */
    char name[DEVICE_NAME];      /* constant, like all up to `lock` */
    char bus[DEVICE_NAME];       /* name of the device it was derived from; empty: none */
    uint32_t ranges, lines;
    bool moves_data;
    struct device_range range[DEVICE_RANGES];
    struct irq_line *line[DEVICE_LINES]; /* reference held */
    struct spinlock lock;                /* rank DEVICE; guards what follows */
    struct device_session *session;      /* V1 */
    uint64_t generation;
    bool given_up;           /* V4: nobody has a right to the control port */
    uint32_t closed_id;      /* of the message that tells of the session's end */
    struct kright closed;    /* to whom; null: nobody */
    struct work work;        /* its end */
    uint64_t interrupts;     /* of shares that are gone */
    _Atomic uint64_t storms; /* of all; the lines' locks */
    struct device_dma dma;   /* its own lock */
};

/** What a new device is to be. */
struct device_description {
    const char *name, *bus; /* bus: NULL: it is part of no other device */
    bool dma, coherent;
    uint32_t ranges, lines, windows;
    struct device_range range[DEVICE_RANGES];
    struct {
        uint32_t number;
        bool edge;
    } line[DEVICE_LINES];
    struct device_window window[DEVICE_WINDOWS];
};

/* ---- kernel/device/device.c ---- */

/** Once, boot CPU. The board stays. `tree`: a copy of the blob, whose pages are its alone, may be made from it. */
kern_return_t device_init(const struct board *board);
/** A device, and the right to its control port. KERN_DENIED, KERN_INVALID_ARGUMENT, KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t device_create(struct ledger *ledger, const struct device_description *what,
                            struct kright *control);
void device_ref(struct device *device);
void device_unref(struct device *device);
/** There is no session any more: if nobody can open one either, only what is in quarantine keeps the record. The device's lock is held. */
void device_let_go_locked(struct device *device);
/** The last right to the control port is gone; its lock is held. */
void device_ended(struct device *device);

/* ---- kernel/device/device_check.c ---- */

/** Whose board it is; NULL: nothing is a device. */
void device_check_init(const struct board *board);
/** May that be a device? The errors of device_create(), but for memory. */
kern_return_t device_check(const struct device_description *what);

/* ---- kernel/device/device_tree.c ---- */

/** Keep a copy of the board's tree. KERN_RESOURCE_SHORTAGE. */
kern_return_t device_tree_init(const struct board *board);
/** A right to it. KERN_NOT_FOUND: there is none; KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t device_tree_share(struct ledger *ledger, struct kright *tree, uint64_t *size);

/* ---- kernel/device/device_session.c ---- */

/** KERN_BUSY, KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t device_open(struct device *device, struct ledger *ledger, uint64_t pages,
                          struct kright *out);
/** KERN_RETRY: not yet, call again. */
kern_return_t device_close(struct device *device);
void device_session_ref(struct device_session *session);
void device_session_unref(struct device_session *session);
/** The last right to the port is gone; its lock is held. */
void device_session_ended(struct device_session *session);
/** Lock the device, if the session has not begun to end. False: it has, and nothing is locked. */
bool device_session_enter(struct device_session *session);

/* ---- kernel/device/interrupt.c ---- */

/** The line of a number, which must be a shared line the controller has, with a reference. KERN_DENIED: it is there, and
 *  signals otherwise. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t irq_line_get(struct ledger *ledger, unsigned number, bool edge,
                           struct irq_line **out);
void irq_line_put(struct irq_line *line);
/** A session begins whose device has the line, none of whose shares is bound: an edge that came before was not for it, unless another device has
 *  the line as well. */
void irq_line_forget(struct irq_line *line);
/** Mask a line that no device has. False: one has it meanwhile, whose business that is. */
bool irq_line_mask_unowned(unsigned number);
unsigned irq_line_number(const struct irq_line *line);
bool irq_line_is_edge(const struct irq_line *line);

/** A share in the session's line `index`; its lock is held. KERN_LIMIT, KERN_RESOURCE_SHORTAGE. */
kern_return_t interrupt_create(struct ledger *ledger, struct device_session *session,
                               unsigned index, struct kright *out);
void interrupt_ref(struct interrupt *interrupt);
void interrupt_unref(struct interrupt *interrupt);
/** The last right to the port is gone; its lock is held. */
void interrupt_ended(struct interrupt *interrupt);
/** The session ends: no share any more. The device's lock is held. */
void interrupt_cut_off(struct interrupt *interrupt);
/** How often it has been told so far. */
uint64_t interrupt_fired(struct interrupt *interrupt);
/** The message that lies in a share has been received, or destroyed. No lock held. */
void interrupt_message_done(struct kmsg *message);
/** A shared line has fired: it is active. True: it is somebody's, who will complete it. */
bool interrupt_deliver(unsigned number);
/** kern_interrupt(), where it is simple (kernel/ipc/fast_interrupt.c), and the rest of it (kernel/irq/irq.c). */
void kern_interrupt_fast(unsigned number);
void kern_interrupt_slow(unsigned number);

/* ---- kernel/vm/map_device.c ---- */

/** Take away what tasks' page tables show of device memory that is gone (memory_object_kill()), a piece at a time. *task: NULL at the
 *  first call; the reference belongs to the walk. False: all is done. */
bool map_forget_devices(struct task **task, vaddr_t *at);
