/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See memories_stage.h.
 */
#include "memories_stage.h"
#include "../check.h"
#include <libsys/files/keep.h>
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>
#include <libsys/server.h>
#include <libsys/stub.h>
#include <setjmp.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/memory_object.h>
#include <wharf/if/memory_pager.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

struct disk disk;
struct state *state;
char *state_pages;
static const struct start_info info;
const struct start_info *program_start_info = &info;

/* ---- the volume: one file, in a format without holes ---- */

enum { FREE = 1 << 20 /* blocks */ };

struct played_file played;

struct volume_file *handle(void)
{
    return (struct volume_file *)&played;
}

static int file_attributes(struct volume *volume, struct volume_file *of,
                           struct volume_attributes *out)
{
    (void)volume;
    CHECK(of == handle() && played.holds > 0);
    *out = (struct volume_attributes){.kind = VOLUME_REGULAR,
                                      .links = 1,
                                      .inode = INODE,
                                      .size = played.size};
    return 0;
}

static int file_resize(struct volume *volume, struct volume_file *of, uint64_t size)
{
    (void)volume, (void)of;
    played.size = size;
    return 0;
}

static int file_write(struct volume *volume, struct volume_file *of, int64_t modified,
                      uint64_t offset, const void *from, size_t size, size_t *written)
{
    (void)volume, (void)of, (void)modified, (void)from;
    *written = played.full ? 0 : size;
    played.given += *written;
    if (!played.full && offset + size > played.size)
        played.size = offset + size;
    return played.full ? ENOSPC : 0;
}

static int file_hold(struct volume *volume, struct volume_file *of)
{
    (void)volume, (void)of;
    played.holds++;
    return 0;
}

static void file_release(struct volume *volume, struct volume_file *of)
{
    (void)volume, (void)of;
    CHECK(played.holds-- > 0);
}

static int file_reopen(struct volume *volume, uint64_t inode, struct volume_file **out)
{
    CHECK_EQ(inode, INODE);
    *out = handle();
    return file_hold(volume, *out);
}

static int space(struct volume *volume, struct volume_space *out)
{
    (void)volume;
    *out = (struct volume_space){.block_size = PAGE, .free = played.full ? 0 : FREE};
    return 0;
}

static int64_t now_of(struct volume *volume)
{
    (void)volume;
    return 1;
}

static const char *no_problem(struct volume *volume)
{
    (void)volume;
    return "";
}

static uint64_t limit(struct volume *volume, struct volume_file *of)
{
    (void)volume, (void)of;
    return UINT32_MAX;
}

static int sync_volume(struct volume *volume)
{
    (void)volume;
    return 0;
}

static bool gather(struct volume *volume, bool gathers)
{
    (void)volume;
    played.gathers = gathers;
    return !played.crowded;
}

static int lost(struct volume *volume, uint64_t *inode)
{
    const int error = played.lost;

    (void)volume;
    *inode = INODE;
    played.lost = 0;
    return error;
}

static const struct volume_ops ops = {
    .format = "played",
    .fills = true,
    .attributes = file_attributes,
    .resize = file_resize,
    .write = file_write,
    .hold = file_hold,
    .release = file_release,
    .reopen = file_reopen,
    .space = space,
    .now = now_of,
    .problem = no_problem,
    .size_limit = limit,
    .sync = sync_volume,
    .gather = gather,
    .lost = lost,
};

/* ---- the kernel: its time passes when somebody waits, and `next` happens meanwhile ---- */

uint64_t now;
static bool locked;
void (*next)(void);
bool has_no_memory, cannot_be_copied;
struct disk_node *known;
mach_port_name_t life;
struct asked asked;
unsigned collects;

uint64_t kernel_clock_now(void)
{
    return now;
}

kern_return_t kernel_sleep_until(uint64_t deadline)
{
    now = deadline;
    return KERN_SUCCESS;
}

kern_return_t pi_mutex_lock(struct pi_mutex *mutex)
{
    CHECK(mutex == &disk.lock && !locked);
    locked = true;
    return KERN_SUCCESS;
}

void pi_mutex_unlock(struct pi_mutex *mutex)
{
    CHECK(mutex == &disk.lock && locked);
    locked = false;
}

kern_return_t pi_condition_wait(struct condition *condition, struct pi_mutex *mutex,
                                uint64_t deadline)
{
    void (*happens)(void) = next;

    CHECK(condition == &disk.changed && mutex == &disk.lock && locked);
    next = NULL;
    if (!happens) {
        now = deadline;
        return KERN_OPERATION_TIMED_OUT;
    }
    locked = false;
    happens();
    locked = true;
    return KERN_SUCCESS;
}

void pi_condition_broadcast(struct condition *condition, struct pi_mutex *mutex)
{
    CHECK(condition == &disk.changed && mutex == &disk.lock && locked);
}

void mutex_lock(struct mutex *mutex)
{
    CHECK(mutex == &disk.flushing && !locked);
}

void mutex_unlock(struct mutex *mutex)
{
    CHECK(mutex == &disk.flushing && !locked);
}

kern_return_t memory_object_lock_request(mach_port_name_t control, uint64_t offset, uint64_t length,
                                         uint32_t what, bool flush, bool notify)
{
    CHECK(locked && notify != flush);
    CHECK_EQ(offset + length, MEMORY_SPAN);
    if (control != life)
        return MACH_SEND_INVALID_DEST;
    asked.from = offset;
    asked.what = what;
    asked.flush = flush;
    asked.count++;
    return KERN_SUCCESS;
}

kern_return_t memory_object_ready(mach_port_name_t control, bool may_cache, uint32_t cluster)
{
    CHECK(!may_cache && cluster == CLUSTER);
    return control == life ? KERN_SUCCESS : MACH_SEND_INVALID_DEST;
}

int rights;

kern_return_t port_allocate(mach_port_name_t task, uint32_t right, mach_port_name_t *name)
{
    (void)task, (void)right;
    *name = 1;
    return KERN_SUCCESS;
}

kern_return_t port_construct(mach_port_name_t task, uint64_t payload, mach_port_name_t set,
                             mach_port_name_t *name)
{
    (void)task, (void)payload, (void)set;
    rights++;
    *name = 2;
    return KERN_SUCCESS;
}

kern_return_t port_insert_made_send(mach_port_name_t task, mach_port_name_t name,
                                    mach_port_name_t right, mach_port_name_t *got)
{
    (void)task, (void)right;
    rights++;
    *got = name;
    return KERN_SUCCESS;
}

kern_return_t port_move_member(mach_port_name_t task, mach_port_name_t name, mach_port_name_t set)
{
    (void)task, (void)name, (void)set;
    return KERN_SUCCESS;
}

kern_return_t port_mod_refs(mach_port_name_t task, mach_port_name_t name, uint32_t right,
                            int32_t delta)
{
    (void)task, (void)name, (void)right;
    rights += delta;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    (void)kind;
    CHECK(name != MSG_NULL);
    rights -= name < CONTROL;
}

kern_return_t vm_map(mach_port_name_t task, uint64_t address, uint64_t size, uint64_t offset,
                     uint32_t flags, mach_port_name_t memory, uint32_t protection, uint32_t most,
                     uint32_t inheritance, uint64_t *at)
{
    (void)task, (void)size, (void)offset, (void)flags, (void)memory, (void)protection, (void)most;
    (void)inheritance;
    *at = address;
    return has_no_memory ? KERN_RESOURCE_SHORTAGE : KERN_SUCCESS;
}

kern_return_t vm_make_entry(mach_port_name_t task, uint64_t address, uint64_t size,
                            uint32_t protection, mach_port_name_t *entry)
{
    (void)task, (void)address, (void)size, (void)protection;
    rights++;
    *entry = 3;
    return KERN_SUCCESS;
}

kern_return_t vm_deallocate(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task, (void)address, (void)size;
    return KERN_SUCCESS;
}

kern_return_t vm_allocate(mach_port_name_t task, uint64_t address, uint64_t size, uint32_t flags,
                          uint64_t *at)
{
    return vm_map(task, address, size, 0, flags, MSG_NULL, 0, 0, 0, at);
}

/* ---- the pager's thread, which does not run: what it is told stands in the tests ---- */

static const struct memory_pager_ops *pager;
static jmp_buf begun;

struct server_interface memory_pager_interface(const struct memory_pager_ops *its, void *context)
{
    pager = its;
    return (struct server_interface){.context = context};
}

kern_return_t thread_start(struct thread *thread, thread_function_t *function, void *argument,
                           unsigned priority)
{
    (void)thread, (void)priority;
    if (setjmp(begun) == 0)
        function(argument);
    return KERN_SUCCESS;
}

kern_return_t server_run(const struct server *server)
{
    (void)server;
    longjmp(begun, 1);
}

static struct server_message message(void)
{
    return (struct server_message){.received.local = MEMORY_PAYLOAD};
}

void tell_init(mach_port_name_t control)
{
    struct server_message its = message();

    life = control;
    CHECK_EQ(pager->init(&its, control, PAGE), KERN_SUCCESS);
}

void tell_completed(void)
{
    struct server_message its = message();

    CHECK_EQ(pager->lock_completed(&its, 0, MEMORY_SPAN), KERN_SUCCESS);
}

void tell_return(unsigned pages)
{
    struct server_message its = message();

    CHECK_EQ(pager->data_return(&its, 0, (uint64_t)pages * PAGE, true, false), KERN_SUCCESS);
}

void tell_terminate(void)
{
    struct server_message its = message();

    CHECK_EQ(pager->terminate(&its), KERN_SUCCESS);
}

/* ---- parts of the server that are not looked at here ---- */

int window_read(struct memory *memory, uint64_t offset, void *to, size_t size)
{
    (void)memory, (void)offset, (void)to, (void)size;
    CHECK(!locked);
    return 0;
}

int window_fetch(const void *from, size_t size, void *to)
{
    CHECK(!locked);
    if (!cannot_be_copied)
        memcpy(to, from, size);
    return cannot_be_copied ? EIO : 0;
}

struct disk_node *node_of_inode(uint64_t inode)
{
    CHECK_EQ(inode, INODE);
    return known;
}

int window_write(struct memory *memory, uint64_t offset, const void *from, size_t size,
                 size_t *done)
{
    (void)memory, (void)offset, (void)from;
    CHECK(!locked);
    *done = cannot_be_copied ? 0 : size;
    return cannot_be_copied ? EIO : 0;
}

int window_clear(struct memory *memory, uint64_t offset, size_t size)
{
    size_t done;

    return window_write(memory, offset, NULL, size, &done);
}

void windows_drop(const struct memory *memory)
{
    (void)memory;
}

/* Pages come and go in other tests (tests/qemu): nobody asks for one here, and none can be had back. */

kern_return_t memory_object_supply(mach_port_name_t control, uint64_t offset, uint64_t address,
                                   uint64_t length, uint32_t flags)
{
    (void)control, (void)offset, (void)address, (void)length, (void)flags;
    CHECK(false);
}

kern_return_t memory_object_error(mach_port_name_t control, uint64_t offset, uint64_t length,
                                  uint32_t reason)
{
    (void)control, (void)offset, (void)length, (void)reason;
    CHECK(false);
}

kern_return_t memory_object_collect(mach_port_name_t control, uint64_t offset, uint64_t address)
{
    (void)offset, (void)address;
    CHECK(locked && control != life);
    collects++;
    return MACH_SEND_INVALID_DEST;
}

kern_return_t memory_entry_narrow(mach_port_name_t entry, uint64_t offset, uint64_t size,
                                  uint32_t protection, mach_port_name_t *out)
{
    (void)entry, (void)offset, (void)size, (void)protection, (void)out;
    CHECK(false);
}

void stage_begin(void)
{
    static char pages[RETURN_PAGES * PAGE];

    state = calloc(1, sizeof(*state));
    state_pages = pages;
    disk.ops = &ops;
    disk.unit = PAGE;
    CHECK_EQ(memories_begin(), KERN_SUCCESS);
    CHECK_EQ(pager_begin(), KERN_SUCCESS);
}
