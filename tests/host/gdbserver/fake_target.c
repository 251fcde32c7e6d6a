/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See fake_target.h. What the protocol promises about its calls is looked at here.
 */
#include "fake_target.h"
#include <stdlib.h>
#include <string.h>

static void require(bool ok)
{
    if (!ok)
        abort();
}

static uint32_t next_thread(void *context, uint32_t after)
{
    (void)context;
    if (after < FAKE_FIRST)
        return FAKE_FIRST;
    return after < FAKE_FIRST + FAKE_THREADS - 1 ? after + 1 : 0;
}

static struct remote_registers *registers_of(struct fake_target *fake, uint32_t thread)
{
    require(!fake->running);
    if (thread < FAKE_FIRST || thread >= FAKE_FIRST + FAKE_THREADS)
        return NULL;
    return &fake->registers[thread - FAKE_FIRST];
}

static bool read_registers(void *context, uint32_t thread, struct remote_registers *registers)
{
    const struct remote_registers *from = registers_of(context, thread);
    if (from)
        *registers = *from;
    return from != NULL;
}

static bool write_registers(void *context, uint32_t thread,
                            const struct remote_registers *registers)
{
    struct remote_registers *to = registers_of(context, thread);
    if (to)
        *to = *registers;
    return to != NULL;
}

static uint8_t *memory_of(struct fake_target *fake, uint64_t address, size_t size)
{
    require(!fake->running && size <= PACKET_MAX && address + size >= address);
    if (address < FAKE_BASE || address - FAKE_BASE > FAKE_MEMORY ||
        size > FAKE_MEMORY - (address - FAKE_BASE))
        return NULL;
    return fake->memory + (address - FAKE_BASE);
}

static bool read_memory(void *context, uint64_t address, void *bytes, size_t size)
{
    const uint8_t *from = memory_of(context, address, size);
    if (from)
        memcpy(bytes, from, size);
    return from != NULL;
}

static bool write_memory(void *context, uint64_t address, const void *bytes, size_t size)
{
    uint8_t *to = memory_of(context, address, size);
    if (to)
        memcpy(to, bytes, size);
    return to != NULL;
}

static bool insert(void *context, uint64_t address)
{
    struct fake_target *fake = context;
    require(!fake->running);
    if (fake->breakpoint != 0 || address == 0)
        return false;
    fake->breakpoint = address;
    return true;
}

static bool take_out(void *context, uint64_t address)
{
    struct fake_target *fake = context;
    require(!fake->running);
    if (fake->breakpoint != address || address == 0)
        return false;
    fake->breakpoint = 0;
    return true;
}

static bool resume(void *context, const struct remote_run *run, struct remote_stop *stop)
{
    struct fake_target *fake = context;
    require(!fake->running && !fake->killed && !fake->detached);
    require(run->step != 0 || run->others);
    fake->run = *run;
    fake->runs++;
    *stop = (struct remote_stop){REMOTE_STOPPED, REMOTE_SIGSEGV, FAKE_FIRST + 2};
    fake->running = !fake->refuse;
    return fake->running;
}

static void interrupt(void *context, struct remote_stop *stop)
{
    struct fake_target *fake = context;
    require(fake->running);
    fake->running = false;
    fake->interrupts++;
    *stop = (struct remote_stop){REMOTE_STOPPED, REMOTE_SIGINT, FAKE_FIRST};
}

static void end_it(void *context)
{
    struct fake_target *fake = context;
    require(!fake->running && !fake->killed && !fake->detached);
    fake->killed = true;
}

static void detach(void *context)
{
    struct fake_target *fake = context;
    require(!fake->running && !fake->killed && !fake->detached);
    fake->detached = true;
}

static void send(void *context, const void *bytes, size_t size)
{
    struct fake_target *fake = context;
    require(size <= PACKET_MAX + 4);
    if (fake->size + size > FAKE_SENT)
        fake->size = 0;
    memcpy(fake->sent + fake->size, bytes, size);
    fake->size += size;
    fake->sent[fake->size] = '\0';
}

const struct remote_target fake_operations = {
    .next_thread = next_thread,
    .read_registers = read_registers,
    .write_registers = write_registers,
    .read = read_memory,
    .write = write_memory,
    .insert = insert,
    .remove = take_out,
    .resume = resume,
    .interrupt = interrupt,
    .kill = end_it,
    .detach = detach,
    .send = send,
};
