/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core of a server that has crashed, as who may inspect gets it. That debuggers read such files is tests/host/supervisor's matter.
 */
#include "svc-test.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <string.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/vm.h>

/* Where things are in a core: bootstrap/core.c. */
enum {
    TYPE = 16,
    TYPE_CORE = 4,
    COUNT = 56,
    HEADERS = 64,
    HEADER = 56,
    OFFSET = 8,
    ADDRESS = 16,
    IN_FILE = 32
};
enum { NOTE = 20, SIGNAL = 12, PROCESS = 32, REGISTERS = 112, PC = 32, SP = 31, SEGV = 11 };

static uint64_t word(const char *at, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, at, size);
    return value;
}

/* The stack of the thread that crashed is in it: the region that its stack pointer is in has bytes. */
static void has_stack(const char *core, uint64_t size, uint64_t sp)
{
    bool found = false;
    for (unsigned i = 1; i < word(core + COUNT, 2); i++) {
        const char *header = core + HEADERS + (size_t)i * HEADER;
        const uint64_t address = word(header + ADDRESS, 8), in_file = word(header + IN_FILE, 8);
        CHECK(word(header + OFFSET, 8) + in_file <= size);
        found = found || (sp >= address && sp - address < in_file);
    }
    CHECK(found);
}

static void look_at(const char *core, uint64_t size)
{
    if (!CHECK(memcmp(core, "\177ELF", 4) == 0) || !CHECK(size > 8192))
        return;
    CHECK_EQUAL(word(core + TYPE, 2), TYPE_CORE);
    const char *status = core + word(core + HEADERS + OFFSET, 8) + NOTE;
    CHECK_EQUAL(word(status + SIGNAL, 2), SEGV);
    CHECK(word(status + PROCESS, 4) != 0);
    const uint64_t pc = word(status + REGISTERS + (size_t)8 * PC, 8);
    CHECK(pc >= 0x400000 && pc < 0x500000);
    has_stack(core, size, word(status + REGISTERS + (size_t)8 * SP, 8));
}

void check_core(const char *program)
{
    char name[SUPERVISOR_NAME_MAX] = "";
    mach_port_name_t memory = MSG_NULL;
    uint64_t size = 0, whole = 0, at = 0;
    uint32_t protection;
    for (unsigned i = 0; i < 500 && strcmp(name, program) != 0;
         i++) { /* another may be newest still */
        if (memory != MSG_NULL)
            stub_release_right(memory, MSG_MOVE_SEND);
        memory = MSG_NULL;
        if (!OK(supervisor_core(svc_supervisor, &memory, &size, name)))
            return;
        svc_sleep(MILLISECOND);
    }
    CHECK_EQUAL(strcmp(name, program), 0);
    OK(memory_entry_info(memory, &whole, &protection));
    CHECK(size <= whole && protection == VM_PROT_READ);
    if (OK(vm_map(program_start_info->task, 0, whole, 0, VM_ANYWHERE, memory, VM_PROT_READ,
                  VM_PROT_READ, VM_INHERIT_NONE, &at))) {
        look_at((const char *)(uintptr_t)at, size);
        OK(vm_deallocate(program_start_info->task, at, whole));
    }
    stub_release_right(memory, MSG_MOVE_SEND);
}
