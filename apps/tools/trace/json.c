/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See json.h.
 */
#include "json.h"
#include <inttypes.h>

/* What is no printable ASCII is told as such. */
static void put_text(struct json *json, const char *text)
{
    putc('"', json->file);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(json->file, "\\%c", c);
        else if (c < ' ' || c > '~')
            fprintf(json->file, "\\u%04x", c);
        else
            putc(c, json->file);
    }
    putc('"', json->file);
}

/* Up to its moment, which Chrome's format wants in microseconds. */
static void begin_event(struct json *json, char phase, struct track track, uint64_t moment)
{
    fprintf(json->file, "%s{\"ph\":\"%c\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32,
            json->has_events ? ",\n" : "", phase, track.process, track.thread);
    if (phase != 'M')
        fprintf(json->file, ",\"ts\":%" PRIu64 ".%03u", moment / 1000, (unsigned)(moment % 1000));
    json->has_events = true;
}

static void put_name(struct json *json, const char *name)
{
    fputs(",\"name\":", json->file);
    put_text(json, name);
}

/* Numbers as text: JSON's own have not enough digits. */
static void put_arguments(struct json *json, struct argument a, struct argument b)
{
    const struct argument both[] = {a, b};
    const char *before = ",\"args\":{";

    for (unsigned i = 0; i < 2; i++) {
        if (!both[i].name)
            continue;
        fputs(before, json->file);
        put_text(json, both[i].name);
        fprintf(json->file, ":\"0x%" PRIx64 "\"", both[i].value);
        before = ",";
    }
    fputs(a.name || b.name ? "}}" : "}", json->file);
}

void json_begin(struct json *json, FILE *file)
{
    *json = (struct json){.file = file};
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", file);
}

void json_end(struct json *json, uint64_t lost)
{
    fprintf(json->file, "\n],\"otherData\":{\"lost events\":\"%" PRIu64 "\"}}\n", lost);
}

void json_slice_begins(struct json *json, struct track track, uint64_t moment, const char *name,
                       struct argument a, struct argument b)
{
    begin_event(json, 'B', track, moment);
    put_name(json, name);
    put_arguments(json, a, b);
}

void json_slice_ends(struct json *json, struct track track, uint64_t moment)
{
    begin_event(json, 'E', track, moment);
    putc('}', json->file);
}

void json_instant(struct json *json, struct track track, uint64_t moment, const char *name,
                  struct argument a, struct argument b)
{
    begin_event(json, 'i', track, moment);
    fputs(",\"s\":\"t\"", json->file);
    put_name(json, name);
    put_arguments(json, a, b);
}

void json_flow(struct json *json, struct track track, uint64_t moment, enum flow flow,
               uint32_t number)
{
    begin_event(json, (char)flow, track, moment);
    fprintf(json->file,
            ",\"id\":\"0x%" PRIx32 "\",\"cat\":\"message\",\"name\":\"message\",\"bp\":\"e\"}",
            number);
}

static void put_metadata(struct json *json, struct track track, const char *what, const char *name)
{
    begin_event(json, 'M', track, 0);
    put_name(json, what);
    fputs(",\"args\":{\"name\":", json->file);
    put_text(json, name);
    fputs("}}", json->file);
}

void json_name_process(struct json *json, uint32_t process, const char *name)
{
    put_metadata(json, (struct track){process, 0}, "process_name", name);
}

void json_name_thread(struct json *json, struct track track, const char *name)
{
    put_metadata(json, track, "thread_name", name);
}
