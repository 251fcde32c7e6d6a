/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See world.h.
 */
#include "world.h"
#include "check.h"
#include <errno.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <user/msg.h>
#include <wharf/if/file.h>
#include <wharf/if/mounted_volume.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/if/vm.h>

enum { ENDED_RIGHT = 300 };

struct mounter mounter;
static struct start_info info = {.bootstrap = 1, .task = 2};
const struct start_info *program_start_info = &info;

struct world world;
struct kept world_kept;

/* ---- kills ---- */

jmp_buf killed;
unsigned steps_left;

static void step(void)
{
    check_rows();
    if (steps_left > 0 && --steps_left == 0)
        longjmp(killed, 1);
}

void mounter_log(const char *format, ...)
{
    (void)format;
    step();
}

const char *mounter_error(kern_return_t error)
{
    (void)error;
    return "";
}

bool mounter_pause(uint64_t deadline)
{
    (void)deadline;
    step();
    return true;
}

uint64_t kernel_clock_now(void)
{
    return 0;
}

size_t format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    const int n = vsnprintf(buffer, size, format, list);
    va_end(list);
    CHECK(n >= 0 && (size_t)n < size);
    return (size_t)n;
}

void stub_release_right(mach_port_name_t name, uint32_t disposition)
{
    (void)name, (void)disposition;
}

kern_return_t driver_port(struct driver *driver, uint64_t payload, mach_port_name_t *port)
{
    (void)driver, (void)payload;
    *port = ENDED_RIGHT;
    return KERN_SUCCESS;
}

void driver_fail(struct driver *driver, const char *format, ...)
{
    (void)driver;
    fprintf(stderr, "%s\n", format);
    exit(1);
}

void host_msg_trap(struct msg_registers *registers) /* mounted_volume.watch */
{
    CHECK(registers->destination >= VOLUME_RIGHT);
    step();
    registers->result = 0;
}

/* ---- disks ---- */

kern_return_t disk_find(const struct device_name *device, struct device_name *place,
                        struct probe *out)
{
    step();
    *place = *device;
    *out = (struct probe){.format = "ext4", .dirty = world.dirty};
    return KERN_SUCCESS;
}

/* ---- the supervisor, and servers ---- */

struct fake_server *server_of(const char *name)
{
    for (unsigned i = 0; i < SERVERS; i++)
        if (strcmp(world.server[i].name, name) == 0)
            return &world.server[i];
    return NULL;
}

/* No two have one book. */
static void check_book(const char *book)
{
    for (unsigned i = 0; i < SERVERS; i++)
        CHECK(world.server[i].name[0] == '\0' || strcmp(world.server[i].book, book) != 0);
}

kern_return_t supervisor_copy(mach_port_name_t supervisor, const char *program, const char *name,
                              const char *arguments)
{
    char whole[SUPERVISOR_NAME_MAX];
    const char *book = strstr(arguments, "book=");

    (void)supervisor;
    step();
    CHECK(book != NULL);
    snprintf(whole, sizeof(whole), "%s.%s", program, name);
    if (server_of(whole))
        return KERN_EXISTS;
    struct fake_server *server = server_of("");
    CHECK(server != NULL);
    *server =
        (struct fake_server){.state = SUPERVISOR_STATE_STARTING, .last_status = world.fails_with};
    snprintf(server->book, sizeof(server->book), "%.*s", (int)strcspn(book, " "), book);
    check_book(server->book);
    strcpy(server->name, whole);
    step();
    return KERN_SUCCESS;
}

kern_return_t supervisor_remove(mach_port_name_t supervisor, const char *name)
{
    struct fake_server *server = server_of(name);

    (void)supervisor;
    step();
    CHECK(name[0] != '\0');
    if (!server)
        return KERN_NOT_FOUND;
    server->state = SUPERVISOR_STATE_STOPPING;
    step();
    return KERN_SUCCESS;
}

/* Time goes by from one look to the next. */
static void advance(struct fake_server *server)
{
    if (server->state == SUPERVISOR_STATE_STARTING)
        server->state =
            server->last_status != 0 ? SUPERVISOR_STATE_WAITING : SUPERVISOR_STATE_RUNNING;
    else if (server->state == SUPERVISOR_STATE_STOPPING)
        *server = (struct fake_server){.opens = 0};
}

kern_return_t supervisor_list(mach_port_name_t supervisor, uint32_t position, uint32_t *next,
                              struct supervisor_row *rows, uint32_t *rows_count)
{
    uint32_t n = 0;

    (void)supervisor;
    step();
    CHECK_EQ(position, 0);
    for (unsigned i = 0; i < SERVERS; i++) {
        struct fake_server *server = &world.server[i];
        if (server->name[0] == '\0')
            continue;
        rows[n] =
            (struct supervisor_row){.state = server->state, .last_status = server->last_status};
        memcpy(rows[n++].name, server->name, SUPERVISOR_NAME_MAX);
        advance(server);
    }
    *next = SERVERS;
    *rows_count = n;
    return KERN_SUCCESS;
}

kern_return_t service_look_up(mach_port_name_t service, const char *name, mach_port_name_t *port)
{
    static const char volume[] = ".volume";
    char whole[SUPERVISOR_NAME_MAX + sizeof(volume)];

    (void)service;
    step();
    snprintf(whole, sizeof(whole), "%s", name);
    char *end = strstr(whole, volume);
    if (end)
        *end = '\0';
    const struct fake_server *server = server_of(whole);
    if (!server)
        return KERN_NOT_FOUND;
    *port = (mach_port_name_t)(server - world.server) + (end ? VOLUME_RIGHT : ROOT_RIGHT);
    return KERN_SUCCESS;
}

kern_return_t mounted_volume_facts_until(mach_port_name_t volume, uint32_t *opens, bool *read_only,
                                         char *problem, uint64_t *a, uint64_t *b, uint64_t *c,
                                         uint64_t *d, uint64_t *e, uint64_t deadline)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)deadline;
    step();
    *opens = world.server[volume - VOLUME_RIGHT].opens;
    *read_only = false;
    problem[0] = '\0';
    return KERN_SUCCESS;
}

kern_return_t file_sync_until(mach_port_name_t file, bool data_only, uint64_t deadline)
{
    (void)file, (void)data_only, (void)deadline;
    step();
    return KERN_SUCCESS;
}

kern_return_t service_get_right(mach_port_name_t service, const char *name, mach_port_name_t *right)
{
    (void)service, (void)name;
    *right = MSG_NULL;
    return KERN_SUCCESS;
}

kern_return_t vm_map(mach_port_name_t vm, uint64_t address, uint64_t size, uint64_t offset,
                     uint32_t flags, mach_port_name_t memory, uint32_t protection,
                     uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    (void)vm, (void)address, (void)size, (void)offset, (void)flags, (void)memory;
    (void)protection, (void)max_protection, (void)inheritance;
    *at = (uintptr_t)&world_kept;
    return KERN_SUCCESS;
}

/* ---- the program `files` ---- */

unsigned cover_of(const char *path)
{
    unsigned i = 0;

    while (i < COVERS && strcmp(world.cover[i].path, path[0] != '\0' ? path : "/") != 0)
        i++;
    return i;
}

kern_return_t cover_prepare(const char *path, bool make)
{
    (void)path, (void)make;
    step();
    return KERN_SUCCESS;
}

kern_return_t cover_put(const char *path, mach_port_name_t root)
{
    step();
    CHECK_EQ(cover_of(path), COVERS);
    for (unsigned i = 0; i < COVERS; i++)
        if (world.cover[i].path[0] == '\0') {
            strcpy(world.cover[i].path, path);
            world.cover[i].root = root;
            break;
        }
    CHECK(cover_of(path) < COVERS);
    step();
    return KERN_SUCCESS;
}

kern_return_t cover_take(const char *path)
{
    const unsigned i = cover_of(path);

    step();
    if (i == COVERS)
        return unix_error(EINVAL);
    if (world.opened_meanwhile)
        world.server[world.cover[i].root - ROOT_RIGHT].opens++;
    world.cover[i].path[0] = '\0';
    step();
    return KERN_SUCCESS;
}

kern_return_t cover_tell(const char *path, mach_port_name_t root)
{
    step();
    CHECK(cover_of(path) < COVERS);
    CHECK_EQ(world.cover[cover_of(path)].root, root);
    return KERN_SUCCESS;
}
