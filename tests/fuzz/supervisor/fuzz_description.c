/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing the system description: any text is read, or refused with a sentence; what is read keeps what description.h promises.
 */
#include "description.h"
#include "expand.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void require_text(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    require(end != NULL);
    for (; end < text + size; end++) /* zeroes to the end */
        require(*end == '\0');
}

static void require_recipe(const struct recipe *r)
{
    require_text(r->name, sizeof(r->name));
    require_text(r->file, sizeof(r->file));
    require_text(r->arguments, sizeof(r->arguments));
    require(r->name[0] != '\0' && r->file[0] != '\0');
    require(r->provides_count <= PROVIDES_MAX && r->uses_count <= USES_MAX &&
            r->after_count <= AFTER_MAX);
    for (unsigned i = 0; i < r->provides_count; i++)
        require(r->provides[i][0] != '\0');
    require(r->priority >= 1 && r->priority <= 200 && r->powers >> POWERS == 0);
    require(r->backoff_first >= 1 && r->backoff_first <= r->backoff_max && r->give_up >= 1);
    require(r->restart <= RESTART_NEVER && r->memory_pages <= UINT64_C(1) << 28);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct description d;
    static struct recipe one;
    struct description_error error;
    char *copy = malloc(size ? size : 1);
    require(copy != NULL);
    memcpy(copy, data, size);
    static char expanded[EXPANDED_MAX];
    size_t expanded_size;
    unsigned line;
    if (expand(copy, size, "x=1 name=value", expanded, &expanded_size, &line) == KERN_SUCCESS)
        require(expanded_size <= sizeof(expanded));
    if (description_read(copy, size, &d, &error) == KERN_SUCCESS) {
        require(d.count > 0 && d.count <= PROGRAMS_MAX);
        for (unsigned i = 0; i < d.count; i++)
            require_recipe(&d.recipe[i]);
    } else {
        require(error.why != NULL && error.why[0] != '\0');
        require_text(error.word, sizeof(error.word));
    }
    if (description_read_one(copy, size, &one, &error) == KERN_SUCCESS)
        require_recipe(&one);
    free(copy);
    return 0;
}
