/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See system.h.
 */
#include "system.h"
#include "copies.h"
#include "expand.h"
#include "log.h"
#include "names.h"
#include "restart.h"
#include "rights.h"
#include "start.h"
#include <libsys/archive.h>
#include <libsys/program.h>
#include <string.h>
#include <wharf/if/host_debug.h>
#include <wharf/if/host_reboot.h>

struct description description;

static bool ends, reboots;
static unsigned end_status;

/* The argument system=FILE, or the usual file. */
static void file_name(char out[WORD_SIZE])
{
    static const char key[] = "system=";
    const char *name = "system.conf", *found = strstr(program_start_info->arguments, key);
    if (found != NULL)
        name = found + sizeof(key) - 1;
    size_t n = strcspn(name, " ");
    n = n < WORD_SIZE ? n : WORD_SIZE - 1;
    memset(out, 0, WORD_SIZE);
    memcpy(out, name, n);
}

static bool make_programs(void)
{
    for (unsigned i = 0; i < description.count; i++) {
        if (recipe_is_for_copies(&description.recipe[i]))
            continue;
        struct program *p = program_add(&description.recipe[i]);
        const kern_return_t kr = p == NULL ? KERN_RESOURCE_SHORTAGE : names_provide(p);
        if (kr != KERN_SUCCESS) {
            log_line("there is no memory for the services of %s (%d)", description.recipe[i].name,
                     kr);
            return false;
        }
    }
    return true;
}

void system_find_console(void)
{
    static mach_port_name_t now; /* one send right of ours, or none */
    mach_port_name_t port, before = now;
    if (description.console[0] == '\0' || names_look_up(description.console, &port) != KERN_SUCCESS)
        return;
    log_set_console(port);
    now = port;
    send_drop(&before);
}

/* Whether the kernel brings the log to its console. */
static void show_log(bool shown)
{
    bool before;
    uint64_t next;
    (void)!host_debug_set_console(program_start_info->host_debug, shown, &before, &next);
}

/* Nobody brings the log out any more: the kernel does it again. */
static void console_is_over(const struct program *p)
{
    if (description.console[0] != '\0' && names_provider(description.console) == p)
        show_log(!description.quiet);
}

bool system_begin(void)
{
    struct description_error error;
    struct archive_file file;
    char name[WORD_SIZE];
    const char *why;
    if (start_begin(&why) != KERN_SUCCESS) {
        log_line("nothing can be started: %s", why);
        return false;
    }
    file_name(name);
    if (archive_find(&start_archive, name, &file) != KERN_SUCCESS) {
        log_line("nothing can be started: the initrd has no %s", name);
        return false;
    }
    static char text[EXPANDED_MAX];
    size_t size;
    unsigned line;
    if (expand(file.data, file.size, program_start_info->arguments, text, &size, &line) !=
        KERN_SUCCESS) {
        log_line("nothing can be started: %s, line %u: $(...) that is no boot argument", name,
                 line);
        return false;
    }
    if (description_read(text, size, &description, &error) != KERN_SUCCESS) {
        log_line("nothing can be started: %s, line %u: %s%s%s", name, error.line, error.word,
                 error.word[0] != '\0' ? ": " : "", error.why);
        return false;
    }
    if (description.quiet)
        show_log(false);
    log_line("%s: %u programs", name, description.count);
    const bool made = make_programs();
    system_find_console();
    return made;
}

void system_program_over(const struct program *p)
{
    console_is_over(p);
    if (ends || strcmp(p->recipe.name, description.until) != 0)
        return;
    ends = true;
    end_status = p->last_status;
    if (description.quiet && p->state == SUPERVISOR_STATE_FAILED)
        show_log(true); /* else nobody would learn that it has not run */
    log_line("%s is over, and the system ends with it", p->recipe.name);
}

bool system_end(const char *who, bool then_reboots, unsigned status)
{
    if (ends)
        return false;
    ends = true;
    reboots = then_reboots;
    end_status = status;
    log_line("%s ends the system%s", who, reboots ? ", and the machine begins anew" : "");
    return true;
}

bool system_ends(void)
{
    return ends;
}

bool system_is_over(unsigned *status)
{
    *status = end_status;
    if (!ends || !restart_stop_all())
        return false;
    if (reboots) {
        (void)!host_reboot_reset(program_start_info->host_reboot, HOST_REBOOT_HOW_REBOOT);
        log_line("the machine cannot be restarted");
    }
    return true;
}

void system_restart(const char *name)
{
    log_line("%s is essential: the machine restarts", name);
    (void)!host_reboot_reset(program_start_info->host_reboot, HOST_REBOOT_HOW_REBOOT);
    log_line("the machine cannot be restarted");
}
