/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices behind device-dma.h. What is there the device tree tells, by a word that is looked for in all of it.
 */
#include "device-dma.h"

#include <libsys/kernel.h>
#include <string.h>
#include <user/registers.h>
#include <wharf/if/device.h>
#include <wharf/if/device_control.h>
#include <wharf/if/host_devices.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

static enum { CONFIGURATION, COPIER } kind;

/* Where they are on these boards. */
static const struct host_devices_range place[] = {
    [CONFIGURATION] = {.base = 0x09020000, .size = 0x18},
    [COPIER] = {.base = 0xfe007000, .size = 0x100},
};

/* ---- what there is ---- */

static bool has_word(const char *tree, uint64_t size, const char *word)
{
    size_t n = strlen(word) + 1;
    for (uint64_t i = 0; i + n <= size; i++)
        if (memcmp(tree + i, word, n) == 0)
            return true;
    return false;
}

bool engine_find(struct engine_reach *all)
{
    mach_port_name_t tree;
    uint64_t size, at, pages;
    OK(host_devices_tree(program_start_info->host_devices, &tree, &size));
    pages = (size + PAGE - 1) / PAGE;
    OK(vm_map(me(), 0, pages * PAGE, 0, VM_ANYWHERE, tree, VM_PROT_READ, VM_PROT_READ,
              VM_INHERIT_NONE, &at));
    const char *text = (const char *)(uintptr_t)at;
    bool configuration = has_word(text, size, "qemu,fw-cfg-mmio");
    bool copier = has_word(text, size, "brcm,bcm2835-dma");
    OK(vm_deallocate(me(), at, pages * PAGE));
    OK(port_deallocate(me(), tree));
    kind = configuration ? CONFIGURATION : COPIER;
    if (configuration)
        *all = (struct engine_reach){0x40000000, 0x40000000, UINT64_C(16) << 30};
    else
        *all = (struct engine_reach){0, 0xc0000000, 0x40000000};
    return configuration || copier;
}

/* ---- sessions ---- */

void engine_make(struct engine *engine, const struct engine_reach *reach, bool coherent)
{
    struct host_devices_window window = {.memory = reach->memory,
                                         .bus = reach->bus,
                                         .size = reach->size};
    *engine = (struct engine){.device = MSG_NULL};
    OK(host_devices_create(program_start_info->host_devices, "engine", true, coherent, &place[kind],
                           1, NULL, 0, &window, 1, &engine->control));
}

static void map_registers(struct engine *engine)
{
    mach_port_name_t memory;
    uint32_t offset;
    uint64_t size;
    OK(device_memory(engine->device, 0, &memory, &offset, &size));
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE, VM_INHERIT_NONE,
              &engine->registers_page));
    engine->registers = engine->registers_page + offset;
    OK(port_deallocate(me(), memory));
}

void engine_open(struct engine *engine, uint64_t pages)
{
    mach_port_name_t memory;
    uint64_t at;
    OK(device_control_open(engine->control, pages + 1, &engine->device));
    map_registers(engine);
    OK(device_dma_allocate(engine->device, PAGE, &memory, &engine->own_bus));
    OK(vm_map(me(), 0, PAGE, 0, VM_ANYWHERE, memory, READ_WRITE, READ_WRITE, VM_INHERIT_NONE, &at));
    engine->own = (volatile uint32_t *)(uintptr_t)at;
    OK(port_deallocate(me(), memory));
}

void engine_close(struct engine *engine)
{
    struct device_control_facts facts;
    OK(vm_deallocate(me(), engine->registers_page, PAGE));
    OK(vm_deallocate(me(), (uintptr_t)engine->own, PAGE));
    do { /* what has been given up goes behind one's back, and if the driver goes on */
        FAILS(device_dma_unpin(engine->device, 0), KERN_INVALID_ARGUMENT);
        OK(device_control_info(engine->control, &facts));
    } while (facts.pages > 0);
    OK(port_deallocate(me(), engine->device));
    engine->device = MSG_NULL;
}

void engine_drop(struct engine *engine)
{
    OK(port_deallocate(me(), engine->control));
}

/* ---- what they do ---- */

static void start(const struct engine *engine, uint32_t offset, uint32_t word)
{
    struct registers r = {.base = (volatile char *)(uintptr_t)engine->registers};
    register_publish_memory();
    register_write32(&r, offset, word);
}

/* Everything is big-endian: { control, length, address }. The answer is a control word of 0. */
static void configure(struct engine *engine, uint32_t control, uint64_t bus)
{
    enum { ADDRESS_HIGH = 0x10, ADDRESS_LOW = 0x14 };
    engine->own[0] = __builtin_bswap32(control);
    engine->own[1] = __builtin_bswap32(4);
    engine->own[2] = __builtin_bswap32((uint32_t)(bus >> 32));
    engine->own[3] = __builtin_bswap32((uint32_t)bus);
    start(engine, ADDRESS_HIGH, __builtin_bswap32((uint32_t)(engine->own_bus >> 32)));
    start(engine, ADDRESS_LOW, __builtin_bswap32((uint32_t)engine->own_bus));
    while (engine->own[0] != 0)
        CHECK(!(engine->own[0] & __builtin_bswap32(1)));
}

/* The first item is four bytes long: behind it there is zero. */
static void write_configuration(struct engine *engine, uint64_t bus, bool mark)
{
    enum { READ = 2, SKIP = 4, SELECT = 8 };
    if (!mark)
        configure(engine, SKIP | SELECT, 0);
    configure(engine, mark ? READ | SELECT : READ, bus);
}

/* A block of eight words tells what to copy: one of two words, which lie behind it. */
static void copy_word(struct engine *engine, uint64_t bus, bool mark)
{
    enum { CS = 0, BLOCK = 4, ACTIVE = 1, END = 2, TARGET_GROWS = 1 << 4, SOURCE_GROWS = 1 << 8 };
    struct registers r = {.base = (volatile char *)(uintptr_t)engine->registers};
    engine->own[16] = ENGINE_MARK;
    engine->own[17] = 0;
    engine->own[0] = TARGET_GROWS | SOURCE_GROWS;
    engine->own[1] = (uint32_t)engine->own_bus + (mark ? 64 : 68);
    engine->own[2] = (uint32_t)bus;
    engine->own[3] = 4;
    for (unsigned i = 4; i < 8; i++)
        engine->own[i] = 0;
    start(engine, BLOCK, (uint32_t)engine->own_bus);
    start(engine, CS, ACTIVE);
    while (!(register_read32(&r, CS) & END))
        ;
    start(engine, CS, END);
}

void engine_write(struct engine *engine, uint64_t bus, bool mark)
{
    if (kind == CONFIGURATION)
        write_configuration(engine, bus, mark);
    else
        copy_word(engine, bus, mark);
    register_observe_memory();
}
