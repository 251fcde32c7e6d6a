/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-tests of vectors, FP registers, and of the way to another CPU: an interrupt brings it to a
 * thread, another one away from it.
 */
#include <arch/cache.h>
#include <arch/thread.h>
#include <arch/timer.h>
#include <kern/cpu.h>
#include <kern/frame.h>
#include <kern/ktest.h>
#include <kern/ktest_task.h>
#include <kern/map.h>
#include <kern/sched.h>
#include <kern/string.h>
#include <machine/image.h>
#include <machine/sysreg.h>

extern const char arch_vectors[], arch_vectors_bhb8[], arch_vectors_bhb32[];

KTEST(trap_vectors_are_where_they_must_be)
{
    vaddr_t used = sysreg_read(vbar_el1);

    KTEST_EXPECT(used == (vaddr_t)arch_vectors || used == (vaddr_t)arch_vectors_bhb8 ||
                 used == (vaddr_t)arch_vectors_bhb32);
    KTEST_EXPECT(used % 2048 == 0 && used >= (vaddr_t)_kernel_start &&
                 used + 2048 <= (vaddr_t)_text_end);
    KTEST_EXPECT((vaddr_t)arch_vectors_bhb8 % 2048 == 0 && (vaddr_t)arch_vectors_bhb32 % 2048 == 0);
    KTEST_EXPECT((sysreg_read(daif) & 0xc0) == 0xc0); /* the kernel runs with IRQ and FIQ masked */
    KTEST_EXPECT((sysreg_read(cpacr_el1) >> 20 & 3) == 0); /* and FP trapped */
}

/* Nobody's state is in the registers: threads load theirs when they use them. */
KTEST(trap_fp_registers_there_and_back)
{
    static struct fp_state given, got;
    uint64_t cpacr = sysreg_read(cpacr_el1);
    uint8_t *byte = (uint8_t *)given.v;

    for (unsigned i = 0; i < sizeof(given.v); i++)
        byte[i] = (uint8_t)(i * 37 + i / 16 + 1);
    given.fpcr = UINT64_C(0x03c00000); /* DN, FZ, rounding towards zero */
    given.fpsr = UINT64_C(0x0800009f); /* QC and the cumulative flags */
    memset(&got, 0, sizeof(got));
    sysreg_write(cpacr_el1, cpacr | UINT64_C(3) << 20);
    isb();
    fp_registers_load(&given);
    fp_registers_save(&got);
    KTEST_EXPECT(memcmp(&given, &got, sizeof(got)) == 0);
    memset(&given, 0, sizeof(given));
    fp_registers_load(&given);
    fp_registers_save(&got);
    KTEST_EXPECT(memcmp(&given, &got, sizeof(got)) == 0);
    sysreg_write(cpacr_el1, cpacr);
    isb();
}

/* A copied page passes through some of them, which are as they were then. */
KTEST(trap_page_copy_keeps_fp_registers)
{
    static struct fp_state given, got;
    uint64_t cpacr = sysreg_read(cpacr_el1);
    struct frame *run;

    if (!KTEST_EXPECT(frame_alloc(&kernel_ledger, LEDGER_FRAMES, 1, 0, &run) == KERN_SUCCESS))
        return;
    char *page = frame_memory(run);
    memset(page, 0x55, PAGE_SIZE);
    memset(&given, 0xa3, sizeof(given.v));
    memset(&got, 0, sizeof(got));
    for (unsigned open = 0; open < 2; open++) {
        sysreg_write(cpacr_el1, cpacr | UINT64_C(3) << 20);
        isb();
        fp_registers_load(&given);
        sysreg_write(cpacr_el1, open ? cpacr | UINT64_C(3) << 20 : cpacr);
        isb();
        arch_copy_page(page + PAGE_SIZE, page);
        isb();
        KTEST_EXPECT((sysreg_read(cpacr_el1) >> 20 & 3) == (open ? 3 : cpacr >> 20 & 3));
        sysreg_write(cpacr_el1, cpacr | UINT64_C(3) << 20);
        isb();
        fp_registers_save(&got);
        KTEST_EXPECT(memcmp(&given, &got, sizeof(got)) == 0);
    }
    memset(&given, 0, sizeof(given));
    fp_registers_load(&given);
    sysreg_write(cpacr_el1, cpacr);
    isb();
    frame_free(&kernel_ledger, LEDGER_FRAMES, run);
}

/* ---- other CPUs ---- */

#define CODE UINT64_C(0x400000)
#define DATA UINT64_C(0x500000)

/* Counts at its stack pointer, for ever. */
static const uint32_t counting[] = {
    0x910003e1, /* mov x1, sp */
    0xb9400022, /* ldr w2, [x1] */
    0x11000442, /* add w2, w2, #1 */
    0xb9000022, /* str w2, [x1] */
    0x17fffffd, /* b to the load */
};

/* A page with this content; where the kernel sees it. */
static void *make_page(struct task *task, vaddr_t va, unsigned prot, const void *content, size_t n)
{
    struct map_request request = {.start = va,
                                  .pages = 1,
                                  .prot = (uint8_t)prot,
                                  .max_prot = PROT_ALL};
    struct pmap_mapping mapping;

    if (!KTEST_EXPECT(map_enter(task, &request) == KERN_SUCCESS) ||
        !KTEST_EXPECT(map_copy(NULL, task, va, (void *)(uintptr_t)content, n, true, true) ==
                      KERN_SUCCESS) ||
        !KTEST_EXPECT(vm_fault(NULL, task, va, PROT_READ) == KERN_SUCCESS) ||
        !KTEST_EXPECT(pmap_extract(task->pmap, va, &mapping) == KERN_SUCCESS))
        return NULL;
    return phys_to_virt(mapping.pa);
}

static ticks_t in_five_seconds(void)
{
    return arch_counter() + 5 * arch_counter_frequency();
}

/* The page is the thread's: it counts there. It dies on this CPU, so that what it had is freed where it was
 * made. Afterwards nobody but we knows it. */
static void run_on(struct task *task, unsigned cpu, const volatile uint32_t *counter)
{
    struct thread *thread = ktest_thread(task, cpu, PRIORITY_DEFAULT);

    KTEST_EXPECT(thread != NULL && counter != NULL);
    if (thread == NULL || counter == NULL)
        return;
    uint32_t before = *counter;
    ticks_t limit = in_five_seconds();
    thread->arch.frame.pc = CODE;
    thread->arch.frame.sp = DATA;
    thread_resume(thread);
    while (*counter - before < 100 && arch_counter() < limit)
        arch_cpu_relax();
    KTEST_EXPECT(*counter - before >= 100 && cpu_record[cpu].current == thread);
    KTEST_EXPECT(sched_set_affinity(thread, UINT64_C(1) << arch_cpu_self()->number) ==
                 KERN_SUCCESS);
    while (atomic_load(&thread->state) != THREAD_READY && arch_counter() < limit)
        arch_cpu_relax();
    thread_terminate(thread);
    while (atomic_load(&thread->references) > 1 && arch_counter() < limit)
        (void)ktest_settle();
    KTEST_EXPECT(atomic_load(&thread->state) == THREAD_DEAD);
    thread_unref(thread);
}

/* A thread that is bound to here keeps the task alive meanwhile, so that its objects are freed
 * where they were made. */
KTEST(trap_every_cpu_can_be_called)
{
    struct task *task;
    struct thread *keeper;
    static const uint32_t zero;
    void *code, *data;

    if (!KTEST_EXPECT(task_create(&kernel_ledger, "ktest", &task) == KERN_SUCCESS))
        return;
    keeper = ktest_thread(task, arch_cpu_self()->number, PRIORITY_DEFAULT);
    code = make_page(task, CODE, PROT_READ | PROT_EXECUTE, counting, sizeof(counting));
    data = make_page(task, DATA, PROT_READ | PROT_WRITE, &zero, sizeof(zero));
    if (KTEST_EXPECT(keeper != NULL) && code != NULL && data != NULL) {
        for (unsigned i = 0; i < cpu_count; i++)
            if (i != arch_cpu_self()->number && atomic_load(&cpu_record[i].online))
                run_on(task, i, data);
    }
    if (keeper != NULL)
        thread_unref(keeper);
    ktest_end_task(task);
}
