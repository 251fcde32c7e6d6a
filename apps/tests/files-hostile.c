/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Clients that take all there is, ask for nonsense, or die in the midst: others go on.
 */
#include "files.h"
#include <libsys/clone.h>
#include <libsys/thread.h>
#include <wharf/if/vm.h>

enum { PAUSE = 1000000, PAGE = 4096 };

static void check_others(void)
{
    struct file_attributes a;

    CHECK_EQUAL(look_at(root, "/bin/files-test", &a), KERN_SUCCESS);
}

/* Opens all there are, for good. */
static int take_opens(void *argument)
{
    kern_return_t error;

    (void)argument;
    do {
        try_open(root, "/dev/null", FILE_READ, &error);
        if (error != KERN_SUCCESS)
            (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    } while (error == KERN_SUCCESS || error == unix_error(ENFILE));
    return 1;
}

/* Until an open ends so. */
static void await_open(kern_return_t wanted)
{
    kern_return_t error;

    do {
        const mach_port_name_t file = try_open(root, "/dev/null", FILE_READ, &error);
        if (error == KERN_SUCCESS)
            close_file(file);
        else
            CHECK_EQUAL(error, unix_error(ENFILE));
        check_others();
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    } while (error != wanted && check_failures() == 0);
}

/* Others can look, and when it ends all of it comes back. */
static void check_opens(void)
{
    struct clone child;

    CHECK_EQUAL(clone_make(&child, take_opens, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    CHECK_EQUAL(clone_run(&child), KERN_SUCCESS);
    await_open(unix_error(ENFILE));
    clone_end(&child);
    await_open(KERN_SUCCESS);
}

/* What is left is less than a page: names fill that, too. */
static void fill_with_names(void)
{
    enum { MOST_NAMES = 100 };
    char path[FILE_NAME_MAX];
    kern_return_t kr = KERN_SUCCESS;
    unsigned n = 0;

    while (n < MOST_NAMES && kr == KERN_SUCCESS) {
        format_text(path, sizeof(path), "/tmp/no-room-%u", n);
        kr = make_at(root, path, FILE_KIND_FOLDER, "");
        n += kr == KERN_SUCCESS;
    }
    CHECK_EQUAL(kr, unix_error(ENOSPC));
    while (n-- > 0) {
        format_text(path, sizeof(path), "/tmp/no-room-%u", n);
        CHECK_EQUAL(remove_at(root, path, true), KERN_SUCCESS);
    }
}

static void check_full(void)
{
    static uint8_t data[FILE_BULK_MAX];
    const mach_port_name_t file =
        open_file("/tmp/full", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    struct file_system system;
    uint32_t written = 0;
    uint64_t total = 0;
    kern_return_t kr;

    data[0] = data[FILE_BULK_MAX - 1] = 1;
    do { /* what a process had that has ended may come back meanwhile */
        while ((kr = file_write_bulk(file, FILE_CURRENT, data, sizeof(data), &written)) ==
               KERN_SUCCESS)
            total += written;
        CHECK_EQUAL(kr, unix_error(ENOSPC));
        CHECK_EQUAL(file_get_system(file, &system), KERN_SUCCESS);
    } while (system.free != 0);
    CHECK(total > 1 << 20);
    check_others();
    fill_with_names();
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/full", false), KERN_SUCCESS);
    CHECK_EQUAL(make_at(root, "/tmp/room", FILE_KIND_FOLDER, ""), KERN_SUCCESS);
    CHECK_EQUAL(remove_at(root, "/tmp/room", true), KERN_SUCCESS);
}

/* Files that are mapped, and removed: their memory lives on in the client. That is counted, and comes back when it ends; the server has memory all the time. */
static int take_memory(void *argument)
{
    static uint8_t data[FILE_BULK_MAX / 4];
    uint64_t offset, mapped;
    uint32_t written;
    mach_port_name_t file, entry;
    kern_return_t error;

    (void)argument;
    data[0] = 1;
    for (;;) {
        file = try_open(root, "/tmp/mapped", FILE_READ | FILE_WRITE | FILE_CREATE, &error);
        if (error == KERN_SUCCESS) {
            error = file_write_bulk(file, 0, data, sizeof(data), &written);
            for (uint64_t at = 0; error == KERN_SUCCESS && at < written; at += mapped)
                error = file_map(file, at, written - at, VM_PROT_READ | VM_PROT_WRITE, false,
                                 &entry, &offset, &mapped);
            close_file(file);
            (void)!remove_at(root, "/tmp/mapped", false);
        }
        if (error != KERN_SUCCESS)
            (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
    }
    return 1;
}

/* Until there are fewer free pages, or more. */
static void await_free(uint64_t pages, bool more)
{
    struct file_system system = {.free = 0};

    do {
        (void)!kernel_sleep_until(kernel_clock_now() + PAUSE);
        CHECK_EQUAL(file_get_system(root, &system), KERN_SUCCESS);
        check_others();
    } while ((more ? system.free < pages : system.free > pages) && check_failures() == 0);
}

enum { FEW = 100 /* pages that others may still have */ };

static void check_mapped(void)
{
    struct clone child;
    struct file_system system;

    CHECK_EQUAL(file_get_system(root, &system), KERN_SUCCESS);
    CHECK_EQUAL(clone_make(&child, take_memory, NULL, THREAD_PRIORITY_DEFAULT), KERN_SUCCESS);
    CHECK_EQUAL(clone_run(&child), KERN_SUCCESS);
    await_free(FEW, false);
    clone_end(&child);
    await_free(system.free - FEW, true);
    (void)!remove_at(root, "/tmp/mapped", false);
}

/* The same for who has no more than a right to it, and keeps that for longer than there is a file: it is given back when the server is asked for its room. */
static void check_kept(void)
{
    static const uint8_t data[2 * FEW * PAGE];
    const mach_port_name_t file =
        open_file("/tmp/kept", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    struct file_system system, without;
    uint64_t offset, mapped;
    mach_port_name_t entry;
    uint32_t written;

    CHECK_EQUAL(file_get_system(root, &system), KERN_SUCCESS);
    CHECK_EQUAL(file_write_bulk(file, 0, data, sizeof(data), &written), KERN_SUCCESS);
    CHECK_EQUAL(file_map(file, 0, PAGE, VM_PROT_READ, false, &entry, &offset, &mapped),
                KERN_SUCCESS);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/kept", false), KERN_SUCCESS);
    CHECK_EQUAL(file_get_system(root, &without), KERN_SUCCESS);
    CHECK(without.free < system.free);
    stub_release_right(entry, MSG_MOVE_SEND);
    await_free(system.free, true);
}

static void check_nonsense(void)
{
    const mach_port_name_t file =
        open_file("/tmp/n", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint64_t next, offset, mapped;
    uint32_t size, outcome, which;
    uint8_t names[FILE_DATA_MAX];
    kern_return_t error;

    try_open(root, "/tmp/n", 0x80000001, &error);
    CHECK_EQUAL(error, unix_error(EINVAL));
    try_open(root, "/tmp/n", 0, &error);
    CHECK_EQUAL(error, unix_error(EINVAL));
    CHECK_EQUAL(file_entries(file, 0, &next, names, &size), unix_error(ENOTDIR));
    CHECK_EQUAL(file_map(file, 1, 1, VM_PROT_READ, true, &port, &offset, &mapped),
                unix_error(EINVAL));
    CHECK_EQUAL(file_map(file, 0, UINT64_MAX, VM_PROT_READ, true, &port, &offset, &mapped),
                unix_error(EINVAL));
    CHECK_EQUAL(file_map(file, 0, 1, VM_PROT_READ, true, &port, &offset, &mapped),
                unix_error(ENXIO));
    CHECK_EQUAL(file_set_attributes(file, ~0u, &(struct file_attributes){.kind = 1}),
                unix_error(EINVAL));
    CHECK_EQUAL(file_set_flags(root, FILE_APPEND), unix_error(EPERM));
    CHECK_EQUAL(file_rename(root, "tmp/n", program_start_info->task, "x", true, 0, &outcome, &port,
                            &which, rest),
                unix_error(EXDEV));
    CHECK_EQUAL(file_mount(root, "tmp", root, &outcome, &port, rest), unix_error(EPERM));
    CHECK_EQUAL(remove_at(root, "", true), unix_error(EBUSY));
    CHECK_EQUAL(remove_at(root, "/tmp/..", true), unix_error(EBUSY));
    CHECK_EQUAL(rename_at(root, "/tmp/.", "/tmp/q"), unix_error(EBUSY));
    /* Nobody but the kernel can say that an open has no senders. */
    const uint64_t one[8] = {1};
    CHECK_EQUAL(stub_send(file, MSG_COPY_SEND, MSG_ID_NO_SENDERS, one, WIRE_SHAPE(8, 0),
                          UINT64_MAX),
                KERN_SUCCESS);
    CHECK_EQUAL(file_write(file, 0, "x", 1, &size), KERN_SUCCESS);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/n", false), KERN_SUCCESS);
}

void test_hostile(void)
{
    check_nonsense();
    check_opens();
    check_full();
    check_mapped();
    check_kept();
}
