/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Content: reading, writing, places, holes, mappings, what the archive holds, devices.
 */
#include "files.h"
#include <wharf/if/vm.h>

enum { PAGE = 4096, BULK = 300000 };

static uint32_t get(mach_port_name_t file, int64_t position, void *to, uint32_t size)
{
    uint8_t data[FILE_DATA_MAX];
    uint32_t got = 0;

    CHECK_EQUAL(file_read(file, position, size, data, &got), KERN_SUCCESS);
    memcpy(to, data, got);
    return got;
}

static uint32_t put(mach_port_name_t file, int64_t position, const void *from, uint32_t size)
{
    uint32_t written = 0;

    CHECK_EQUAL(file_write(file, position, from, size, &written), KERN_SUCCESS);
    return written;
}

static void check_places(void)
{
    const mach_port_name_t file = open_file("/tmp/c", FILE_READ | FILE_WRITE | FILE_CREATE);
    char text[32] = "";
    int64_t position;
    uint32_t got;
    kern_return_t error;

    CHECK_EQUAL(put(file, FILE_CURRENT, "hello", 5), 5);
    CHECK_EQUAL(put(file, FILE_CURRENT, ", world", 7), 7);
    CHECK_EQUAL(file_seek(file, 0, FILE_WHENCE_START, 0, &position), KERN_SUCCESS);
    CHECK_EQUAL(get(file, FILE_CURRENT, text, 5), 5);
    CHECK_EQUAL(get(file, FILE_CURRENT, text + 5, 20), 7);
    CHECK(memcmp(text, "hello, world", 12) == 0);
    CHECK_EQUAL(get(file, FILE_CURRENT, text, 20), 0);
    CHECK_EQUAL(file_seek(file, -5, FILE_WHENCE_END, 0, &position), KERN_SUCCESS);
    CHECK_EQUAL(position, 7);
    CHECK_EQUAL(file_seek(file, -8, FILE_WHENCE_OFFSET, 0, &position), unix_error(EINVAL));
    CHECK_EQUAL(file_seek(file, INT64_MAX, FILE_WHENCE_OFFSET, 0, &position),
                unix_error(EOVERFLOW));
    CHECK_EQUAL(get(file, INT64_MIN + 7, text, 2), 2); /* a request's id is no position */
    const mach_port_name_t reader = try_open(root, "/tmp/c", FILE_READ, &error);
    CHECK_EQUAL(file_write(reader, 0, "x", 1, &got), unix_error(EBADF));
    mach_port_name_t more;
    CHECK_EQUAL(file_reopen(reader, FILE_READ | FILE_WRITE, &more), unix_error(EACCES));
    CHECK_EQUAL(file_set_flags(file, FILE_APPEND), KERN_SUCCESS);
    CHECK_EQUAL(put(file, FILE_CURRENT, "!", 1), 1);
    CHECK_EQUAL(get(reader, 12, text, 20), 1);
    CHECK_EQUAL(text[0], '!');
    close_file(reader);
    CHECK_EQUAL(remove_at(root, "/tmp/c", false), KERN_SUCCESS); /* and lives on */
    CHECK_EQUAL(get(file, 0, text, 20), 13);
    close_file(file);
}

static void check_holes(void)
{
    const mach_port_name_t file =
        open_file("/tmp/h", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    struct file_attributes a;
    uint8_t byte[16];

    CHECK_EQUAL(put(file, INT64_C(1) << 40, "x", 1), 1);
    CHECK_EQUAL(look_at(root, "/tmp/h", &a), KERN_SUCCESS);
    CHECK_EQUAL(a.size, (INT64_C(1) << 40) + 1);
    CHECK(a.blocks <= 64);
    CHECK_EQUAL(get(file, 1 << 20, byte, 16), 16);
    CHECK_EQUAL(byte[15], 0);
    CHECK_EQUAL(put(file, PAGE - 2, "abcd", 4), 4);
    a.size = PAGE - 1;
    CHECK_EQUAL(file_set_attributes(file, FILE_SET_SIZE, &a), KERN_SUCCESS);
    a.size = (size_t)2 * PAGE;
    CHECK_EQUAL(file_set_attributes(file, FILE_SET_SIZE, &a), KERN_SUCCESS);
    CHECK_EQUAL(get(file, PAGE - 2, byte, 4), 4);
    CHECK(byte[0] == 'a' && byte[1] == 0 && byte[2] == 0 && byte[3] == 0);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/h", false), KERN_SUCCESS);
}

static void check_bulk(void)
{
    const mach_port_name_t self = program_start_info->task;
    const mach_port_name_t file =
        open_file("/tmp/b", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    uint64_t at;
    uint32_t written = 0, got = 0;
    void *back = NULL;

    CHECK_EQUAL(vm_allocate(self, 0, BULK, VM_ANYWHERE, &at), KERN_SUCCESS);
    uint8_t *bytes = (uint8_t *)(uintptr_t)at;
    for (unsigned i = 0; i < BULK; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    CHECK_EQUAL(file_write_bulk(file, 5, bytes, BULK, &written), KERN_SUCCESS);
    CHECK_EQUAL(written, BULK);
    CHECK_EQUAL(file_read_bulk(file, 5, FILE_BULK_MAX, &back, &got), KERN_SUCCESS);
    if (CHECK_EQUAL(got, BULK)) {
        CHECK(memcmp(back, bytes, BULK) == 0);
        stub_release_memory(back, got);
    }
    CHECK_EQUAL(file_read_bulk(file, BULK + 5, 100, &back, &got), KERN_SUCCESS);
    CHECK_EQUAL(got, 0);
    CHECK_EQUAL(vm_deallocate(self, at, BULK), KERN_SUCCESS);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/b", false), KERN_SUCCESS);
}

/* read, write and a mapping are one content. */
static void check_shared(void)
{
    const mach_port_name_t self = program_start_info->task;
    const mach_port_name_t file =
        open_file("/tmp/m", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    mach_port_name_t entry;
    uint64_t offset, mapped, at;
    char text[8];

    put(file, 0, "before", 6);
    CHECK_EQUAL(file_map(file, 0, PAGE, VM_PROT_READ | VM_PROT_WRITE, false, &entry, &offset,
                         &mapped),
                KERN_SUCCESS);
    CHECK_EQUAL(mapped, PAGE);
    CHECK_EQUAL(vm_map(self, 0, mapped, offset, VM_ANYWHERE, entry, VM_PROT_READ | VM_PROT_WRITE,
                       VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE, &at),
                KERN_SUCCESS);
    stub_release_right(entry, MSG_MOVE_SEND);
    char *shared = (char *)(uintptr_t)at;
    CHECK(memcmp(shared, "before", 7) == 0);
    memcpy(shared, "mapped", 6);
    CHECK_EQUAL(get(file, 0, text, 6), 6);
    CHECK(memcmp(text, "mapped", 6) == 0);
    put(file, 0, "write!", 6);
    CHECK(memcmp(shared, "write!", 6) == 0);
    struct file_attributes a = {.size = 2};
    CHECK_EQUAL(file_set_attributes(file, FILE_SET_SIZE, &a), KERN_SUCCESS);
    CHECK_EQUAL(shared[2], 0);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/m", false), KERN_SUCCESS);
    CHECK_EQUAL(shared[0], 'w'); /* the memory outlives the file */
    CHECK_EQUAL(vm_deallocate(self, at, PAGE), KERN_SUCCESS);
    const mach_port_name_t reader = open_file("/boot/system.conf", FILE_READ);
    CHECK_EQUAL(file_map(reader, 0, PAGE, VM_PROT_READ | VM_PROT_WRITE, false, &entry, &offset,
                         &mapped),
                unix_error(EACCES));
    close_file(reader);
}

/* A part of a file, and then all of it. */
static void check_parts(void)
{
    const mach_port_name_t self = program_start_info->task;
    const mach_port_name_t file =
        open_file("/tmp/parts", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    static char content[4 * PAGE];
    mach_port_name_t part, all;
    uint64_t offset, mapped, at;
    uint32_t written;

    for (unsigned i = 0; i < sizeof(content); i++)
        content[i] = (char)('a' + i / PAGE);
    CHECK_EQUAL(file_write_bulk(file, 0, content, sizeof(content), &written), KERN_SUCCESS);
    CHECK_EQUAL(written, sizeof(content));
    CHECK_EQUAL(file_map(file, (size_t)2 * PAGE, PAGE, VM_PROT_READ, false, &part, &offset,
                         &mapped),
                KERN_SUCCESS);
    CHECK_EQUAL(mapped, PAGE);
    CHECK_EQUAL(vm_map(self, 0, PAGE, offset, VM_ANYWHERE, part, VM_PROT_READ, VM_PROT_READ,
                       VM_INHERIT_SHARE, &at),
                KERN_SUCCESS);
    CHECK_EQUAL(*(volatile char *)(uintptr_t)at, 'c');
    CHECK_EQUAL(vm_deallocate(self, at, PAGE), KERN_SUCCESS);
    /* No more than that, whatever else the server has there. */
    CHECK_EQUAL(vm_map(self, 0, (size_t)2 * PAGE, offset, VM_ANYWHERE, part, VM_PROT_READ,
                       VM_PROT_READ, VM_INHERIT_SHARE, &at),
                KERN_INVALID_ARGUMENT);
    CHECK_EQUAL(file_map(file, 0, (size_t)4 * PAGE, VM_PROT_READ, false, &all, &offset, &mapped),
                KERN_SUCCESS);
    CHECK_EQUAL(mapped, 4 * PAGE);
    stub_release_right(part, MSG_MOVE_SEND);
    stub_release_right(all, MSG_MOVE_SEND);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/parts", false), KERN_SUCCESS);
}

/* Who has opened a file for reading gets no memory of it that can be written. */
static void check_read_only(void)
{
    const mach_port_name_t self = program_start_info->task;
    mach_port_name_t entry,
        file = open_file("/tmp/only", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    uint64_t offset, mapped, at;

    put(file, 0, "read", 4);
    close_file(file);
    file = open_file("/tmp/only", FILE_READ);
    for (int private = 0; private < 2; private ++) {
        CHECK_EQUAL(file_map(file, 0, PAGE, VM_PROT_READ, private, &entry, &offset, &mapped),
                    KERN_SUCCESS);
        CHECK_EQUAL(vm_map(self, 0, PAGE, offset, VM_ANYWHERE, entry, VM_PROT_READ,
                           VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_SHARE, &at),
                    KERN_PROTECTION_FAILURE);
        stub_release_right(entry, MSG_MOVE_SEND);
    }
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/only", false), KERN_SUCCESS);
}

/* This program, as it lies in the archive. */
static void check_archive(void)
{
    const mach_port_name_t self = program_start_info->task;
    const mach_port_name_t file = open_file("/bin/files-test", FILE_READ | FILE_EXECUTE);
    struct file_attributes a;
    mach_port_name_t entry;
    uint64_t offset, mapped, at;
    char head[4];

    CHECK_EQUAL(file_get_attributes(file, &a), KERN_SUCCESS);
    CHECK_EQUAL(a.mode, 0755);
    CHECK_EQUAL(get(file, 0, head, 4), 4);
    CHECK(memcmp(head, "\177ELF", 4) == 0);
    CHECK_EQUAL(file_map(file, 0, a.size, VM_PROT_READ | VM_PROT_EXECUTE, true, &entry, &offset,
                         &mapped),
                KERN_SUCCESS);
    CHECK(mapped >= a.size);
    CHECK_EQUAL(offset % PAGE, 0);
    CHECK_EQUAL(vm_map(self, 0, PAGE, offset, VM_ANYWHERE, entry, VM_PROT_READ | VM_PROT_EXECUTE,
                       VM_PROT_READ | VM_PROT_EXECUTE, VM_INHERIT_COPY, &at),
                KERN_SUCCESS);
    CHECK(memcmp((void *)(uintptr_t)at, "\177ELF", 4) == 0);
    CHECK_EQUAL(vm_deallocate(self, at, PAGE), KERN_SUCCESS);
    stub_release_right(entry, MSG_MOVE_SEND);
    close_file(file);
    /* A file of it that is written is a copy. */
    const mach_port_name_t text = open_file("/boot/files.conf", FILE_READ | FILE_WRITE);
    char was[8], now[8];
    get(text, 0, was, 8);
    put(text, 1, "X", 1);
    get(text, 0, now, 8);
    CHECK(now[0] == was[0] && now[1] == 'X' && memcmp(now + 2, was + 2, 6) == 0);
    put(text, 1, was + 1, 1);
    close_file(text);
}

/* What was written can be executed; a private mapping that is written is not the file. */
static void check_private(void)
{
    const mach_port_name_t self = program_start_info->task;
    const mach_port_name_t file =
        open_file("/tmp/p", FILE_READ | FILE_WRITE | FILE_CREATE | FILE_TRUNCATE);
    static const uint32_t code[] = {0x52800540 /* mov w0, #42 */, 0xd65f03c0 /* ret */};
    mach_port_name_t entry;
    uint64_t offset, mapped, at;
    char text[8];

    put(file, 0, code, sizeof(code));
    CHECK_EQUAL(file_map(file, 0, PAGE, VM_PROT_READ | VM_PROT_EXECUTE, true, &entry, &offset,
                         &mapped),
                KERN_SUCCESS);
    CHECK_EQUAL(vm_map(self, 0, PAGE, offset, VM_ANYWHERE, entry, VM_PROT_READ | VM_PROT_EXECUTE,
                       VM_PROT_READ | VM_PROT_EXECUTE, VM_INHERIT_COPY, &at),
                KERN_SUCCESS);
    CHECK_EQUAL(((int (*)(void))(uintptr_t)at)(), 42);
    CHECK_EQUAL(vm_deallocate(self, at, PAGE), KERN_SUCCESS);
    CHECK_EQUAL(vm_map(self, 0, PAGE, offset, VM_ANYWHERE | VM_COPY, entry,
                       VM_PROT_READ | VM_PROT_WRITE, VM_PROT_READ | VM_PROT_WRITE, VM_INHERIT_COPY,
                       &at),
                KERN_SUCCESS);
    *(volatile char *)(uintptr_t)at = 'z';
    get(file, 0, text, 8);
    CHECK(memcmp(text, code, 8) == 0);
    CHECK_EQUAL(vm_deallocate(self, at, PAGE), KERN_SUCCESS);
    stub_release_right(entry, MSG_MOVE_SEND);
    close_file(file);
    CHECK_EQUAL(remove_at(root, "/tmp/p", false), KERN_SUCCESS);
}

static void check_devices(void)
{
    const mach_port_name_t null = open_file("/dev/null", FILE_READ | FILE_WRITE);
    const mach_port_name_t full = open_file("/dev/full", FILE_READ | FILE_WRITE);
    const mach_port_name_t random = open_file("/dev/urandom", FILE_READ);
    uint8_t a[64] = {0}, b[64] = {0};
    uint32_t written;
    int64_t position;

    CHECK_EQUAL(put(null, FILE_CURRENT, "x", 1), 1);
    CHECK_EQUAL(get(null, FILE_CURRENT, a, 1), 0);
    CHECK_EQUAL(file_write(full, FILE_CURRENT, "x", 1, &written), unix_error(ENOSPC));
    CHECK_EQUAL(get(full, FILE_CURRENT, a, 64), 64);
    CHECK_EQUAL(get(random, FILE_CURRENT, a, 64), 64);
    CHECK_EQUAL(get(random, FILE_CURRENT, b, 64), 64);
    CHECK(memcmp(a, b, 64) != 0);
    CHECK_EQUAL(file_seek(random, 0, FILE_WHENCE_START, 0, &position), unix_error(ESPIPE));
    close_file(null);
    close_file(full);
    close_file(random);
}

void test_content(void)
{
    check_places();
    check_holes();
    check_bulk();
    check_shared();
    check_parts();
    check_read_only();
    check_archive();
    check_private();
    check_devices();
}
