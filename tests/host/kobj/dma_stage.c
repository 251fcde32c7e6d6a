/* SPDX-License-Identifier: BSD-2-Clause */
#include "dma_stage.h"

#include <kern/dt.h>
#include <kern/map.h>
#include <kern/task.h>

const struct host_devices_window dma_windows[2] = {
    {.memory = LOW, .bus = LOW + SHIFT, .size = 8 * MIB},
    {.memory = LAST, .bus = 0x1000, .size = PAGE},
};
const struct host_devices_window dma_everything = {.memory = RAM, .bus = RAM, .size = 64 * MIB};

static uint32_t power;

void dma_enter(void)
{
    static const struct board board;
    device_check_init(&board);
    enter();
    power = host_right(KOBJECT_HOST_DEVICES);
}

uint32_t dma_device(bool dma, bool coherent, const struct host_devices_window *window,
                    unsigned count)
{
    uint32_t control;
    OK(host_devices_create(power, "thing", dma, coherent, NULL, 0, NULL, 0, window, count,
                           &control));
    return control;
}

uint32_t dma_open(uint32_t control, uint64_t pages)
{
    uint32_t device;
    OK(device_control_open(control, pages, &device));
    return device;
}

struct device_control_facts dma_facts(uint32_t control)
{
    struct device_control_facts now;
    OK(device_control_info(control, &now));
    return now;
}

void dma_check(uint32_t control, uint64_t held, uint64_t quarantined)
{
    rest();
    struct device_control_facts now = dma_facts(control);
    CHECK_EQUAL(now.pages, held);
    CHECK_EQUAL(now.quarantined, quarantined);
}

int64_t dma_used(enum ledger_kind kind)
{
    return ledger_used(me.actor->task->ledger, kind);
}

uint64_t dma_map(uint32_t entry, uint64_t size)
{
    uint64_t at;
    OK(vm_map(me.task, 0, size, 0, VM_ANYWHERE, entry, RW, RW, VM_INHERIT_COPY, &at));
    return at;
}

/* A call by which the driver shows that it goes on. */
void dma_go_on(uint32_t device)
{
    rest();
    GIVES(KERN_INVALID_ARGUMENT, device_dma_unpin(device, 0));
}

struct touch {
    uint64_t at;
    unsigned pages;
};

static void touch(void *argument)
{
    struct touch *touch = argument;
    for (unsigned i = 0; i < touch->pages; i++)
        OK(vm_fault(NULL, me.actor->task, touch->at + (uint64_t)i * PAGE, PROT_WRITE));
}

/* I write to the pages. */
void dma_touch(uint64_t at, unsigned pages)
{
    in_kernel(touch, &(struct touch){at, pages});
}

/* Memory of mine, and an entry for it. */
uint64_t dma_memory_new(unsigned pages, uint32_t *entry)
{
    uint64_t at;
    OK(vm_allocate(me.task, 0, (uint64_t)pages * PAGE, VM_ANYWHERE, &at));
    OK(vm_make_entry(me.task, at, (uint64_t)pages * PAGE, RW, entry));
    return at;
}

/* As far as it reaches: two windows. */
paddr_t dma_from_bus(uint64_t bus)
{
    return bus == 0x1000 ? LAST : bus - SHIFT;
}

uint32_t *dma_word(paddr_t pa)
{
    return phys_to_virt(pa);
}

uint32_t dma_read(uint64_t at)
{
    uint32_t word;
    memory_read(me.actor, at, &word, sizeof(word));
    return word;
}

void dma_write(uint64_t at, uint32_t word)
{
    memory_write(me.actor, at, &word, sizeof(word));
}

/* All that it is told. Returns how many pages; frames[i]: where, 0: it cannot be reached. */
unsigned dma_learn(uint32_t device, uint32_t pin, paddr_t *frames, unsigned most)
{
    struct device_run runs[DEVICE_RUNS_MAX];
    uint64_t offset = 0, next;
    uint32_t count, pieces = 0;
    unsigned n = 0;
    for (;;) {
        OK(device_dma_runs(device, pin, offset, &next, runs, &count));
        if (next == offset)
            break;
        for (uint32_t i = 0; i < count; i++) {
            if (i > 0 && runs[i].bus != DMA_NO_BUS)
                CHECK(runs[i].bus != runs[i - 1].bus + runs[i - 1].length);
            for (uint64_t at = 0; at < runs[i].length; at += PAGE, n++) {
                CHECK(n < most);
                frames[n] = runs[i].bus == DMA_NO_BUS ? 0 : dma_from_bus(runs[i].bus + at);
            }
        }
        CHECK_EQUAL(next, (uint64_t)n * PAGE);
        offset = next;
        CHECK(++pieces < 1000);
    }
    CHECK_EQUAL(count, 0);
    return n;
}
