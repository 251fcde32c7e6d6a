/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a driver leaves that its device may still write to (kern/device_dma.h: H2, H3): it stays until another driver says that the device is
 * quiet.
 */
#include "dma_stage.h"

#include <kern/frame.h>
#include <kern/log.h>
#include <string.h>

static struct frame *frame_at_bus(uint64_t bus)
{
    return frame_at(dma_from_bus(bus));
}

/* The driver's port goes, in one of two ways; memory and pins stay until the next driver says so. */
/* A session of 13 pages: three and one, which I map, that were allocated, and nine of mine that are pinned. */
static struct {
    uint32_t control, device, entry, kept, memory, pin;
    uint64_t bus, kept_bus, kept_at, at;
    paddr_t frames[12];
} left;

static void begin_session(void)
{
    left.control = dma_device(true, false, dma_windows, 2);
    left.device = dma_open(left.control, 100);
    left.at = dma_memory_new(12, &left.entry);
    OK(device_dma_allocate(left.device, 3 * PAGE, &left.memory, &left.bus));
    OK(device_dma_allocate(left.device, PAGE, &left.kept, &left.kept_bus));
    left.kept_at = dma_map(left.kept, PAGE);
    OK(device_dma_pin(left.device, left.entry, 2 * PAGE, 9 * PAGE, &left.pin));
    (void)dma_learn(left.device, left.pin, left.frames, 12);
    dma_touch(left.at, 12);
    dma_touch(left.kept_at, 1);
    OK(device_quiesced(left.device)); /* nothing that is its own */
    dma_check(left.control, 13, 0);
}

static void end_session(bool by_close)
{
    int64_t frames_used = dma_used(LEDGER_FRAMES);
    if (by_close) {
        OK(device_control_close(left.control));
        GIVES(MACH_SEND_INVALID_DEST, device_quiesced(left.device));
    }
    drop_name(left.device);
    dma_check(left.control, 0, 13);
    CHECK_EQUAL(dma_used(LEDGER_WIRED), 0);
    CHECK_EQUAL(dma_used(LEDGER_FRAMES), frames_used - 4);
    drop_name(left.memory);
    dma_check(left.control, 0, 13);
    CHECK_EQUAL(frame_at_bus(left.bus)->state, FRAME_USED);
}

/* The owner of pinned memory goes on with it, and may leave it. */
static void owner_leaves(void)
{
    for (unsigned i = 0; i < 9; i++)
        if (left.frames[i]) {
            *dma_word(left.frames[i]) = 77 + i;
            CHECK_EQUAL(dma_read(left.at + (2 + i) * PAGE), 77 + i);
        }
    OK(vm_deallocate(me.task, left.at, 12 * PAGE));
    drop_name(left.entry);
    dma_check(left.control, 0, 13);
    for (unsigned i = 0; i < 9; i++)
        if (left.frames[i])
            CHECK(atomic_load(&frame_at(left.frames[i])->flags) & FRAME_FLAG_PINNED);
}

/* Another driver, which has memory of its own when it says so: that is not meant. */
static void another_quiets(void)
{
    uint32_t second;
    uint64_t second_bus;
    uint32_t device = dma_open(left.control, 100);
    dma_check(left.control, 0, 13);
    OK(device_dma_allocate(device, 2 * PAGE, &second, &second_bus));
    small_pieces = true;
    OK(device_quiesced(device));
    small_pieces = false;
    dma_check(left.control, 2, 0);
    /* What is mapped still is who maps it's, and goes with that. */
    *dma_word(dma_from_bus(left.kept_bus)) = 5;
    CHECK_EQUAL(dma_read(left.kept_at), 5);
    drop_name(left.kept);
    OK(vm_deallocate(me.task, left.kept_at, PAGE));
    drop_name(device);
    dma_check(left.control, 0, 2);
    device = dma_open(left.control, 0);
    drop_name(second);
    OK(device_quiesced(device));
    dma_check(left.control, 0, 0);
    drop_name(device);
    drop_name(left.control);
}

static void quarantine(bool by_close)
{
    dma_enter();
    begin_session();
    end_session(by_close);
    owner_leaves();
    another_quiets();
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
    dma_enter();
    uint32_t control = dma_device(true, false, dma_windows, 2);
    uint32_t device = dma_open(control, 100), memory[2];
    uint64_t bus[2];
    for (unsigned i = 0; i < 2; i++)
        OK(device_dma_allocate(device, 4 * PAGE, &memory[i], &bus[i]));
    drop_name(device);
    drop_name(memory[0]);
    drop_name(memory[1]);
    dma_check(control, 0, 8);
    unsigned before = logged("has written to");
    *dma_word(dma_from_bus(bus[0]) + 2 * PAGE + 12) = 1;
    *dma_word(dma_from_bus(bus[0]) + 3 * PAGE) = 1;
    device = dma_open(control, 100);
    OK(device_quiesced(device));
    dma_check(control, 0, 0);
    CHECK_EQUAL(logged("has written to"), before + CONFIG_SLOW_CHECKS);
    drop_name(device);
    drop_name(control);
}

/* ---- drivers that die ---- */

/* The memory is of a third task's; the driver, a task of its own, is in the midst of it. */
void scene_dma_driver_dies(void)
{
    dma_enter();
    uint32_t control = dma_device(true, true, dma_windows, 2), device = dma_open(control, 50),
             entry;
    uint64_t at = dma_memory_new(8, &entry);
    struct actor *driver = actor_new();
    uint32_t its_device = give_port(driver, port_behind(me.actor, device));
    uint32_t its_entry = give_port(driver, port_behind(me.actor, entry));
    drop_name(device);
    client_use(driver);
    uint32_t memory, pin;
    uint64_t bus;
    OK(device_dma_allocate(its_device, 3 * PAGE, &memory, &bus));
    OK(device_dma_pin(its_device, its_entry, 0, 8 * PAGE, &pin));
    client_use(me.actor);
    dma_check(control, 11, 0);
    CHECK_EQUAL(ledger_used(driver->task->ledger, LEDGER_WIRED), 11);
    struct ledger *ledger = driver->task->ledger;
    ledger_ref(ledger);
    end_task(driver);
    actor_drop(driver);
    dma_check(control, 0, 11);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        CHECK_EQUAL(ledger_used(ledger, (enum ledger_kind)kind), 0);
    CHECK_EQUAL(atomic_load(&ledger->references), 1);
    ledger_unref(ledger);
    *dma_word(dma_from_bus(bus)) = 9;
    device = dma_open(control, 50);
    OK(device_quiesced(device));
    dma_check(control, 0, 0);
    OK(vm_deallocate(me.task, at, 8 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* Its session ends, and the next driver says that the device is quiet, before the work item has come. */
static void quiet_at_once(void *argument)
{
    struct device *device = argument;
    struct device_dma *dma = &device->dma;
    struct kcall call = {.self = NULL};
    spin_lock(&device->lock);
    (void)device_dma_session_ended(dma);
    device_dma_session_begins(dma, 0);
    spin_unlock(&device->lock);
    while (dma_quiesced(&call, dma, dma->session) == KERN_RETRY)
        ;
}

/* What others have of it then is no charge of the dead driver's. */
void scene_dma_quiet_at_once(void)
{
    dma_enter();
    uint32_t control = dma_device(true, true, dma_windows, 2), device = dma_open(control, 50),
             memory, entry, pin, mine;
    uint64_t at = dma_memory_new(8, &entry), bus, shown;
    struct actor *driver = actor_new();
    uint32_t its_device = give_port(driver, port_behind(me.actor, device));
    uint32_t its_entry = give_port(driver, port_behind(me.actor, entry));
    struct ledger *ledger = driver->task->ledger;
    client_use(driver);
    OK(device_dma_allocate(its_device, 3 * PAGE, &memory, &bus));
    OK(device_dma_pin(its_device, its_entry, 0, 8 * PAGE, &pin));
    client_use(me.actor);
    mine = give_port(me.actor, port_behind(driver, memory));
    shown = dma_map(mine, 3 * PAGE);
    drop_name(mine);
    dma_touch(shown, 3);
    in_kernel(quiet_at_once, port_behind(me.actor, control)->object);
    dma_check(control, 0, 0);
    CHECK_EQUAL(ledger_used(ledger, LEDGER_WIRED), 0);
    ledger_ref(ledger);
    end_task(driver);
    actor_drop(driver);
    for (unsigned kind = 0; kind < LEDGER_KIND_COUNT; kind++)
        CHECK_EQUAL(ledger_used(ledger, (enum ledger_kind)kind), 0);
    CHECK_EQUAL(atomic_load(&ledger->references), 1);
    ledger_unref(ledger);
    CHECK_EQUAL(frame_at_bus(bus)->state, FRAME_USED);
    OK(vm_deallocate(me.task, shown, 3 * PAGE));
    rest();
    CHECK(frame_at_bus(bus)->state != FRAME_USED);
    OK(vm_deallocate(me.task, at, 8 * PAGE));
    drop_name(entry);
    drop_name(device);
    drop_name(control);
}

/* Killed while the call is in the midst of a pin: that is its session's, and goes with it. */
void scene_dma_pin_interrupted(void)
{
    dma_enter();
    uint32_t control = dma_device(true, true, dma_windows, 2), device = dma_open(control, 5000),
             entry;
    uint64_t at = dma_memory_new(2000, &entry);
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
        (void)dma_facts(control); /* pieces of it in between */
    if (!is_done(mate))
        end_thread(mate);
    rest();
    atomic_store(&irq_rate, 0);
    drop_name(device);
    rest();
    struct device_control_facts now = dma_facts(control);
    CHECK_EQUAL(now.pages, 0);
    device = dma_open(control, 10);
    OK(device_quiesced(device));
    dma_check(control, 0, 0);
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
    while (dma_quiesced(&call, dma, dma->session) == KERN_RETRY)
        ;
    (void)device_dma_session_ended(dma);
    device_unref(secret->device);
}

void scene_dma_device_goes(void)
{
    dma_enter();
    uint32_t control = dma_device(true, true, dma_windows, 2), device = dma_open(control, 20),
             memory;
    uint64_t bus, lost = device_dma_lost_pages();
    struct secret secret = {.device = port_behind(me.actor, control)->object};
    in_kernel(take_device, &secret);
    OK(device_dma_allocate(device, 6 * PAGE, &memory, &bus));
    drop_name(memory);
    dma_go_on(device);
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
