/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service `files` by its interface. Everything is given back: at the end there are as many kernel objects as at the beginning, which comes after
 * a first round, for the server keeps ports.
 */
#include "files.h"
#include "others.h"
#include <wharf/if/service.h>

mach_port_name_t root;

/* ---- what the parts use ---- */

mach_port_name_t try_open(mach_port_name_t at, const char *path, uint32_t flags,
                          kern_return_t *error)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t opened = MSG_NULL;
    uint32_t outcome = FILE_OUTCOME_DONE;

    *error = file_open(at, path, flags, 0644, 0, &outcome, &opened, rest);
    if (*error != KERN_SUCCESS)
        return MSG_NULL;
    if (outcome == FILE_OUTCOME_DONE || outcome == FILE_OUTCOME_OPENING)
        return opened;
    if (opened != MSG_NULL)
        stub_release_right(opened, MSG_MOVE_SEND);
    *error = KERN_FAILURE;
    return MSG_NULL;
}

mach_port_name_t open_file(const char *path, uint32_t flags)
{
    kern_return_t error;
    const mach_port_name_t opened = try_open(root, path, flags, &error);

    if (!CHECK_EQUAL(error, KERN_SUCCESS))
        print("files-test: %s\n", path);
    return opened;
}

void close_file(mach_port_name_t file)
{
    stub_release_right(file, MSG_MOVE_SEND);
}

static kern_return_t ended(kern_return_t kr, uint32_t outcome, mach_port_name_t elsewhere)
{
    if (kr != KERN_SUCCESS || outcome == FILE_OUTCOME_DONE)
        return kr;
    if (elsewhere != MSG_NULL)
        stub_release_right(elsewhere, MSG_MOVE_SEND);
    return KERN_FAILURE;
}

kern_return_t make_at(mach_port_name_t at, const char *path, uint32_t kind, const char *content)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint32_t outcome = 0;
    const kern_return_t kr = file_make(at, path, kind, 0755, content, 0, &outcome, &port, rest);

    return ended(kr, outcome, port);
}

kern_return_t remove_at(mach_port_name_t at, const char *path, bool folder)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint32_t outcome = 0;
    const kern_return_t kr = file_remove(at, path, folder, 0, &outcome, &port, rest);

    return ended(kr, outcome, port);
}

kern_return_t rename_at(mach_port_name_t at, const char *path, const char *to)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint32_t outcome = 0, which;
    const kern_return_t kr = file_rename(at, path, at, to, true, 0, &outcome, &port, &which, rest);

    return ended(kr, outcome, port);
}

kern_return_t link_at(mach_port_name_t at, const char *path, const char *to)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint32_t outcome = 0, which;
    const kern_return_t kr = file_link(at, path, at, to, false, 0, &outcome, &port, &which, rest);

    return ended(kr, outcome, port);
}

kern_return_t look_at(mach_port_name_t at, const char *path, struct file_attributes *out)
{
    char rest[FILE_PATH_MAX];
    mach_port_name_t port = MSG_NULL;
    uint32_t outcome = 0;
    const kern_return_t kr = file_look(at, path, false, &outcome, &port, out, rest);

    return ended(kr, outcome, port);
}

/* ---- */

static void round_of_all(void)
{
    test_files();
    test_content();
    test_pipes();
    test_mounts();
    test_hostile();
}

/* What the server does after an answer (closing) is done when it answers the next question. Memory of files that are gone it gives back when it is asked how much it has: some was still another
 * process's when the file went, if that took long to end. */
static void ask(void)
{
    struct file_system system;

    CHECK_EQUAL(file_get_system(root, &system), KERN_SUCCESS);
}

int main(void)
{
    if (!CHECK_EQUAL(service_look_up(program_start_info->bootstrap, "files", &root), KERN_SUCCESS))
        return check_end("files-test");
    round_of_all();
    round_of_all();
    const uint64_t before = settled_objects(ask);
    round_of_all();
    const uint64_t after = settled_objects(ask);
    if (!CHECK(after <= before))
        print("files-test: %llu kernel objects, and then %llu\n", (unsigned long long)before,
              (unsigned long long)after);
    return check_end("files-test");
}
