/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two servers that are mounted in each other (apps/systems/files.conf): /home/other is the other one's root, and its /back this one's.
 */
#include "files.h"

enum { STEPS = 40 };

/* As a client walks. The port that the walk ended at is given up. */
static kern_return_t walk(const char *from, struct file_attributes *out, unsigned *steps)
{
    char path[FILE_PATH_MAX], rest[FILE_PATH_MAX];
    mach_port_name_t at = root, next;
    uint32_t outcome;
    kern_return_t kr;

    strlcpy(path, from, sizeof(path));
    for (*steps = 1; *steps <= STEPS; ++*steps) {
        next = MSG_NULL;
        kr = file_look(at, path, false, &outcome, &next, out, rest);
        if (at != root)
            close_file(at);
        if (kr != KERN_SUCCESS || outcome == FILE_OUTCOME_DONE)
            return kr;
        CHECK_EQUAL(outcome, FILE_OUTCOME_ELSEWHERE);
        at = next;
        strlcpy(path, rest, sizeof(path));
    }
    close_file(at);
    return unix_error(ELOOP);
}

void test_mounts(void)
{
    struct file_attributes here, there;
    char path[FILE_PATH_MAX] = "";
    uint8_t paths[FILE_DATA_MAX];
    uint32_t next, size;
    unsigned steps;

    CHECK_EQUAL(walk("/bin/files-test", &here, &steps), KERN_SUCCESS);
    CHECK_EQUAL(steps, 1);
    CHECK_EQUAL(walk("/home/other/back/bin/files-test", &there, &steps), KERN_SUCCESS);
    CHECK_EQUAL(steps, 3);
    CHECK_EQUAL(here.inode, there.inode);
    CHECK_EQUAL(walk("/home/other/../../bin/files-test", &there, &steps), KERN_SUCCESS);
    CHECK_EQUAL(steps, 3);
    CHECK_EQUAL(here.inode, there.inode);
    CHECK_EQUAL(walk("/home/other/tmp/none", &there, &steps), unix_error(ENOENT));
    CHECK_EQUAL(walk("/..", &there, &steps),
                KERN_SUCCESS); /* the root of all has nothing above it */
    CHECK_EQUAL(steps, 1);
    for (unsigned i = 0; i < STEPS; i++)
        strlcat(path, "home/other/back/", sizeof(path));
    CHECK_EQUAL(walk(path, &there, &steps), unix_error(ELOOP));
    CHECK_EQUAL(remove_at(root, "/home/other", true), unix_error(EBUSY));
    CHECK_EQUAL(rename_at(root, "/bin/files-test", "/home/other/x"),
                KERN_FAILURE); /* it left: EXDEV */
    CHECK_EQUAL(file_mounts(root, 0, &next, paths, &size), KERN_SUCCESS);
    CHECK(size == 12 && strcmp((char *)paths, "/home/other") == 0);
}
