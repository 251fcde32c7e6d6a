/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See dumper.h. One puts jobs in and one takes them out: two counts are all that is shared.
 *
 * The block that the header is in is cleared first, and written last (D1).
 */
#include "dumper.h"
#include "dump.h"
#include "log.h"
#include "rights.h"
#include <libsys/block_client.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <string.h>
#include <wharf/if/vm.h>

enum { JOBS = 3, PRIORITY = 96, PIECE = 64 * 1024, NAME_SIZE = 64 };

/* A driver that is silent that long, in attaching or with one request, does not get the core: others wait for the dumper. */
#define PATIENCE UINT64_C(10000000000)

struct job {
    mach_port_name_t service, core;
    uint32_t partition;
    uint64_t size;
    char program[NAME_SIZE];
};

static struct job job[JOBS];
static _Atomic uint32_t submitted, finished; /* by the main thread; by the dumper */
static struct block_client disk;             /* the dumper's */

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* Whole blocks; what is behind the end is zero. */
static kern_return_t write_piece(uint64_t offset, const void *from, uint64_t size)
{
    const uint32_t block = disk.facts.block_size;
    const uint32_t count = (uint32_t)((size + block - 1) / block);
    memset(disk.data, 0, (size_t)count * block);
    memcpy(disk.data, from, size);
    return block_client_do(&disk, BLOCK_WRITE, offset / block, count, 0);
}

static kern_return_t write_header(const struct dump_header *header)
{
    kern_return_t kr = write_piece(0, header, sizeof(*header));
    return kr == KERN_SUCCESS ? block_client_do(&disk, BLOCK_FLUSH, 0, 0, 0) : kr;
}

static kern_return_t write_core(const struct job *j, const char *core)
{
    const struct dump_header nothing = {0};
    const uint64_t most = (uint64_t)disk.facts.blocks_max * disk.facts.block_size;
    const uint64_t step = most < PIECE ? most : PIECE;
    uint32_t sum = 0;
    kern_return_t kr = write_header(&nothing);
    for (uint64_t at = 0; at < j->size && kr == KERN_SUCCESS; at += step) {
        const uint64_t n = j->size - at < step ? j->size - at : step;
        sum = dump_sum(sum, core + at, n);
        kr = write_piece(DUMP_DATA + at, core + at, n);
    }
    if (kr == KERN_SUCCESS)
        kr = block_client_do(&disk, BLOCK_FLUSH, 0, 0, 0);
    const struct dump_header header = dump_header_of(j->size, sum, kernel_clock_now(), j->program);
    return kr == KERN_SUCCESS ? write_header(&header) : kr;
}

static bool fits(const struct job *j)
{
    const struct block_facts *facts = &disk.facts;
    return facts->block_size >= 512 && DUMP_DATA % facts->block_size == 0 &&
           facts->blocks_max != 0 && facts->blocks <= UINT64_MAX / facts->block_size &&
           facts->blocks * facts->block_size >= DUMP_DATA + j->size;
}

static kern_return_t write_mapped(struct job *j, const char *core)
{
    const mach_port_name_t service = j->service;
    j->service = MSG_NULL; /* the client's now */
    kern_return_t kr = block_client_open_patient(&disk, service, j->partition, PIECE, PATIENCE);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = fits(j) ? write_core(j, core) : KERN_NO_SPACE;
    block_client_close(&disk);
    return kr;
}

static void write_job(struct job *j)
{
    uint64_t at;
    kern_return_t kr = vm_map(self(), 0, j->size, 0, VM_ANYWHERE, j->core, VM_PROT_READ,
                              VM_PROT_READ, VM_INHERIT_NONE, &at);
    if (kr == KERN_SUCCESS) {
        kr = write_mapped(j, (const char *)(uintptr_t)at);
        (void)!vm_deallocate(self(), at, j->size);
    }
    if (kr == KERN_SUCCESS)
        log_line("the core of %s is in the dump partition", j->program);
    else
        log_line("the core of %s could not be written to the dump partition (%d)", j->program, kr);
    send_drop(&j->service);
    send_drop(&j->core);
}

static void work(void *argument)
{
    (void)argument;
    for (uint32_t next = 0;; next++) {
        word_wait_while(&submitted, next);
        write_job(&job[next % JOBS]);
        atomic_store(&finished, next + 1);
    }
}

kern_return_t dumper_begin(void)
{
    static struct thread thread;
    return thread_start(&thread, work, NULL, PRIORITY);
}

bool dumper_submit(mach_port_name_t service, uint32_t partition, mach_port_name_t core,
                   uint64_t size, const char *program)
{
    const uint32_t next = atomic_load(&submitted);
    if (next - atomic_load(&finished) == JOBS)
        return false;
    struct job *j = &job[next % JOBS];
    *j = (struct job){.service = service, .core = core, .partition = partition, .size = size};
    strncpy(j->program, program, sizeof(j->program) - 1);
    word_set(&submitted, next + 1);
    return true;
}
