/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One record a CPU. The machine's part comes first, for the entry code finds its fields by fixed
 * offsets. A record is written by its own CPU only, except the members that say otherwise.
 */
#pragma once

#include <arch/cpu.h>
#include <kern/deadline.h>
#include <kern/frame.h>
#include <kern/lockcheck.h>
#include <kern/sched_types.h>
#include <kern/trace.h>
#include <kern/types.h>

struct thread;
struct pmap;
struct msg_buffers;

enum { FRAME_CACHE_SIZE = 32 };

/** What is counted; it means what interfaces/host.defs says. */
enum vm_count {
    VM_COUNT_FAULTS,
    VM_COUNT_ZERO_FILLS,
    VM_COUNT_COPIES,
    VM_COUNT_PAGE_INS,
    VM_COUNT_PAGE_OUTS,
    VM_COUNT_SWAP_INS,
    VM_COUNT_SWAP_OUTS,
    VM_COUNT_REACTIVATIONS,
    VM_COUNT_CACHED, /* pages of objects: what came, less what went; on one CPU it may be negative */
    VM_COUNT_WRITTEN, /* the same of those that pagers have to be given back */
    VM_COUNTS
};

/** Where a bit of `watched` is in `attention`. */
#define ATTENTION_WATCH(bit) ((uint64_t)(bit) << 32)

struct [[gnu::aligned(CACHE_LINE)]] cpu
{
    struct arch_cpu arch; /* first: kernel stack top etc., see machine/cpu_md.h */
    struct thread
        *current; /* the thread that runs in user mode here, NULL when idle. Entry code reads it */
    union {
        struct {
            _Atomic uint32_t
                reschedule; /* not 0: call kern_schedule() before leaving the kernel. Set
                                            by any CPU */
            _Atomic uint32_t
                watched; /* not 0: changes of threads are traced: TRACE_WATCH_ bits. Written
                                         by any CPU */
        };
        uint64_t attention; /* both in one look: ATTENTION_WATCH() */
    };
    uint32_t number;                   /* 0 .. cpu_count - 1, constant */
    uint64_t hwid;                     /* hardware id (MPIDR affinity), constant */
    _Atomic bool online;               /* set by the CPU itself when it takes part */
    _Atomic bool idle;                 /* nothing to run; RUNQ lock for writing */
    _Atomic uint32_t running_priority; /* of what runs; 0 when idle; RUNQ lock for writing, read by
                                          any CPU as a hint */

    struct pmap *pmap; /* active user address space, NULL: none */
    struct run_queue run_queue;
    _Atomic ticks_t
        turn_start;     /* counter when `current` started to be charged; other CPUs read it */
    ticks_t turn_end;   /* counter when its quantum ends, TICKS_NEVER: nobody waits behind it */
    ticks_t alarm;      /* what the hardware alarm is set to */
    ticks_t idle_ticks; /* time spent idle; RUNQ lock */

    struct spinlock timer_lock;      /* rank TIMER; guards deadlines */
    struct deadline_queue deadlines; /* may be changed by other CPUs under timer_lock */

    struct { /* frame allocator's cache */
        pfn_t frame[FRAME_CACHE_SIZE];
        _Atomic uint32_t count; /* written by this CPU, read by any for statistics */
    } frame_cache;

    _Atomic uint64_t vm_counts[VM_COUNTS]; /* kern/vm_count.h; written by this CPU only */

    struct msg_buffers *msg_buffers; /* for long requests of kernel objects; constant */

    struct lock_check lock_check; /* debug: locks held */
    bool allocates_nothing;       /* debug: alloc_forbid() */
    struct trace_ring trace;
};

/** All CPUs, [0] the one that booted. */
extern struct cpu cpu_record[MAX_CPUS];
/** CPUs found (and allowed by maxcpus=); constant after boot. Not all need be online yet. */
extern unsigned cpu_count;

/** Debug builds: nothing may be allocated on this CPU from here on, or it may again. For page-out, which has to make memory free where there is
 *  none (D9). */
static inline void alloc_forbid(bool forbidden)
{
    if (CONFIG_SLOW_CHECKS)
        arch_cpu_self()->allocates_nothing = forbidden;
}
/** Internal to the allocators. */
static inline bool alloc_is_forbidden(void)
{
    return arch_cpu_self()->allocates_nothing;
}

/** trace_record() on the current CPU, without a call. */
static inline void trace_record_on(struct cpu *self, enum trace_number number, uint64_t arg0,
                                   uint64_t arg1)
{
    struct trace_ring *ring = &self->trace;
    uint64_t head = ring->head;
    ring->event[head % TRACE_RING_EVENTS] =
        (struct trace_event){arch_counter_about(), number, self->number, arg0, arg1};
    /* For a reader on this CPU (panic) the event is complete once it is counted. */
    atomic_signal_fence(memory_order_release);
    ring->head = head + 1;
}
