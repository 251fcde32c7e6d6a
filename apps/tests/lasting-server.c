/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file server that is killed again and again (lasting_nodes.h): its files and its opens are in memory that outlives it ("state"), its ports at the keeper.
 *
 * Arguments: service=NAME book=NAME.
 */
#include "arguments.h"
#include "lasting_nodes.h"
#include <libsys/files/server.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/service.h>
#include <wharf/if/vm.h>

enum { OPENS = 64, PAGE = 4096 };

static struct file_server server;

/* The whole of "state": the image, and what the framework needs. */
static kern_return_t map_state(size_t size, uint64_t *at)
{
    mach_port_name_t state;
    kern_return_t kr = service_get_right(program_start_info->bootstrap, "state", &state);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_map(program_start_info->task, 0, size, 0, VM_ANYWHERE, state,
                VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_NONE, at);
    stub_release_right(state, MSG_MOVE_SEND);
    return kr;
}

int main(void)
{
    char service[64], book[64];
    struct file_server_limits limits = {.opens = OPENS, .waits = OPENS};
    const size_t size = file_server_lasting_size(&limits);
    const size_t image = (sizeof(struct lasting_image) + 7) & ~(size_t)7;
    uint64_t at = 0;
    kern_return_t kr = map_state((image + size + PAGE - 1) & ~(size_t)(PAGE - 1), &at);
    const struct file_server_lasting lasting = {
        .book = word_argument("book=", book, sizeof(book)),
        .memory = (void *)(uintptr_t)(at + image),
        .size = size,
        .identity = lasting_nodes_identity,
        .find = lasting_nodes_find,
        .progress = lasting_nodes_progress,
    };

    limits.lasting = &lasting;
    if (kr == KERN_SUCCESS) {
        lasting_nodes_begin((struct lasting_image *)(uintptr_t)at);
        kr = file_server_begin(&server, &limits, MSG_NULL);
    }
    if (kr == KERN_SUCCESS) {
        lasting_nodes_free();
        kr = file_server_root(&server, word_argument("service=", service, sizeof(service)),
                              lasting_nodes_root());
    }
    if (kr == KERN_SUCCESS)
        kr = file_server_run(&server, NULL, 0);
    print("lasting-server: it ends: error %d\n", (int)kr);
    return 1;
}
