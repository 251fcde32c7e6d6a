/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzzing what the mounter reads: the input is taken as a table, as a device's name, and as the begin of a partition. Any of them is read, or refused with a sentence, and
 * what is read keeps what the headers promise.
 */
#include "device.h"
#include "probe.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>
#include <wharf/if/mounts_types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void require_text(const char *text, size_t size)
{
    require(memchr(text, '\0', size) != NULL);
}

static void require_device(const char *text)
{
    struct device_name name, again;
    const char *why = device_read(text, &name);

    require(why == NULL || why[0] != '\0');
    if (why)
        return;
    require_text(name.text, sizeof(name.text));
    require(name.text[0] != '\0' && (name.kind == DEVICE_PLACE) == (name.disk[0] != '\0'));
    if (name.kind == DEVICE_PLACE && device_make(name.disk, name.partition, &again))
        require(strcmp(again.disk, name.disk) == 0 && again.partition == name.partition);
}

static void require_table(const char *text, size_t size)
{
    static struct table table;

    table_read(text, size, &table);
    require(table.count <= TABLE_LINES_MAX);
    for (unsigned i = 0; i < table.count; i++) {
        const struct table_line *line = &table.line[i];
        char format[TABLE_FORMAT_MAX];
        require_text(line->device, sizeof(line->device));
        require_text(line->path, sizeof(line->path));
        require_text(line->format, sizeof(line->format));
        require(line->number > 0 && line->flags & MOUNTS_LISTED);
        require(table_check_path(line->path) == NULL &&
                table_check_format(line->format, format) == NULL &&
                table_find(&table, line->path) == line);
    }
    for (unsigned i = 0; i < table.wrong && i < TABLE_WRONG_MAX; i++) {
        require_text(table.error[i].word, sizeof(table.error[i].word));
        require(table.error[i].line > 0 && table.error[i].why[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct probe probe;
    char *copy = malloc(size ? size : 1), *text = calloc(size + 1, 1);

    require(copy != NULL && text != NULL);
    memcpy(copy, data, size);
    memcpy(text, data, size);
    require_table(copy, size);
    require_device(text);
    probe_read(copy, size, &probe);
    require_text(probe.label, sizeof(probe.label));
    require_text(probe.uuid, sizeof(probe.uuid));
    free(copy);
    free(text);
    return 0;
}
