/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/mounts: its lines, as programs written for Linux read them, with a program `files` and a mounter that say what they are to.
 */
#include "check.h"
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <procfs.h>
#include <wharf/if/file.h>
#include <wharf/if/mounts.h>
#include <wharf/if/port.h>

enum { TASK = 2, FILES = 7, MOUNTER = 9, OUR_ROOT = 20, ROOT = 21, ROWS = 20 };
#define NOW      UINT64_C(5000)
#define PATIENCE UINT64_C(1000000000)
#define TMPFS    "none / tmpfs rw 0 0\n"

static struct start_info info = {.task = TASK};
const struct start_info *program_start_info = &info;
mach_port_name_t procfs_files, procfs_mounts;

/* What is told: paths, the newest first, each answer's in a text of its own; and rows. */
static const char *told[4];
static uint32_t told_size[4];
static struct mounts_row rows[ROWS];
static uint32_t row_count;
static kern_return_t mounter_says;
static unsigned asked, released;

uint64_t kernel_clock_now(void)
{
    return NOW;
}

kern_return_t file_mounts(mach_port_name_t file, uint32_t position, uint32_t *next, void *paths,
                          uint32_t *size)
{
    CHECK_EQ(file, FILES);
    CHECK(position < 4);
    *size = told_size[position];
    if (told[position])
        memcpy(paths, told[position], *size);
    *next = position + 1;
    return KERN_SUCCESS;
}

kern_return_t file_open(mach_port_name_t file, const char *path, uint32_t flags, uint32_t mode,
                        int64_t id, uint32_t *outcome, mach_port_name_t *opened, char *rest)
{
    (void)mode, (void)id;
    CHECK(file == FILES && flags == FILE_PATH);
    *outcome = FILE_OUTCOME_ELSEWHERE;
    *opened = strcmp(path, "/proc") == 0 ? OUR_ROOT : ROOT;
    rest[0] = '\0';
    return KERN_SUCCESS;
}

kern_return_t port_type(mach_port_name_t task, mach_port_name_t name, uint32_t *rights)
{
    CHECK_EQ(task, TASK);
    *rights = name == OUR_ROOT ? PORT_RIGHT_RECEIVE | PORT_RIGHT_SEND : PORT_RIGHT_SEND;
    return KERN_SUCCESS;
}

void stub_release_right(mach_port_name_t name, unsigned kind)
{
    CHECK(name == OUR_ROOT || name == ROOT);
    CHECK_EQ(kind, MSG_MOVE_SEND);
    released++;
}

kern_return_t mounts_list_until(mach_port_name_t mounter, uint32_t position, uint32_t *next,
                                struct mounts_row *out, uint32_t *count, uint64_t until)
{
    CHECK_EQ(mounter, MOUNTER);
    CHECK_EQ(until, NOW + PATIENCE);
    asked++;
    if (mounter_says != KERN_SUCCESS)
        return mounter_says;
    *count = row_count - position < MOUNTS_ROWS_MAX ? row_count - position : MOUNTS_ROWS_MAX;
    memcpy(out, rows + position, *count * sizeof(*out));
    *next = position + *count;
    return KERN_SUCCESS;
}

#define TELL(answer, text) (told[answer] = (text), told_size[answer] = sizeof(text))

static void expect(kern_return_t result, const char *wanted)
{
    struct text text = {.at = NULL};

    CHECK_EQ(fill_mounts(&text, NULL), result);
    CHECK(!text.failed);
    if (result == KERN_SUCCESS) {
        text_add_bytes(&text, "", 1);
        CHECK_TEXT(text.at, wanted);
    }
    text_end(&text);
}

static void add_row(const char *device, const char *path, const char *format, uint32_t flags,
                    uint32_t state)
{
    struct mounts_row *row = &rows[row_count++];

    *row = (struct mounts_row){.flags = flags, .state = state};
    strcpy((char *)row->device, device);
    strcpy((char *)row->path, path);
    strcpy((char *)row->format, format);
}

static void test_paths(void)
{
    expect(KERN_SUCCESS, TMPFS); /* without the program `files` */
    procfs_files = FILES;
    expect(KERN_SUCCESS, TMPFS);
    TELL(0, "/mnt/b\0/mnt/a");
    TELL(1, "/proc");
    expect(KERN_SUCCESS,
           TMPFS "none /proc proc ro 0 0\nnone /mnt/a none rw 0 0\nnone /mnt/b none rw 0 0\n");
    CHECK_EQ(released, 3);
    TELL(0, "/later\0\0/first"); /* one has no path any more */
    told_size[1] = 0;
    expect(KERN_SUCCESS, TMPFS "none /first none rw 0 0\nnone /later none rw 0 0\n");
    told_size[0] -= 1;
    expect(unix_error(EIO), "");
    CHECK_EQ(asked, 0);
}

/* As Linux does, and as getmntent() undoes it. */
static void test_letters(void)
{
    TELL(0, "/a b\tc\nd\\e");
    expect(KERN_SUCCESS, TMPFS "none /a\\040b\\011c\\012d\\134e none rw 0 0\n");
    TELL(0, "/\x01#\x7f/\xc3\xa9\r");
    expect(KERN_SUCCESS, TMPFS "none /\x01#\x7f/\xc3\xa9\r none rw 0 0\n");
}

static void test_devices(void)
{
    TELL(0, "/mnt/x y\0/away\0/boot/card\0/");
    procfs_mounts = MOUNTER;
    add_row("vd0p2", "/", "ext4", 0, MOUNTS_STATE_MOUNTED);
    for (unsigned i = 0; i < MOUNTS_ROWS_MAX; i++) /* lines of the table */
        add_row("sd0p9", "/away", "ext4", MOUNTS_LISTED, MOUNTS_STATE_AWAY);
    add_row("sd0p1", "/boot/card", "fat", MOUNTS_READ_ONLY, MOUNTS_STATE_MOUNTED);
    add_row("usb0", "/mnt/x y", "fat", 0, MOUNTS_STATE_RESTARTING);
    expect(KERN_SUCCESS, "/dev/disk/vd0p2 / ext4 rw 0 0\n/dev/disk/sd0p1 /boot/card vfat ro 0 0\n"
                         "none /away none rw 0 0\n/dev/disk/usb0 /mnt/x\\040y vfat rw 0 0\n");
    mounter_says = MACH_RCV_TIMED_OUT;
    asked = 0;
    TELL(0, "/boot/card");
    expect(KERN_SUCCESS, TMPFS "none /boot/card none rw 0 0\n");
    CHECK_EQ(asked, 1); /* who does not answer once is not asked again */
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_paths();
    test_letters();
    test_devices();
    return check_end();
}
