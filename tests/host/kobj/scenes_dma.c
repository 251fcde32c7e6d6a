/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What devices may write to (kern/device_dma.h), as their drivers ask for it. The device is played here: it reads and writes memory by
 * the addresses that the driver was told.
 */
#include <kern/device.h>

#include "kobj_world.h"

#include <kern/amap.h>
#include <kern/cpu.h>
#include <kern/dt.h>
#include <kern/log.h>
#include <string.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host_devices.h>

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

/* Of the machine's 64 MiB (../machine/kernel_world.c) it reaches 8 from the 8th on, and the last page but one. To it they are elsewhere. */
#define RAM   UINT64_C(0x40000000)
#define LOW   (RAM + 8 * MIB)
#define LAST  (RAM + 62 * MIB)
#define SHIFT (UINT64_C(0xc0000000) - LOW)

static const struct host_devices_window windows[] = {
    {.memory = LOW, .bus = LOW + SHIFT, .size = 8 * MIB},
    {.memory = LAST, .bus = 0x1000, .size = PAGE},
};
static const struct host_devices_window everything = {.memory = RAM, .bus = RAM, .size = 64 * MIB};

static uint32_t power;

struct gift {
    struct port *port;
    uint32_t name;
};

static void give(void *argument)
{
    static const struct board board;
    struct gift *gift = argument;
    struct kright right = port_send_right(gift->port);
    device_check_init(&board);
    OK(space_reserve(me.actor->task->space, 1));
    gift->name = space_insert(me.actor->task->space, &right);
}

static void begin(void)
{
    enter();
    struct gift gift = {.port = host.port[KOBJECT_HOST_DEVICES]};
    in_kernel(give, &gift);
    power = gift.name;
}

static uint32_t device_new(bool dma, bool coherent, const struct host_devices_window *window,
                           unsigned count)
{
    uint32_t control;
    OK(host_devices_create(power, "thing", dma, coherent, NULL, 0, NULL, 0, window, count,
                           &control));
    return control;
}

static uint32_t open_it(uint32_t control, uint64_t pages)
{
    uint32_t device;
    OK(device_control_open(control, pages, &device));
    return device;
}

static struct device_control_facts facts(uint32_t control)
{
    struct device_control_facts now;
    OK(device_control_info(control, &now));
    return now;
}

static void check_pages(uint32_t control, uint64_t held, uint64_t quarantined)
{
    rest();
    struct device_control_facts now = facts(control);
    CHECK_EQUAL(now.pages, held);
    CHECK_EQUAL(now.quarantined, quarantined);
}

static int64_t used(enum ledger_kind kind)
{
    return ledger_used(me.actor->task->ledger, kind);
}

static uint64_t map_it(uint32_t entry, uint64_t size)
{
    uint64_t at;
    OK(vm_map(me.task, 0, size, 0, VM_ANYWHERE, entry, RW, RW, VM_INHERIT_COPY, &at));
    return at;
}

/* A call by which the driver shows that it goes on. */
static void say_something(uint32_t device)
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
static void touch_mine(uint64_t at, unsigned pages)
{
    in_kernel(touch, &(struct touch){at, pages});
}

/* Memory of mine, and an entry for it. */
static uint64_t memory_new(unsigned pages, uint32_t *entry)
{
    uint64_t at;
    OK(vm_allocate(me.task, 0, (uint64_t)pages * PAGE, VM_ANYWHERE, &at));
    OK(vm_make_entry(me.task, at, (uint64_t)pages * PAGE, RW, entry));
    return at;
}

/* As far as it reaches: two windows. */
static paddr_t from_bus(uint64_t bus)
{
    return bus == 0x1000 ? LAST : bus - SHIFT;
}

static uint32_t *word_at(paddr_t pa)
{
    return phys_to_virt(pa);
}

static uint32_t read_mine(uint64_t at)
{
    uint32_t word;
    memory_read(me.actor, at, &word, sizeof(word));
    return word;
}

static void write_mine(uint64_t at, uint32_t word)
{
    memory_write(me.actor, at, &word, sizeof(word));
}

static uint64_t free_frames(void)
{
    struct frame_statistics s;
    frame_statistics(&s);
    return s.free + s.record_pages;
}

/* ---- memory for devices ---- */

void scene_dma_memory(void)
{
    begin();
    uint32_t control = device_new(true, false, windows, 2), mute = device_new(false, true, NULL, 0);
    uint32_t device = open_it(control, 1100), other = open_it(mute, 10), entry, more;
    uint64_t bus, before = free_frames();
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, 0, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, PAGE + 1, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, 4 * MIB + PAGE, &entry, &bus));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_allocate(device, UINT64_MAX - PAGE + 1, &entry, &bus));
    GIVES(KERN_NOT_SUPPORTED, device_dma_allocate(other, PAGE, &entry, &bus));
    OK(device_dma_allocate(device, 4 * MIB, &entry, &bus));
    GIVES(KERN_LIMIT, device_dma_allocate(device, 77 * PAGE, &more, &bus));
    CHECK_EQUAL(used(LEDGER_WIRED), 1024);
    CHECK(used(LEDGER_FRAMES) >= 1024);
    OK(device_dma_allocate(device, 5 * PAGE, &more, &bus));
    check_pages(control, 1029, 0);
    CHECK(from_bus(bus) >= LOW && from_bus(bus) + 5 * PAGE <= LOW + 8 * MIB);
    uint64_t at = map_it(more, 5 * PAGE);
    touch_mine(at, 5);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_EQUAL(read_mine(at + i * PAGE), 0);
        write_mine(at + i * PAGE, 100 + i);
        CHECK_EQUAL(*word_at(from_bus(bus) + i * PAGE), 100 + i);
        *word_at(from_bus(bus) + i * PAGE) = 200 + i;
        CHECK_EQUAL(read_mine(at + i * PAGE), 200 + i);
    }
    /* It is nobody's to copy, nor the kernel's to look at. */
    uint64_t place;
    uint8_t byte;
    uint32_t n, pin;
    CHECK(vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE | VM_COPY, more, RW, RW, 0, &place) !=
          KERN_SUCCESS);
    CHECK(vm_read(me.task, at, 1, &byte, &n) != KERN_SUCCESS);
    CHECK(vm_write(me.task, at, &byte, 1) != KERN_SUCCESS);
    GIVES(KERN_PROTECTION_FAILURE,
          vm_protect(me.task, at, PAGE, false, VM_PROT_READ | VM_PROT_EXECUTE));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, more, 0, PAGE, &pin));
    uint32_t child = child_new(TASK_INHERIT_MEMORY, 0, NULL);
    CHECK(vm_read(child, at, 1, &byte, &n) != KERN_SUCCESS);
    child_end(child);
    /* The driver gives it up: entry and mapping. */
    drop_name(more);
    check_pages(control, 1029, 0);
    OK(vm_deallocate(me.task, at, 5 * PAGE));
    check_pages(control, 1029, 0);
    say_something(device);
    check_pages(control, 1024, 0);
    drop_name(entry);
    say_something(device);
    check_pages(control, 0, 0);
    CHECK_EQUAL(used(LEDGER_WIRED), 0);
    rest();
    CHECK(free_frames() + 16 >= before);
    /* What it reaches is used up some time. */
    drop_name(device);
    rest();
    device = open_it(control, UINT64_MAX);
    uint32_t got[16];
    unsigned count = 0;
    while (count < 16 && device_dma_allocate(device, 4 * MIB, &got[count], &bus) == KERN_SUCCESS)
        count++;
    CHECK(count == 1 || count == 2);
    GIVES(KERN_RESOURCE_SHORTAGE, device_dma_allocate(device, 4 * MIB, &entry, &bus));
    unsigned small = 0;
    uint32_t singles[400];
    while (small < 400 &&
           device_dma_allocate(device, 15 * PAGE, &singles[small], &bus) == KERN_SUCCESS)
        small++;
    CHECK(small < 400);
    while (small > 0)
        drop_name(singles[--small]);
    while (count > 0)
        drop_name(got[--count]);
    rest();
    for (unsigned i = 0; i < 60; i++) /* a few go at a time */
        say_something(device);
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_WIRED, 3));
    GIVES(KERN_LIMIT, device_dma_allocate(device, 4 * PAGE, &entry, &bus));
    OK(host_memory_set_limit(me.memory, me.task, LEDGER_WIRED, UINT64_MAX));
    check_pages(control, 0, 0);
    drop_name(device);
    drop_name(other);
    drop_name(control);
    drop_name(mute);
}

/* ---- pins ---- */

/* All that it is told. Returns how many pages; frames[i]: where, 0: it cannot be reached. */
static unsigned runs_of(uint32_t device, uint32_t pin, paddr_t *frames, unsigned most)
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
                frames[n] = runs[i].bus == DMA_NO_BUS ? 0 : from_bus(runs[i].bus + at);
            }
        }
        CHECK_EQUAL(next, (uint64_t)n * PAGE);
        offset = next;
        CHECK(++pieces < 1000);
    }
    CHECK_EQUAL(count, 0);
    return n;
}

void scene_dma_pins(void)
{
    enum { PAGES = 300 };
    begin();
    uint32_t control = device_new(true, true, windows, 2), far = device_new(false, true, NULL, 0);
    uint32_t device = open_it(control, PAGES + 4), deaf = open_it(far, 10), entry, weak, pin, again;
    paddr_t frames[PAGES];
    uint64_t next, at = memory_new(PAGES, &entry);
    struct device_run runs[DEVICE_RUNS_MAX];
    uint32_t count;
    OK(memory_entry_narrow(entry, 0, PAGE, VM_PROT_READ, &weak));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, weak, 0, PAGE, &pin));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, 0, 0, PAGE, &pin));
    GIVES(KERN_INVALID_CAPABILITY, device_dma_pin(device, me.task, 0, PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 1, PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 0, PAGE - 1, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, 0, 0, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, PAGE, PAGES * PAGE, &pin));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_pin(device, entry, UINT64_MAX & ~0xfff, PAGE, &pin));
    small_pieces = true;
    OK(device_dma_pin(device, entry, 0, PAGES * PAGE, &pin));
    CHECK_EQUAL(runs_of(device, pin, frames, PAGES), PAGES);
    small_pieces = false;
    check_pages(control, PAGES, 0);
    CHECK_EQUAL(used(LEDGER_WIRED), PAGES);
    unsigned reached = 0;
    touch_mine(at, PAGES);
    for (unsigned i = 0; i < PAGES; i++) {
        if (!frames[i])
            continue;
        reached++;
        *word_at(frames[i]) = 1000 + i;
        CHECK_EQUAL(read_mine(at + i * PAGE), 1000 + i);
        write_mine(at + i * PAGE, 2000 + i);
        CHECK_EQUAL(*word_at(frames[i]), 2000 + i);
    }
    CHECK(reached < PAGES);
    GIVES(KERN_LIMIT, device_dma_pin(device, entry, 0, 5 * PAGE, &again));
    OK(device_dma_pin(device, entry, 7 * PAGE, 4 * PAGE, &again));
    paddr_t same[4];
    CHECK_EQUAL(runs_of(device, again, same, 4), 4);
    CHECK(memcmp(same, frames + 7, sizeof(same)) == 0);
    /* Caches; the device looks into them, so nothing is done; but it is looked at. */
    for (unsigned how = 0; how < 5; how++)
        GIVES(how == 0 || how == 4 ? KERN_INVALID_VALUE : KERN_SUCCESS,
              device_dma_sync(device, pin, 17, PAGE, how));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin, PAGE, PAGES * PAGE, 1));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin, UINT64_MAX, 2, 1));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_sync(device, pin + 100, 0, 1, 1));
    OK(device_dma_sync(device, pin, PAGES * PAGE, 0, 3));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_runs(device, pin, 1, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT,
          device_dma_runs(device, pin, (PAGES + 1) * PAGE, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_runs(device, 0, 0, &next, runs, &count));
    GIVES(KERN_INVALID_ARGUMENT, device_dma_unpin(device, 0));
    small_pieces = true;
    OK(device_dma_unpin(device, pin));
    small_pieces = false;
    GIVES(KERN_INVALID_ARGUMENT, device_dma_unpin(device, pin));
    OK(device_dma_unpin(device, again));
    check_pages(control, 0, 0);
    CHECK_EQUAL(used(LEDGER_WIRED), 0);
    /* A device that moves nothing itself has pages pinned for its driver's sake: it reaches none of them. */
    OK(device_dma_pin(deaf, entry, 0, 8 * PAGE, &pin));
    OK(device_dma_runs(deaf, pin, 0, &next, runs, &count));
    CHECK(count == 1 && runs[0].bus == DMA_NO_BUS && runs[0].length == 8 * PAGE);
    OK(device_dma_unpin(deaf, pin));
    OK(vm_deallocate(me.task, at, PAGES * PAGE));
    drop_name(weak);
    drop_name(entry);
    drop_name(device);
    drop_name(deaf);
    drop_name(control);
    drop_name(far);
}

/* What the driver of a device whose caches are its own says: every byte of every piece. */
void scene_dma_caches(void)
{
    begin();
    uint32_t control = device_new(true, false, &everything, 1);
    uint32_t device = open_it(control, 64), entry, pin;
    uint64_t at = memory_new(20, &entry);
    OK(device_dma_pin(device, entry, PAGE, 16 * PAGE, &pin));
    small_pieces = true;
    for (unsigned how = 1; how <= 3; how++) {
        OK(device_dma_sync(device, pin, 0, 16 * PAGE, how));
        OK(device_dma_sync(device, pin, 4001, 3 * PAGE, how));
        OK(device_dma_sync(device, pin, 16 * PAGE - 1, 1, how));
    }
    small_pieces = false;
    OK(device_dma_unpin(device, pin));
    OK(vm_deallocate(me.task, at, 20 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* ---- quarantine ---- */

static struct frame *frame_at_bus(uint64_t bus)
{
    return frame_at(from_bus(bus));
}

/* The driver's port goes, in one of two ways; memory and pins stay until the next driver says so. */
static void quarantine(bool by_close)
{
    begin();
    uint32_t control = device_new(true, false, windows, 2);
    uint32_t device = open_it(control, 100), entry, kept, memory, pin;
    uint64_t bus, kept_bus, at = memory_new(12, &entry);
    paddr_t frames[12];
    OK(device_dma_allocate(device, 3 * PAGE, &memory, &bus));
    OK(device_dma_allocate(device, PAGE, &kept, &kept_bus));
    uint64_t kept_at = map_it(kept, PAGE);
    OK(device_dma_pin(device, entry, 2 * PAGE, 9 * PAGE, &pin));
    (void)runs_of(device, pin, frames, 12);
    touch_mine(at, 12);
    touch_mine(kept_at, 1);
    OK(device_quiesced(device)); /* nothing that is its own */
    check_pages(control, 13, 0);
    int64_t frames_used = used(LEDGER_FRAMES);
    if (by_close) {
        OK(device_control_close(control));
        GIVES(MACH_SEND_INVALID_DEST, device_quiesced(device));
    }
    drop_name(device);
    check_pages(control, 0, 13);
    CHECK_EQUAL(used(LEDGER_WIRED), 0);
    CHECK_EQUAL(used(LEDGER_FRAMES), frames_used - 4);
    drop_name(memory);
    check_pages(control, 0, 13);
    CHECK_EQUAL(frame_at_bus(bus)->state, FRAME_USED);
    /* The owner goes on with pinned memory, and may leave it. */
    for (unsigned i = 0; i < 9; i++)
        if (frames[i]) {
            *word_at(frames[i]) = 77 + i;
            CHECK_EQUAL(read_mine(at + (2 + i) * PAGE), 77 + i);
        }
    OK(vm_deallocate(me.task, at, 12 * PAGE));
    drop_name(entry);
    check_pages(control, 0, 13);
    for (unsigned i = 0; i < 9; i++)
        if (frames[i])
            CHECK(atomic_load(&frame_at(frames[i])->flags) & FRAME_FLAG_PINNED);
    device = open_it(control, 100);
    check_pages(control, 0, 13);
    uint32_t second;
    uint64_t second_bus;
    OK(device_dma_allocate(device, 2 * PAGE, &second, &second_bus));
    small_pieces = true;
    OK(device_quiesced(device));
    small_pieces = false;
    check_pages(control, 2, 0);
    CHECK(frame_at_bus(bus)->state != FRAME_USED || frame_at_bus(bus)->owner);
    /* What is mapped still is who maps it's, and goes with that. */
    *word_at(from_bus(kept_bus)) = 5;
    CHECK_EQUAL(read_mine(kept_at), 5);
    drop_name(kept);
    OK(vm_deallocate(me.task, kept_at, PAGE));
    drop_name(device);
    check_pages(control, 0, 2);
    device = open_it(control, 0);
    drop_name(second);
    OK(device_quiesced(device));
    check_pages(control, 0, 0);
    drop_name(device);
    drop_name(control);
}

void scene_dma_quarantine(void)
{
    quarantine(false);
    ipc_end();
    quarantine(true);
}

/* How often the log says that. */
static unsigned logged(const char *text)
{
    static char log[128 * 1024];
    size_t n = log_read_tail(log, sizeof(log) - 1);
    unsigned count = 0;
    log[n] = '\0';
    for (const char *at = log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* The device writes on to what its driver left, which is found when somebody says that it is quiet. */
void scene_dma_writes_on(void)
{
    begin();
    uint32_t control = device_new(true, false, windows, 2);
    uint32_t device = open_it(control, 100), memory[2];
    uint64_t bus[2];
    for (unsigned i = 0; i < 2; i++)
        OK(device_dma_allocate(device, 4 * PAGE, &memory[i], &bus[i]));
    drop_name(device);
    drop_name(memory[0]);
    drop_name(memory[1]);
    check_pages(control, 0, 8);
    unsigned before = logged("has written to");
    *word_at(from_bus(bus[0]) + 2 * PAGE + 12) = 1;
    *word_at(from_bus(bus[0]) + 3 * PAGE) = 1;
    device = open_it(control, 100);
    OK(device_quiesced(device));
    check_pages(control, 0, 0);
    CHECK_EQUAL(logged("has written to"), before + CONFIG_SLOW_CHECKS);
    drop_name(device);
    drop_name(control);
}

/* ---- drivers that die ---- */

/* The memory is of a third task's; the driver, a task of its own, is in the midst of it. */
void scene_dma_driver_dies(void)
{
    begin();
    uint32_t control = device_new(true, true, windows, 2), device = open_it(control, 50), entry;
    uint64_t at = memory_new(8, &entry);
    struct actor *driver = actor_new();
    struct {
        struct port *port;
        uint32_t name;
    } gifts[2] = {{.port = port_behind(me.actor, device)}, {.port = port_behind(me.actor, entry)}};
    /* By hand: to the driver's names. */
    struct actor *mine = me.actor;
    me.actor = driver;
    for (unsigned i = 0; i < 2; i++) {
        struct gift gift = {.port = gifts[i].port};
        in_kernel(give, &gift);
        gifts[i].name = gift.name;
    }
    me.actor = mine;
    drop_name(device);
    client_use(driver);
    uint32_t memory, pin;
    uint64_t bus;
    OK(device_dma_allocate(gifts[0].name, 3 * PAGE, &memory, &bus));
    OK(device_dma_pin(gifts[0].name, gifts[1].name, 0, 8 * PAGE, &pin));
    client_use(me.actor);
    check_pages(control, 11, 0);
    CHECK_EQUAL(ledger_used(driver->task->ledger, LEDGER_WIRED), 11);
    struct ledger *ledger = driver->task->ledger;
    ledger_ref(ledger);
    end_task(driver);
    actor_drop(driver);
    check_pages(control, 0, 11);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        CHECK_EQUAL(ledger_used(ledger, (enum ledger_kind)kind), 0);
    CHECK_EQUAL(atomic_load(&ledger->references), 1);
    ledger_unref(ledger);
    *word_at(from_bus(bus)) = 9;
    device = open_it(control, 50);
    OK(device_quiesced(device));
    check_pages(control, 0, 0);
    OK(vm_deallocate(me.task, at, 8 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* Killed while the call is in the midst of a pin: that is its session's, and goes with it. */
void scene_dma_pin_interrupted(void)
{
    begin();
    uint32_t control = device_new(true, true, windows, 2), device = open_it(control, 5000), entry;
    uint64_t at = memory_new(2000, &entry);
    struct actor *mate = actor_mate(me.actor, ACTOR_PRIORITY);
    struct message m = {.dest = device,
                        .remote = MSG_COPY_SEND,
                        .id = DEVICE_ID_DMA_PIN,
                        .how_local = MSG_MAKE_REPLY,
                        .receive = MSG_REPLY,
                        .descriptors = 1,
                        .length = 32,
                        .size = 512};
    m.body[0] = entry;
    m.body[1] = (uint64_t)MSG_PORT << 32 | (uint64_t)MSG_COPY_SEND << 40;
    m.body[2] = 0;
    m.body[3] = 2000 * PAGE;
    atomic_store(&irq_rate, 3);
    post_only(mate, m);
    for (unsigned i = 0; i < 12 && !is_done(mate); i++)
        (void)facts(control); /* pieces of it in between */
    if (!is_done(mate))
        end_thread(mate);
    rest();
    atomic_store(&irq_rate, 0);
    drop_name(device);
    rest();
    struct device_control_facts now = facts(control);
    CHECK_EQUAL(now.pages, 0);
    device = open_it(control, 10);
    OK(device_quiesced(device));
    check_pages(control, 0, 0);
    OK(vm_deallocate(me.task, at, 2000 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* ---- the device itself goes ---- */

struct secret {
    struct device *device;
};

static void take_device(void *argument)
{
    struct secret *secret = argument;
    device_ref(secret->device);
}

/* As no driver can: so that the test leaves nothing. */
static void quiet(void *argument)
{
    struct secret *secret = argument;
    struct kcall call = {.self = NULL};
    struct device_dma *dma = &secret->device->dma;
    device_dma_session_begins(dma, 0);
    while ((device_dma_quiesced)(&call, dma, dma->session) == KERN_RETRY)
        ;
    (void)device_dma_session_ended(dma);
    device_unref(secret->device);
}

void scene_dma_device_goes(void)
{
    begin();
    uint32_t control = device_new(true, true, windows, 2), device = open_it(control, 20), memory;
    uint64_t bus, lost = device_dma_lost_pages();
    struct secret secret = {.device = port_behind(me.actor, control)->object};
    in_kernel(take_device, &secret);
    OK(device_dma_allocate(device, 6 * PAGE, &memory, &bus));
    drop_name(memory);
    say_something(device);
    OK(device_dma_allocate(device, 2 * PAGE, &memory, &bus));
    drop_name(control);
    rest();
    CHECK_EQUAL(device_dma_lost_pages(), lost);
    unsigned before = logged("pages that it may write to are lost");
    drop_name(device);
    drop_name(memory);
    rest();
    CHECK_EQUAL(device_dma_lost_pages(), lost + 2);
    CHECK_EQUAL(logged("pages that it may write to are lost"), before + 1);
    CHECK_EQUAL(frame_at_bus(bus)->state, FRAME_USED);
    in_kernel(quiet, &secret);
    rest();
}

/* ---- each allocation fails once ---- */

static void without_shortage(uint32_t control)
{
    uint32_t device, entry, memory = 0, pin = 0;
    uint64_t bus, at = memory_new(70, &entry);
    for (uint64_t n = 1;; n++) {
        (void)alloc_fail_nth(0);
        (void)alloc_fail_nth(n);
        kern_return_t kr = device_control_open(control, 100, &device);
        bool opened = kr == KERN_SUCCESS;
        if (opened)
            kr = device_dma_allocate(device, 5 * PAGE, &memory, &bus);
        bool allocated = kr == KERN_SUCCESS;
        if (allocated)
            kr = device_dma_pin(device, entry, 0, 70 * PAGE, &pin);
        bool pinned = kr == KERN_SUCCESS;
        uint64_t counted = alloc_fail_nth(0);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER ||
              kr == MACH_RCV_NO_SPACE || kr == MIG_SERVER_DIED);
        if (kr == KERN_SUCCESS && counted >= n) /* the answer's */
            kr = KERN_RESOURCE_SHORTAGE;
        rest();
        if (opened) {
            say_something(device);
            check_pages(control, (allocated ? 5 : 0) + (pinned ? 70 : 0), 0);
            if (allocated)
                drop_name(memory);
            if (pinned)
                OK(device_dma_unpin(device, pin));
            say_something(device);
            check_pages(control, 0, 0);
            drop_name(device);
            rest();
        }
        OK(vm_deallocate(me.task, at, 70 * PAGE));
        drop_name(entry);
        rest();
        if (kr == KERN_SUCCESS)
            return;
        CHECK(n < 1000);
        at = memory_new(70, &entry);
    }
}

void scene_dma_failures(void)
{
    begin();
    uint32_t control = device_new(true, false, windows, 2);
    without_shortage(control);
    drop_name(control);
}
