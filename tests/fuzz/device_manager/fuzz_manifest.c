/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer target: a text as a manifest, and as rules of overlays. Oracle: the sanitizers; who is refused is told why, on one line; who is
 * accepted keeps manifest.h's bounds, and a function's recipe made of it is one that the supervisor reads.
 */
#include "functions.h"
#include "overlay.h"
#include "pipeline.h"

#include "../../../bootstrap/description.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise, const char *what)
{
    if (promise)
        return;
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static void use(const struct manifest *m)
{
    static struct function_set functions;
    static struct recipe recipe;
    struct manifest_set set = {.all = {(struct manifest *)m}, .count = 1};
    struct description_error error;
    struct function *f;
    char buffer[DEVICE_RECIPE_MAX];
    struct text t = text_in(buffer, sizeof(buffer));

    memset(&functions, 0, sizeof(functions));
    require(m->name != NULL && m->file != NULL && m->class != NULL && m->instance != NULL &&
                m->compatibles > 0,
            "it is complete");
    require(m->ranges.least <= m->ranges.most && m->ranges.most <= 16 && m->lines.most <= 16,
            "counts have bounds");
    if (function_found(&functions, &set, "/bus", "1", m->compatible[0], &f) != KERN_SUCCESS ||
        f->driver == NULL)
        return;
    if (function_recipe(f, 0, &t) &&
        description_read_one(buffer, strlen(buffer), &recipe, &error) == KERN_SUCCESS)
        require(strcmp(recipe.name, f->name) == 0 && !recipe.inspect && !recipe.manage,
                "the recipe says what was meant, and no more");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct overlay_rules rules;
    struct manifest *m = NULL;
    struct reason why = {{0}};

    if (manifest_read((const char *)data, size, &m, &why) == KERN_SUCCESS) {
        use(m);
        free(m);
    } else {
        require(why.text[0] != '\0' && strchr(why.text, '\n') == NULL,
                "who is refused is told why");
    }
    why.text[0] = '\0';
    if (overlay_rules_read((const char *)data, size, &rules, &why) != KERN_SUCCESS)
        require(why.text[0] != '\0' && strchr(why.text, '\n') == NULL,
                "who is refused is told why");
    return 0;
}
