/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file server that answers what no file server should: walks without an end, more bytes than were asked for, entries that are none. The functions of POSIX end with an errno, nothing is written
 * where nothing may be, and no right is left over. The server is a thread of this program.
 */
#include "../../libsys/posix/process.h"
#include "posix-files.h"
#include <dirent.h>
#include <fcntl.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wharf/file_entry.h>
#include <wharf/if/file.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>
#include <wharf/unix_error.h>

enum { CLAIMED_AT = 5000, CLAIMED = 6000 };

static mach_port_name_t port; /* the one port that is everything here: root, directories, files */
static unsigned entry_kind;   /* which bad entry is told */
static bool is_short;         /* it does what is asked, but takes and gives nothing out of line */
static uint32_t moved;        /* so many bytes, then */
/* A claim is good, but what was claimed cannot be mapped, and of what is read so much is there; 0: an error. UINT32_MAX: a claim is of too much. */
static uint32_t there = UINT32_MAX;
static int64_t offset; /* the file's own */

/* A send right for an answer. */
static mach_port_name_t one_more(void)
{
    CHECK_EQUAL(port_mod_refs(program_start_info->task, port, PORT_RIGHT_SEND, 1), KERN_SUCCESS);
    return port;
}

/* How a walk ends is what the path says. */
static kern_return_t walk(const char *path, uint32_t *outcome, mach_port_name_t *where, char *rest)
{
    strlcpy(rest, path, FILE_PATH_MAX);
    *where = MSG_NULL;
    *outcome = FILE_OUTCOME_DONE;
    if (strcmp(path, "elsewhere") == 0) {
        *outcome = FILE_OUTCOME_ELSEWHERE;
        *where = one_more();
    } else if (strcmp(path, "nowhere") == 0) {
        *outcome = FILE_OUTCOME_ELSEWHERE;
    } else if (strcmp(path, "root") == 0) {
        *outcome = FILE_OUTCOME_FROM_ROOT;
        *where = one_more(); /* that nobody asked for */
    } else if (strcmp(path, "outcome") == 0) {
        *outcome = 77;
    } else if (strcmp(path, "error") == 0) {
        return (kern_return_t)0x2345;
    } else if (strcmp(path, "errno") == 0) {
        return unix_error(ENOSPC);
    }
    return KERN_SUCCESS;
}

static kern_return_t do_open(struct server_message *message, const char *path, uint32_t flags,
                             uint32_t mode, int64_t id, uint32_t *outcome, mach_port_name_t *opened,
                             char *rest)
{
    (void)message;
    (void)flags;
    (void)mode;
    (void)id;
    const kern_return_t kr = walk(path, outcome, opened, rest);

    if (kr == KERN_SUCCESS && *outcome == FILE_OUTCOME_DONE && strcmp(path, "null") != 0)
        *opened = one_more();
    return kr;
}

static kern_return_t do_look(struct server_message *message, const char *path, bool nofollow,
                             uint32_t *outcome, mach_port_name_t *elsewhere,
                             struct file_attributes *attributes, char *rest)
{
    (void)message;
    (void)nofollow;
    *attributes = (struct file_attributes){.kind = 1000,
                                           .mode = UINT32_MAX,
                                           .links = UINT32_MAX,
                                           .accessed = INT64_MIN,
                                           .modified = INT64_MAX,
                                           .changed = -1};
    return walk(path, outcome, elsewhere, rest);
}

static kern_return_t do_attributes(struct server_message *message,
                                   struct file_attributes *attributes)
{
    (void)message;
    *attributes = (struct file_attributes){.kind = FILE_KIND_FOLDER};
    return KERN_SUCCESS;
}

static kern_return_t do_rename(struct server_message *message, const char *path,
                               mach_port_name_t to, const char *to_path, bool replace, int64_t id,
                               uint32_t *outcome, mach_port_name_t *elsewhere, uint32_t *which,
                               char *rest)
{
    (void)message;
    (void)replace;
    (void)id;
    *which = strcmp(path, "done") == 0 ? 12345 : 0;
    const kern_return_t kr = walk(*which != 0 ? to_path : path, outcome, elsewhere, rest);

    if (kr == KERN_SUCCESS && to != MSG_NULL) /* it came with the request */
        (void)!port_deallocate(program_start_info->task, to);
    return kr;
}

/* More than was asked for. */
static kern_return_t do_read(struct server_message *message, int64_t position, uint32_t size,
                             void *data, uint32_t *data_size)
{
    (void)message;
    (void)position;
    *data_size = is_short ? size : size + 100;
    for (uint32_t i = 0; i < *data_size; i++)
        ((uint8_t *)data)[i] = (uint8_t)(moved + i);
    moved += *data_size;
    return KERN_SUCCESS;
}

static kern_return_t do_read_bulk(struct server_message *message, int64_t position, uint32_t size,
                                  void **data, uint32_t *data_size)
{
    static char bytes[20000];
    uint64_t at;

    (void)message;
    if (is_short)
        return KERN_NOT_SUPPORTED;
    if (there != UINT32_MAX) {
        CHECK_EQUAL(position, CLAIMED_AT);
        CHECK_EQUAL(size, CLAIMED);
        CHECK_EQUAL(vm_allocate(program_start_info->task, 0, CLAIMED, VM_ANYWHERE, &at),
                    KERN_SUCCESS);
        *data = memset((void *)(uintptr_t)at, 'x', there);
        *data_size = there;
        if (there != 0)
            return KERN_SUCCESS; /* what is sent goes */
        CHECK_EQUAL(vm_deallocate(program_start_info->task, at, CLAIMED), KERN_SUCCESS);
        return unix_error(EIO);
    }
    *data = bytes;
    *data_size = size + 100;
    return KERN_SUCCESS;
}

static kern_return_t do_claim(struct server_message *message, int64_t position, uint32_t size,
                              uint64_t *at, uint32_t *got)
{
    (void)message;
    *at = 0;
    *got = size + 100;
    if (there != UINT32_MAX) {
        *at = CLAIMED_AT;
        *got = CLAIMED;
        if (position < 0)
            offset = CLAIMED_AT + CLAIMED;
    }
    return is_short ? KERN_NOT_SUPPORTED : KERN_SUCCESS;
}

static kern_return_t do_write(struct server_message *message, int64_t position, const void *data,
                              uint32_t data_size, uint32_t *written)
{
    (void)message;
    (void)position;
    *written = is_short ? data_size : data_size + 1;
    for (uint32_t i = 0; is_short && i < data_size; i++)
        CHECK_EQUAL(((const uint8_t *)data)[i], (uint8_t)(moved + i));
    moved += data_size;
    return KERN_SUCCESS;
}

static kern_return_t do_seek(struct server_message *message, int64_t to, uint32_t whence,
                             int64_t id, int64_t *position)
{
    (void)message;
    (void)id;
    if (there != UINT32_MAX)
        CHECK_EQUAL(whence, FILE_WHENCE_START);
    *position = offset = to;
    return KERN_SUCCESS;
}

/* Nothing of it is an entry. */
static kern_return_t do_entries(struct server_message *message, uint64_t position, uint64_t *next,
                                void *names, uint32_t *names_size)
{
    struct file_entry entry = {.inode = 1, .size = sizeof(entry), .name = "abc"};

    (void)message;
    (void)position;
    *next = 1;
    *names_size = sizeof(entry);
    switch (entry_kind) {
    case 0: entry.size = 0; break;
    case 1: entry.size = 25; break;
    case 2: entry.size = 4096; break;
    case 3: memset(entry.name, 'x', sizeof(entry.name)); break;
    default: *names_size = 5; break;
    }
    memcpy(names, &entry, sizeof(entry));
    return KERN_SUCCESS;
}

static kern_return_t do_map(struct server_message *message, uint64_t from, uint64_t length,
                            uint32_t protection, bool private, mach_port_name_t *entry,
                            uint64_t *entry_offset, uint64_t *mapped)
{
    (void)message;
    (void)from;
    (void)protection;
    (void)private;
    if (there != UINT32_MAX)
        return unix_error(ENODEV);
    *entry = one_more(); /* that is no memory, or a pager that does not answer */
    *entry_offset = 1;
    *mapped = length + UINT64_MAX / 2;
    return KERN_SUCCESS;
}

static void serve(void *argument)
{
    static uint64_t in[1100], out[1100];
    static const struct file_ops ops = {
        .open = do_open,
        .look = do_look,
        .get_attributes = do_attributes,
        .rename = do_rename,
        .read = do_read,
        .read_bulk = do_read_bulk,
        .claim = do_claim,
        .write = do_write,
        .seek = do_seek,
        .entries = do_entries,
        .map = do_map,
    };
    const struct server_interface interface = file_interface(&ops, NULL);
    const struct server server = {.port = port,
                                  .count = 1,
                                  .interfaces = &interface,
                                  .in = in,
                                  .out = out,
                                  .in_size = sizeof(in),
                                  .out_size = sizeof(out)};

    (void)argument;
    (void)!server_run(&server);
}

/* ---- the client ---- */

static void check_walks(void)
{
    struct stat status;

    CHECK_FAILS(open("elsewhere", O_RDONLY), ELOOP);
    CHECK_FAILS(open("root", O_RDONLY), ELOOP);
    CHECK_FAILS(open("nowhere", O_RDONLY), EIO);
    CHECK_FAILS(open("outcome", O_RDONLY), EIO);
    CHECK_FAILS(open("error", O_RDONLY), EIO);
    CHECK_FAILS(open("errno", O_RDONLY), ENOSPC);
    CHECK_FAILS(open("null", O_RDONLY), EIO);
    CHECK_FAILS(stat("elsewhere", &status), ELOOP);
    CHECK_FAILS(stat("root", &status), ELOOP);
    CHECK_FAILS(rename("elsewhere", "x"), ELOOP);
    CHECK_FAILS(rename("root", "x"), ELOOP);
    CHECK_FAILS(rename("nowhere", "x"), EIO);
    CHECK_FAILS(rename("done", "elsewhere"), ELOOP);
    CHECK_FAILS(rename("done", "outcome"), EIO);
    CHECK_FAILS(mkdir("there-is-no-such-routine", 0), ENOTSUP);
    CHECK_EQUAL(stat("anything", &status), 0);
    CHECK_EQUAL(status.st_mode, 07777);
    CHECK(status.st_atim.tv_nsec >= 0 && status.st_ctim.tv_nsec == 999999999);
}

static void check_transfers(void)
{
    static char bytes[8192];
    char guarded[40] = "";
    const int file = open("file", O_RDWR);

    CHECK(file >= 0);
    CHECK_FAILS(read(file, guarded, 10), EIO);
    for (unsigned i = 0; i < sizeof(guarded); i++)
        CHECK_EQUAL(guarded[i], 0);
    CHECK_FAILS(read(file, bytes, sizeof(bytes)), EIO);
    CHECK_FAILS(write(file, bytes, 10), EIO);
    CHECK_FAILS((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0), EINVAL);
    CHECK_EQUAL(isatty(file), 0);
    CHECK_EQUAL(close(file), 0);
}

/* What is longer than a body goes in pieces, to the last byte. */
static void check_short(void)
{
    static uint8_t bytes[3 * FILE_DATA_MAX + 5];
    const int file = open("file", O_RDWR);

    is_short = true;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    moved = 0;
    CHECK_EQUAL(write(file, bytes, sizeof(bytes)), sizeof(bytes));
    CHECK_EQUAL(moved, sizeof(bytes));
    moved = 0;
    memset(bytes, 0, sizeof(bytes));
    CHECK_EQUAL(read(file, bytes, sizeof(bytes)), sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        CHECK_EQUAL(bytes[i], (uint8_t)i);
    is_short = false;
    CHECK_EQUAL(close(file), 0);
}

/* What was claimed and cannot be had is still to be read. */
static void check_claims(void)
{
    static char bytes[3 * FILE_DATA_MAX];
    const int file = open("file", O_RDONLY);

    there = CLAIMED;
    CHECK_EQUAL(read(file, bytes, sizeof(bytes)), CLAIMED);
    CHECK_EQUAL(offset, CLAIMED_AT + CLAIMED);
    there = 100;
    CHECK_EQUAL(read(file, bytes, sizeof(bytes)), 100);
    CHECK_EQUAL(offset, CLAIMED_AT + 100);
    there = 0;
    CHECK_FAILS(read(file, bytes, sizeof(bytes)), EIO);
    CHECK_EQUAL(offset, CLAIMED_AT);
    offset = 77;
    CHECK_FAILS(pread(file, bytes, sizeof(bytes), 0), EIO);
    CHECK_EQUAL(offset, 77); /* that is nothing to it */
    there = UINT32_MAX;
    CHECK_EQUAL(close(file), 0);
}

static void check_entries(void)
{
    for (entry_kind = 0; entry_kind < 5; entry_kind++) {
        DIR *directory = opendir("folder");

        if (!CHECK(directory != NULL))
            return;
        errno = 0;
        CHECK(readdir(directory) == NULL);
        CHECK_EQUAL(errno, EIO);
        CHECK_EQUAL(closedir(directory), 0);
    }
}

static uint32_t references(void)
{
    uint32_t count = 0;

    CHECK_EQUAL(port_get_refs(program_start_info->task, port, PORT_RIGHT_SEND, &count),
                KERN_SUCCESS);
    return count;
}

int main(void)
{
    const mach_port_name_t task = program_start_info->task;
    static struct thread thread;
    mach_port_name_t name;

    CHECK_EQUAL(port_allocate(task, PORT_RIGHT_RECEIVE, &port), KERN_SUCCESS);
    CHECK_EQUAL(port_insert_made_send(task, port, port, &name), KERN_SUCCESS);
    CHECK_EQUAL(name, port);
    place_import(port, MSG_NULL, 022);
    CHECK_EQUAL(thread_start(&thread, serve, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    const uint32_t before = references();

    check_walks();
    check_transfers();
    check_short();
    check_claims();
    check_entries();
    CHECK_EQUAL(references(), before);
    return check_end("posix-bad-server");
}
