/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages of files (memories_stage.h): what a write that fails leaves, and what is asked of the kernel while it ends an object, and after a kill.
 */
#include "../check.h"
#include "memories_stage.h"
#include <wharf/if/memory_object.h>

enum { FAR = 50000 };

static struct disk_node node;
static struct file_open its_open = {.node = &node.node, .flags = FILE_WRITE};

static void begin(void)
{
    played.size = SIZE;
    played.holds = 1; /* the node's */
    node.file = handle();
}

/* Nobody knows of the file any more, and the kernel ends its object. */
static void end(void)
{
    lock();
    struct memory *memory = node.memory;
    if (memory)
        memory_leave(memory, true);
    unlock();
    if (memory)
        tell_terminate();
    CHECK(!next);
    CHECK_EQ(memory_count(), 0);
    CHECK_EQ(rights, 0);
    CHECK_EQ(played.holds, 1);
    CHECK_EQ(state->memory[0].used, 0);
}

static struct memory *have(void)
{
    struct memory *memory;

    lock();
    CHECK_EQ(memory_have(&node, &memory), 0);
    unlock();
    return memory;
}

/* ---- writes ---- */

static void write_in_vain(kern_return_t expected)
{
    uint32_t written = 1;

    CHECK_EQ(regular_ops.write(&its_open, FAR, "text", 4, &written), expected);
    CHECK_EQ(written, 0);
    CHECK_EQ(regular_ops.size(&node.node), SIZE);
    CHECK_EQ(played.size, SIZE);
    end();
}

/* Nothing of what was filled for it is left. */
static void test_failed_writes(void)
{
    begin();
    cannot_be_copied = true;
    write_in_vain(unix_error(EIO));
    cannot_be_copied = false;
    played.full = true;
    write_in_vain(unix_error(ENOSPC));
    played.full = false;
    has_no_memory = true;
    write_in_vain(unix_error(ENOMEM));
    has_no_memory = false;
}

static void test_write(void)
{
    uint32_t written;

    begin();
    CHECK_EQ(regular_ops.write(&its_open, FAR, "text", 4, &written), KERN_SUCCESS);
    CHECK_EQ(written, 4);
    CHECK_EQ(regular_ops.size(&node.node), FAR + 4);
    CHECK(played.size >= FAR);
    end();
}

/* ---- short files ---- */

static void begin_empty(void)
{
    begin();
    played.size = played.given = 0;
    known = &node;
}

static void end_empty(void)
{
    end();
    known = NULL;
}

static void write_first_bytes(kern_return_t expected, uint32_t size)
{
    static char bytes[32768];
    uint32_t written = 0;

    CHECK_EQ(regular_ops.write(&its_open, 0, bytes, size, &written), expected);
    CHECK_EQ(written, expected == KERN_SUCCESS ? size : 0);
}

/* They need no memory, and others do: what is long, or comes second, or when there is no room; what was written has one size in any case. */
static void test_first_bytes(void)
{
    uint32_t written;

    begin_empty();
    write_first_bytes(KERN_SUCCESS, 1000);
    CHECK(played.gathers && !node.memory && disk.unsynced);
    CHECK_EQ(played.given, 1000);
    CHECK_EQ(regular_ops.size(&node.node), 1000);
    CHECK_EQ(regular_ops.write(&its_open, 1000, "text", 4, &written), KERN_SUCCESS);
    CHECK(node.memory != NULL);
    CHECK_EQ(played.given, 1000);
    CHECK_EQ(regular_ops.size(&node.node), 1004);
    end_empty();
    begin_empty();
    write_first_bytes(KERN_SUCCESS, 32768);
    CHECK(node.memory != NULL && played.given == 0);
    end_empty();
    begin_empty();
    played.crowded = true;
    write_first_bytes(KERN_SUCCESS, 1000);
    CHECK(node.memory != NULL && played.given == 0);
    played.crowded = false;
    end_empty();
}

static void test_first_bytes_in_vain(void)
{
    begin_empty();
    cannot_be_copied = true;
    write_first_bytes(unix_error(EIO), 1000);
    cannot_be_copied = false;
    played.full = true;
    write_first_bytes(unix_error(ENOSPC), 1000);
    played.full = false;
    CHECK_EQ(played.size, 0);
    end_empty();
}

/* What was gathered and could not be written: the next sync of the file says so, once; or that of all, when nobody has it open. */
static void test_lost(void)
{
    begin_empty();
    write_first_bytes(KERN_SUCCESS, 1000);
    played.lost = EIO;
    CHECK_EQ(regular_ops.sync(&node.node, false), unix_error(EIO));
    CHECK_EQ(regular_ops.sync(&node.node, false), KERN_SUCCESS);
    end_empty();
    disk.lost_error = 0;
    begin_empty();
    write_first_bytes(KERN_SUCCESS, 1000);
    played.lost = EIO;
    known = NULL;
    CHECK_EQ(flush_all(false), 0);
    CHECK_EQ(flush_all(true), EIO);
    CHECK_EQ(flush_all(true), 0);
    end_empty();
}

/* ---- an object that has gone, and of whose end the pager has not heard yet ---- */

static void next_life(void)
{
    tell_terminate();
    tell_init(CONTROL + 1);
    next = tell_completed;
}

static struct memory *have_gone(void)
{
    begin();
    struct memory *memory = have();
    tell_init(CONTROL);
    lock();
    memory_set_shared(memory);
    unlock();
    asked.count = 0;
    life = MSG_NULL;
    next = next_life;
    return memory;
}

static void test_flush_of_gone(void)
{
    struct memory *memory = have_gone();

    CHECK_EQ(flush_memory(memory, true), 0);
    CHECK_EQ(asked.count, 1);
    CHECK_EQ(asked.what, MEMORY_OBJECT_RETURNS_DIRTY);
    CHECK(!memory->dirty);
    end();
}

static void test_forget_of_gone(void)
{
    struct memory *memory = have_gone();

    flush_forget(memory, PAGE);
    CHECK_EQ(asked.count, 1);
    CHECK(asked.from == PAGE && asked.what == MEMORY_OBJECT_RETURNS_NONE && asked.flush);
    next = NULL;
    end();
}

/* Nobody remakes it: there is nothing that could have been written. */
static void test_flush_of_the_last(void)
{
    struct memory *memory = have_gone();

    lock();
    memory_wait_begins(memory);
    memory_leave(memory, true);
    unlock();
    next = tell_terminate;
    CHECK_EQ(flush_memory(memory, true), 0);
    CHECK_EQ(asked.count, 0);
    lock();
    memory_wait_ends(memory);
    unlock();
    end();
}

/* It was announced, and could not be fetched in time: nobody waits for what is lost. */
static void test_return_of_gone(void)
{
    (void)have_gone();
    const uint64_t before = now;
    next = NULL;
    collects = 0;
    tell_return(RETURN_PAGES);
    CHECK_EQ(collects, RETURN_PAGES);
    CHECK_EQ(now, before);
    end();
}

/* ---- after a kill ---- */

static void restore(void)
{
    begin();
    state->memory[0].inode = INODE;
    state->memory[0].size = SIZE;
    state->memory[0].used = 1;
    rights = 1;
    memory_restore(MEMORY_PAYLOAD, 2);
    asked.count = 0;
    node.memory = NULL;
}

static void tell_first_init(void)
{
    tell_init(CONTROL);
}

static void check_dropped(void)
{
    CHECK_EQ(asked.count, 1);
    CHECK(asked.from == PAGE && asked.what == MEMORY_OBJECT_RETURNS_NONE && asked.flush);
}

static void test_restored(void)
{
    restore();
    next = tell_first_init;
    CHECK(have());
    check_dropped();
    end();
}

/* Who might write does not before what was behind the end has gone, however late that is. */
static void test_restored_late(void)
{
    struct memory *memory;
    uint32_t written;

    restore();
    lock();
    CHECK_EQ(memory_have(&node, &memory), EIO);
    unlock();
    CHECK_EQ(regular_ops.write(&its_open, FAR, "text", 4, &written), unix_error(EIO));
    CHECK_EQ(regular_ops.size(&node.node), SIZE);
    CHECK_EQ(asked.count, 0);
    tell_first_init();
    check_dropped();
    CHECK_EQ(regular_ops.write(&its_open, FAR, "text", 4, &written), KERN_SUCCESS);
    CHECK_EQ(asked.count, 1);
    end();
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    stage_begin();
    test_failed_writes();
    test_write();
    test_first_bytes();
    test_first_bytes_in_vain();
    test_lost();
    test_flush_of_gone();
    test_forget_of_gone();
    test_flush_of_the_last();
    test_return_of_gone();
    test_restored();
    test_restored_late();
    free(state);
    return check_end();
}
