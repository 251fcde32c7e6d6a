/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which programs are stopped (bootstrap/stopping.h): small descriptions, and random ones in which nobody may go
 * while somebody uses him whom he does not need himself.
 */
#include "../check.h"
#include "names.h"
#include "stopping.h"
#include "system.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program programs[PROGRAMS_MAX];
unsigned program_count;
struct description description;

/* A program provides what is called as it is. */
struct program *names_provider(const char *name)
{
    for (unsigned i = 0; i < program_count; i++)
        if (strcmp(programs[i].recipe.name, name) == 0)
            return &programs[i];
    return NULL;
}

static void begin(const char *console)
{
    memset(programs, 0, sizeof(programs));
    memset(&description, 0, sizeof(description));
    program_count = 0;
    (void)snprintf(description.console, sizeof(description.console), "%s", console);
}

/* `uses`: words. */
static void add(const char *name, const char *uses)
{
    struct program *p = &programs[program_count++];
    (void)snprintf(p->recipe.name, sizeof(p->recipe.name), "%s", name);
    p->task = 1;
    for (char word[32]; sscanf(uses, "%31s", word) == 1; uses += strcspn(uses, " ")) {
        uses += strspn(uses, " ");
        (void)snprintf(p->recipe.uses[p->recipe.uses_count++], sizeof(p->recipe.uses[0]), "%s",
                       word);
    }
}

static void check_order(const char *const *names)
{
    for (struct program *p; (p = stopping_next()) != NULL; names++) {
        CHECK(*names != NULL && strcmp(p->recipe.name, *names) == 0);
        p->task = MSG_NULL;
    }
    CHECK(*names == NULL);
}

static void check_chain(void)
{
    begin("");
    add("disk", "");
    add("files", "disk");
    add("shell", "files nobody");
    check_order((const char *const[]){"shell", "files", "disk", NULL});
}

/* As in shell.conf: the line's driver was stopped while the terminal waited for it. */
static void check_circle(void)
{
    begin("terminal");
    add("terminal", "line process");
    add("files", "terminal process proc");
    add("process", "");
    add("proc", "process files");
    add("line", "");
    check_order((const char *const[]){"proc", "files", "terminal", "line", "process", NULL});
}

static void check_console(void)
{
    begin("console");
    add("console", "line");
    add("line", "");
    add("clock", "");
    add("other", "clock");
    check_order((const char *const[]){"other", "clock", "console", "line", NULL});
}

/* The card's driver comes last in the description, and nobody but the pager says that he uses it. */
static void check_pages(void)
{
    begin("console");
    add("devices", "");
    add("pager", "card");
    add("console", "line");
    add("files", "");
    add("line", "");
    add("card", "");
    for (unsigned i = 0; i < program_count; i++)
        programs[i].recipe.reclaim = strchr("dpc", programs[i].recipe.name[0]) &&
                                     strcmp(programs[i].recipe.name, "console") != 0;
    check_order(
        (const char *const[]){"files", "console", "line", "pager", "card", "devices", NULL});
}

/* As in shell.conf with a card: files and shells have what is mounted open, and no description says so. The driver may have been added after the copy. */
static void check_copies(bool reclaim)
{
    begin("");
    add("mounter", "files card");
    add("files", "process");
    add("process", "");
    add("first", "card");
    add("second", "card keeper");
    add("keeper", "");
    add("card", "");
    add("shell", "files");
    for (unsigned i = 0; i < program_count; i++) {
        struct recipe *r = &programs[i].recipe;
        const bool copy = strcmp(r->name, "first") == 0 || strcmp(r->name, "second") == 0;
        if (copy)
            (void)snprintf(r->copy_of, sizeof(r->copy_of), "ext4");
        r->reclaim =
            reclaim && (copy || strcmp(r->name, "keeper") == 0 || strcmp(r->name, "card") == 0);
    }
    check_order((const char *const[]){"shell", "mounter", "files", "process", "second", "keeper",
                                      "first", "card", NULL});
}

/* ---- random ones ---- */

static bool reach[PROGRAMS_MAX][PROGRAMS_MAX];

static void close_over(void)
{
    for (unsigned k = 0; k < program_count; k++)
        for (unsigned i = 0; i < program_count; i++)
            for (unsigned j = 0; j < program_count; j++)
                reach[i][j] |= reach[i][k] && reach[k][j];
}

static void check_seeded(unsigned seed)
{
    char name[16];
    srand(seed);
    begin(seed % 2 == 0
              ? ""
              : "p0"); /* who has the console goes last, and still somebody can always go */
    memset(reach, 0, sizeof(reach));
    const unsigned count = 1 + (unsigned)rand() % PROGRAMS_MAX;
    for (unsigned i = 0; i < count; i++) {
        (void)snprintf(name, sizeof(name), "p%u", i);
        add(name, "");
    }
    for (unsigned i = 0; i < count; i++)
        for (unsigned n = (unsigned)rand() % 3; n > 0; n--) {
            struct recipe *r = &programs[i].recipe;
            const unsigned other = (unsigned)rand() % count;
            (void)snprintf(r->uses[r->uses_count++], sizeof(r->uses[0]), "p%u", other);
            reach[i][other] = true;
        }
    close_over();
    unsigned stopped = 0;
    for (struct program *p; (p = stopping_next()) != NULL; stopped++) {
        const unsigned which = (unsigned)(p - programs);
        for (unsigned i = 0; i < count; i++)
            CHECK(programs[i].task == MSG_NULL || !reach[i][which] || reach[which][i]);
        p->task = MSG_NULL;
    }
    CHECK_EQ(stopped, count);
}

int main(void)
{
    check_chain();
    check_circle();
    check_console();
    check_pages();
    check_copies(false);
    check_copies(true);
    for (unsigned seed = 1; seed <= 300; seed++)
        check_seeded(seed);
    return 0;
}
