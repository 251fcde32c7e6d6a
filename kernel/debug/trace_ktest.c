/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-test of the trace rings: the newest events are there, complete and in order, however many
 * were recorded.
 */
#include <kern/cpu.h>
#include <kern/ktest.h>
#include <kern/trace.h>

enum { MORE = TRACE_RING_EVENTS + TRACE_RING_EVENTS / 2 };

KTEST(trace_ring_keeps_the_newest)
{
    const struct cpu *cpu = arch_cpu_self();
    const struct trace_ring *ring = &cpu->trace;
    uint64_t head = ring->head;
    unsigned wrong = 0;
    ticks_t last = 0;

    for (unsigned i = 0; i < MORE; i++)
        trace_record(TRACE_BOOT_STAGE, i, ~(uint64_t)i);
    KTEST_EXPECT(ring->head == head + MORE);
    for (unsigned i = MORE - TRACE_RING_EVENTS; i < MORE; i++) {
        const struct trace_event *e = &ring->event[(head + i) % TRACE_RING_EVENTS];
        wrong += e->number != TRACE_BOOT_STAGE || e->cpu != cpu->number || e->arg0 != i ||
                 e->arg1 != ~(uint64_t)i;
        wrong += e->when < last;
        last = e->when;
    }
    KTEST_EXPECT(wrong == 0);
}

KTEST(trace_mask_switches_classes)
{
    const struct trace_ring *ring = &arch_cpu_self()->trace;
    uint32_t before = trace_set_mask(1u << (TRACE_FAULT / 16));
    uint64_t head = ring->head;

    trace(TRACE_BOOT_STAGE, 1, 2);
    KTEST_EXPECT(ring->head == head);
    trace(TRACE_FAULT, 1, 2);
    KTEST_EXPECT(ring->head == head + 1);
    (void)trace_set_mask(before);
}
