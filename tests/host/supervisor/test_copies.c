/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copies of programs (bootstrap/copies.h): who may have them made, and what a copy is: what its description says, under names of its own.
 */
#include "../check.h"
#include "copies.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct description d;

static void read_all(void)
{
    static const char text[] =
        "program maker\n"
        "program ext4\n copies maker 2\n provides volume other\n uses block.sd0\n"
        " arguments one two\n reclaim\n state 8K\n stop-time 60000\n"
        "program fat\n copies another 1\n"
        "program itself\n arguments x\n";
    struct description_error error;
    CHECK_EQ(description_read(text, strlen(text), &d, &error), KERN_SUCCESS);
}

static void check_who(void)
{
    CHECK(copies_find(&d, "ext4", "maker") == &d.recipe[1]);
    CHECK(copies_find(&d, "ext4", "another") == NULL);
    CHECK(copies_find(&d, "fat", "another") == &d.recipe[2]);
    CHECK(copies_find(&d, "itself", "maker") == NULL);
    CHECK(copies_find(&d, "itself", "") == NULL);
    CHECK(copies_find(&d, "", "maker") == NULL);
}

static void check_copy(void)
{
    static struct recipe copy;
    const struct recipe *of = &d.recipe[1];
    CHECK_EQ(copies_recipe(of, "sd0p2", "device=block.sd0 partition=2", &copy), KERN_SUCCESS);
    CHECK_TEXT(copy.name, "ext4.sd0p2");
    CHECK_TEXT(copy.file, "ext4");
    CHECK_TEXT(copy.arguments, "one two device=block.sd0 partition=2");
    CHECK_EQ(copy.provides_count, 3);
    CHECK_TEXT(copy.provides[0], "ext4.sd0p2.volume");
    CHECK_TEXT(copy.provides[1], "ext4.sd0p2.other");
    CHECK_TEXT(copy.provides[2], "ext4.sd0p2");
    CHECK_TEXT(copy.maker, "maker");
    CHECK_TEXT(copy.copy_of, "ext4");
    CHECK(recipe_is_copy(&copy) && !recipe_is_for_copies(&copy));
    CHECK(!recipe_is_copy(of) && recipe_is_for_copies(of));
    CHECK(copy.reclaim && copy.state_pages == 2 && copy.stop_time == 60000 && copy.uses_count == 1);
    CHECK_EQ(copies_recipe(of, "x", "", &copy), KERN_SUCCESS);
    CHECK_TEXT(copy.arguments, "one two");
    CHECK_EQ(copies_recipe(&d.recipe[2], "x", "a", &copy), KERN_SUCCESS);
    CHECK_TEXT(copy.arguments, "a");
}

static void refuses(const char *name, const char *arguments)
{
    static struct recipe copy;
    CHECK_EQ(copies_recipe(&d.recipe[1], name, arguments, &copy), KERN_INVALID_ARGUMENT);
}

static void check_refused(void)
{
    char text[ARGUMENTS_SIZE + 1];
    refuses("", "");
    refuses("a/b", "");
    refuses("a b", "");
    refuses(" a", "");
    refuses("a#", "");
    refuses("a\n", "");
    refuses("a", "one\ntwo");
    refuses("a", "\x7f");
    memset(text, 'n', sizeof(text));
    text[WORD_SIZE - sizeof("ext4.") + 1] = '\0';
    refuses(text, "");
    text[WORD_SIZE - sizeof("ext4.") - 1] = '\0'; /* it has room itself, its services have not */
    refuses(text, "");
    memset(text, 'n', sizeof(text));
    text[WORD_SIZE - sizeof("ext4..volume")] = '\0';
    static struct recipe copy;
    CHECK_EQ(copies_recipe(&d.recipe[1], text, "", &copy), KERN_SUCCESS);
    memset(text, 'n', sizeof(text));
    text[ARGUMENTS_SIZE - strlen("one two ")] = '\0';
    refuses("a", text);
    text[ARGUMENTS_SIZE - strlen("one two ") - 1] = '\0';
    CHECK_EQ(copies_recipe(&d.recipe[1], "a", text, &copy), KERN_SUCCESS);
    CHECK_EQ(strlen(copy.arguments), ARGUMENTS_SIZE - 1);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    read_all();
    check_who();
    check_copy();
    check_refused();
    return check_end();
}
