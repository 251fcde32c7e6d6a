/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices and their drivers' sessions.
 */
#include "device_stage.h"

#include <string.h>

enum { PAGE = 4096, RW = VM_PROT_READ | VM_PROT_WRITE };

/* ---- what is no device ---- */

static kern_return_t create(uint32_t devices, uint64_t base, uint64_t size, uint32_t access,
                            uint32_t zero)
{
    const struct host_devices_range range[] = {{base, size, access, zero}};
    uint32_t control;
    kern_return_t kr =
        host_devices_create(devices, "", false, false, range, 1, NULL, 0, NULL, 0, &control);
    if (kr == KERN_SUCCESS)
        drop_name(control);
    return kr;
}

static kern_return_t create_line(uint32_t devices, uint32_t number, uint32_t edge,
                                 uint32_t *control)
{
    const struct host_devices_line line[] = {{number, edge}};
    return host_devices_create(devices, "", false, false, NULL, 0, line, 1, NULL, 0, control);
}

static void refuse_ranges(uint32_t devices)
{
    static const struct {
        uint64_t base, size;
    } denied[] = {
        {0x40000000, 1},       {0x3fffffff, 2},        {0x4fffffff, 1}, {0x30000000, PAGE},
        {0x30000fff, 1},       {0x2ffff000, PAGE + 1}, {0x80000fff, 1}, {0x8000000, 1},
        {0x800ffff, 2},        {0x80a0000, 4},         {0x90bffff, 1},  {0x8080000, 8},
        {0x7fff000, PAGE + 1}, {0, 0x50000000},        {0x809f000, 4},
    };
    static const uint64_t good[] = {0x3ffff000, 0x50000000, 0x2ffff000, 0x30001000,
                                    0x80001000, 0x8010000,  0x80c0000,  0x90c0000};
    const uint64_t limit = UINT64_C(1) << 48;
    for (unsigned i = 0; i < array_count(denied); i++)
        GIVES(KERN_DENIED, create(devices, denied[i].base, denied[i].size, 0, 0));
    for (unsigned i = 0; i < array_count(good); i++)
        OK(create(devices, good[i], PAGE, i % 3, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, DEVICE_AT, 0, 0, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, DEVICE_AT, UINT64_MAX, 0, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, UINT64_MAX, 1, 0, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, UINT64_MAX, 2, 0, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, limit, 1, 0, 0));
    GIVES(KERN_INVALID_ARGUMENT, create(devices, limit - 1, 2, 0, 0));
    OK(create(devices, limit - 1, 1, 0, 0));
    GIVES(KERN_INVALID_VALUE, create(devices, DEVICE_AT, 1, 3, 0));
    GIVES(KERN_INVALID_VALUE, create(devices, DEVICE_AT, 1, 0, 1));
}

static void refuse_windows(uint32_t devices)
{
    static const struct host_devices_window bad[] = {{0, 0, 0},
                                                     {UINT64_C(1) << 48, 0, 1},
                                                     {0, UINT64_MAX, 2},
                                                     {UINT64_MAX, 0, 2}};
    uint32_t control;
    for (unsigned i = 0; i < array_count(bad); i++)
        GIVES(KERN_INVALID_ARGUMENT, host_devices_create(devices, "", true, false, NULL, 0, NULL, 0,
                                                         &bad[i], 1, &control));
    const struct host_devices_window last[] = {{0, UINT64_MAX, 1}};
    OK(host_devices_create(devices, "", true, false, NULL, 0, NULL, 0, last, 1, &control));
    drop_name(control);
}

void scene_device_refused(void)
{
    uint32_t devices = enter_board(), control, other, tree;
    uint64_t size;
    refuse_ranges(devices);
    refuse_windows(devices);
    for (uint32_t line = 0; line < 32; line++)
        GIVES(KERN_DENIED, create_line(devices, line, 0, &control));
    for (uint32_t line = 96; line > 95; line = line < 2000 ? line + 7 : 0)
        GIVES(KERN_INVALID_ARGUMENT, create_line(devices, line, 0, &control));
    GIVES(KERN_INVALID_ARGUMENT, create_line(devices, UINT32_MAX, 0, &control));
    GIVES(KERN_INVALID_VALUE, create_line(devices, 40, 2, &control));
    OK(create_line(devices, 40, 1, &control));
    GIVES(KERN_DENIED, create_line(devices, 40, 0, &other));
    OK(create_line(devices, 40, 1, &other));
    drop_name(control), drop_name(other);
    rest();
    OK(create_line(devices, 40, 0, &control)); /* nobody has it */
    drop_name(control);
    GIVES(KERN_NOT_FOUND, host_devices_tree(devices, &tree, &size));
    drop_name(devices);
}

/* ---- sessions ---- */

void scene_device_sessions(void)
{
    uint32_t devices = enter_board(), control, device, again;
    struct device_control_facts now;
    struct device_facts known;
    OK(make_device(devices, false, &control));
    OK(device_control_info(control, &now));
    CHECK(!now.open && now.ranges == 1 && now.lines == 2 && now.generation == 0);
    OK(device_control_close(control)); /* nobody has it */
    OK(device_control_open(control, 0, &device));
    GIVES(KERN_BUSY, device_control_open(control, 0, &again));
    OK(device_info(device, &known));
    CHECK(known.dma && known.coherent && known.reach_first == 0x1000 &&
          known.reach_last == 0x100ffffff && known.generation == 1);
    uint32_t port = own_port(), other = own_port();
    OK(device_control_notify_closed(control, 1, other));
    OK(device_control_notify_closed(control, 2, port)); /* the other is not told, but of that */
    OK(device_control_close(control));
    OK(perform(me.actor, (struct message){.receive = port}));
    CHECK_EQUAL(got_id(me.actor), 2);
    OK(perform(me.actor, (struct message){.receive = other}));
    CHECK_EQUAL(got_id(me.actor), MSG_ID_SEND_ONCE);
    GIVES(MACH_SEND_INVALID_DEST, device_info(device, &known));
    drop_name(device);
    OK(device_control_open(control, 0, &device));
    OK(device_control_notify_closed(control, 3, port));
    drop_name(device); /* the same */
    rest();
    OK(perform(me.actor, (struct message){.receive = port}));
    CHECK_EQUAL(got_id(me.actor), 3);
    OK(device_control_open(control, 0, &device));
    OK(device_control_notify_closed(control, 4, port));
    drop_name(control); /* it stays for its driver, and then nobody has it */
    rest();
    OK(device_info(device, &known));
    CHECK_EQUAL(known.generation, 3);
    drop_name(device);
    rest();
    OK(perform(me.actor, (struct message){.receive = port}));
    CHECK_EQUAL(got_id(me.actor), 4);
    OK(make_device(devices, false, &control));
    OK(device_control_notify_closed(control, 5, port));
    drop_name(control); /* no session will end */
    rest();
    OK(perform(me.actor, (struct message){.receive = port}));
    CHECK_EQUAL(got_id(me.actor), MSG_ID_SEND_ONCE);
}

/* ---- parts ---- */

static void check_origin(uint32_t control, const char *is, const char *part_of)
{
    char name[64], bus[64];
    OK(device_control_origin(control, name, bus));
    CHECK(strcmp(name, is) == 0 && strcmp(bus, part_of) == 0);
}

void scene_device_parts(void)
{
    uint32_t devices = enter_board(), control, device, part, session;
    const uint32_t lines[] = {1, 2};
    struct device_facts known;
    struct device_part p = {.offset = 4, .size = 0x1230};
    const struct device_part bad[] = {{.size = 0},
                                      {.size = 0x1235},
                                      {.offset = 0x1234, .size = 1},
                                      {.offset = UINT64_MAX, .size = 2},
                                      {.index = 1, .size = 1}};
    OK(make_device(devices, false, &control));
    OK(device_control_open(control, 0, &device));
    for (unsigned i = 0; i < array_count(bad); i++)
        GIVES(KERN_INVALID_ARGUMENT,
              device_derive(device, "part", true, &bad[i], 1, lines, 1, &part));
    GIVES(KERN_INVALID_ARGUMENT, device_derive(device, "part", true, &p, 1, &lines[1], 1, &part));
    p.access = 3;
    GIVES(KERN_INVALID_VALUE, device_derive(device, "part", true, &p, 1, lines, 1, &part));
    p.access = 1;
    OK(device_derive(device, "part", true, &p, 1, lines, 1, &part));
    check_origin(control, "a device", "");
    check_origin(part, "part", "a device");
    drop_name(device), drop_name(control);
    rest();
    check_origin(part, "part", "a device"); /* though that has gone */
    OK(device_control_open(part, 0, &session));
    OK(device_info(session, &known));
    CHECK(known.ranges == 1 && known.lines == 1 && known.dma && known.reach_first == 0x1000);
    drop_name(part);
    const struct device_part inner = {.offset = 0, .size = 0x1231};
    GIVES(KERN_INVALID_ARGUMENT,
          device_derive(session, "inner", false, &inner, 1, NULL, 0, &control));
    OK(device_derive(session, "inner", false, &p, 0, NULL, 0, &control));
    drop_name(session);
    OK(device_control_open(control, 0, &session));
    GIVES(KERN_INVALID_ARGUMENT, device_derive(session, "dma", true, NULL, 0, NULL, 0, &part));
}

/* ---- failures, races ---- */

static void fail_nth(void *argument)
{
    (void)alloc_fail_nth(*(uint64_t *)argument);
}

static void drop_if(uint32_t name)
{
    if (name)
        drop_name(name);
}

void scene_device_failures(void)
{
    uint64_t none = 0, size;
    uint32_t devices = enter_board(), port = own_port();
    kern_return_t kr = KERN_FAILURE;
    for (uint64_t n = 1; kr != KERN_SUCCESS; n++) {
        uint32_t control = 0, device = 0, entry = 0, offset, interrupt = 0, part = 0;
        const uint32_t line = 0;
        in_kernel(fail_nth, &n);
        kr = make_device(devices, n % 2, &control);
        if (kr == KERN_SUCCESS)
            kr = device_control_open(control, 0, &device);
        if (kr == KERN_SUCCESS)
            kr = device_memory(device, 0, &entry, &offset, &size);
        if (kr == KERN_SUCCESS)
            kr = device_interrupt(device, 0, &interrupt);
        if (kr == KERN_SUCCESS)
            kr = interrupt_bind(interrupt, 1, 2, port);
        if (kr == KERN_SUCCESS)
            kr = device_derive(device, "part", false, NULL, 0, &line, 1, &part);
        if (kr == KERN_SUCCESS)
            kr = device_control_close(control);
        in_kernel(fail_nth, &none);
        CHECK(kr == KERN_SUCCESS || kr == KERN_RESOURCE_SHORTAGE || kr == MACH_SEND_NO_BUFFER ||
              kr == MIG_SERVER_DIED || kr == MACH_RCV_NO_SPACE);
        drop_if(part), drop_if(interrupt), drop_if(entry), drop_if(device), drop_if(control);
        rest();
        CHECK(n < 200);
    }
}

/* A second thread of the program closes the device again and again, while this one uses it. */
static bool closes(struct actor *self, struct host_action *next)
{
    if (self->state[1]++ == 60)
        return false;
    const struct message m = {.dest = (uint32_t)self->state[0],
                              .remote = MSG_COPY_SEND,
                              .id = DEVICE_CONTROL_ID_CLOSE,
                              .how_local = MSG_MAKE_REPLY,
                              .receive = MSG_REPLY};
    fill_action(self, &m, next);
    return true;
}

void scene_device_races(void)
{
    uint32_t devices = enter_board(), control, port = own_port();
    OK(make_device(devices, false, &control));
    struct actor *mate = actor_mate(me.actor, ACTOR_PRIORITY);
    mate->state[0] = control;
    mate->program = closes;
    post_action(mate);
    for (unsigned i = 0; i < 80; i++) {
        uint32_t device = 0, entry = 0, offset, interrupt = 0;
        uint64_t size, at;
        kern_return_t kr = device_control_open(control, 0, &device);
        CHECK(kr == KERN_SUCCESS || kr == KERN_BUSY);
        if (kr != KERN_SUCCESS)
            continue;
        kr = device_memory(device, 0, &entry, &offset, &size);
        CHECK(kr == KERN_SUCCESS || kr == KERN_TERMINATED || kr == MACH_SEND_INVALID_DEST);
        if (kr == KERN_SUCCESS) {
            kr = vm_map(me.task, 0, PAGE, 0, VM_ANYWHERE, entry, RW, RW, VM_INHERIT_NONE, &at);
            CHECK(kr == KERN_SUCCESS || kr == KERN_TERMINATED);
            if (kr == KERN_SUCCESS) {
                kr = host_memory_wire(me.memory, me.task, at, PAGE);
                CHECK(kr == KERN_SUCCESS || kr == KERN_TERMINATED);
                OK(vm_deallocate(me.task, at, PAGE));
            }
        }
        kr = device_interrupt(device, 0, &interrupt);
        CHECK(kr == KERN_SUCCESS || kr == KERN_TERMINATED || kr == MACH_SEND_INVALID_DEST);
        if (kr == KERN_SUCCESS) {
            kr = interrupt_bind(interrupt, 1, 2, port);
            CHECK(kr == KERN_SUCCESS || kr == KERN_TERMINATED || kr == MACH_SEND_INVALID_DEST);
        }
        drop_if(interrupt), drop_if(entry), drop_if(device);
    }
    rest();
}
