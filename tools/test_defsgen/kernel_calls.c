/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The decoder made from object.defs as the kernel would use it: arguments arrive, results stand
 * where they belong, and whatever is malformed reaches no function.
 */
#include <kern/kcall.h>
#include <stdio.h>
#include <string.h>
#include <wharf/if/object_kernel.h>
#include <wharf/message.h>
#include <wharf/wire.h>

#define CHECK(condition) check_that((condition), #condition, __LINE__)

struct object {
    unsigned calls;
};

static unsigned failures;
static kern_return_t answer;
static _Alignas(8) uint8_t in[MSG_BODY_MAX];
static _Alignas(8) uint8_t out[MSG_BODY_MAX];
static struct kcall call;

static void check_that(bool well, const char *text, int line)
{
    if (!well) {
        failures++;
        printf("kernel_calls.c:%d: failed: %s\n", line, text);
    }
}

kern_return_t kobject_create(struct kcall *from, struct object *target, uint64_t entry,
                             uint64_t stack, uint32_t priority, bool start, struct kright *made)
{
    CHECK(from == &call && entry == 0x1000 && stack == 0x2000 && priority == 200 && start);
    target->calls++;
    made->kind = MSG_MOVE_SEND;
    return answer;
}

kern_return_t kobject_insert(struct kcall *from, struct object *target, uint32_t name,
                             struct kright *right, bool keep, bool *ok, uint32_t *had)
{
    CHECK(from == &call && name == 7 && keep);
    target->calls++;
    right->kind = 0; /* taken */
    *ok = true;
    *had = 99;
    return answer;
}

kern_return_t kobject_info(struct kcall *from, struct object *target, struct object_info *info,
                           uint32_t *names, uint32_t *names_count, char *text, uint64_t *rest,
                           uint32_t *rest_count)
{
    CHECK(from == &call && *names_count == 0);
    target->calls++;
    *info = (struct object_info){.threads = 3, .suspended = 1, .name = "object"};
    names[0] = 10;
    names[1] = 11;
    names[2] = 12;
    *names_count = 3;
    strcpy(text, "text");
    rest[0] = 70;
    rest[1] = 71;
    *rest_count = 2;
    return answer;
}

kern_return_t kobject_exchange(struct kcall *from, struct object *target, struct kright *first,
                               const char *name, struct kright *second, const uint8_t *data,
                               uint32_t data_size, struct kright *third, struct kright *fourth,
                               uint64_t *sum)
{
    CHECK(from == &call && first == &call.right[0] && second == &call.right[1]);
    CHECK(strcmp(name, "abc") == 0);
    target->calls++;
    *sum = 0;
    for (uint32_t i = 0; i < data_size; i++) {
        *sum += data[i];
    }
    third->kind = MSG_MOVE_RECEIVE;
    fourth->kind = MSG_MOVE_SEND;
    return answer;
}

kern_return_t kobject_bye(struct kcall *from, struct object *target)
{
    CHECK(from == &call);
    target->calls++;
    return answer;
}

static kern_return_t dispatch(struct object *target, uint32_t number, uint32_t size,
                              unsigned rights)
{
    memset(out, 0xee, sizeof out);
    call.in = in;
    call.in_size = size;
    call.out = out;
    call.out_size = 0;
    call.rights = rights;
    call.out_rights = 0;
    return object_demux(&call, target, number);
}

static void test_scalars(struct object *object)
{
    const struct {
        uint64_t entry, stack;
        uint32_t priority;
        uint8_t start, pad[3];
    } request = {0x1000, 0x2000, 200, 1, {0}};
    memcpy(in, &request, sizeof request);
    CHECK(dispatch(object, 1, sizeof request, 0) == KERN_SUCCESS);
    CHECK(call.out_rights == 1 && call.out_size == 0 && call.out_right[0].kind == MSG_MOVE_SEND);
    answer = KERN_LIMIT;
    CHECK(dispatch(object, 1, sizeof request, 0) == KERN_LIMIT && call.out_rights == 0);
    answer = KERN_SUCCESS;
    const unsigned calls = object->calls;
    CHECK(dispatch(object, 1, sizeof request - 8, 0) == MIG_BAD_ARGUMENTS);
    CHECK(dispatch(object, 1, sizeof request, 1) == MIG_BAD_ARGUMENTS);
    in[17] = 1; /* priority 456 */
    CHECK(dispatch(object, 1, sizeof request, 0) == KERN_INVALID_ARGUMENT);
    CHECK(dispatch(object, 0, 0, 0) == MIG_BAD_ID && dispatch(object, 6, 0, 0) == MIG_BAD_ID);
    CHECK(object->calls == calls);
    CHECK(dispatch(object, 5, 0, 0) == KERN_SUCCESS && call.out_size == 0);
}

static void test_rights(struct object *object)
{
    memset(in, 0, 8);
    in[0] = 7;
    in[4] = 2; /* any value but 0 is true */
    call.right[0].kind = MSG_MOVE_SEND;
    CHECK(dispatch(object, 2, 8, 1) == KERN_SUCCESS);
    CHECK(call.right[0].kind == 0 && call.out_size == 8);
    CHECK(memcmp(out, "\1\0\0\0\143\0\0\0", 8) == 0);
    CHECK(dispatch(object, 2, 8, 1) == KERN_SUCCESS); /* a null right fits anywhere */
    call.right[0].kind = MSG_MOVE_RECEIVE;
    CHECK(dispatch(object, 2, 8, 1) == MIG_BAD_ARGUMENTS);
    call.right[0].kind = 0;
}

static void test_variable(struct object *object)
{
    CHECK(dispatch(object, 3, 0, 0) == KERN_SUCCESS);
    uint32_t next = sizeof(struct object_info);
    const void *names = NULL;
    const void *text = NULL;
    const void *rest = NULL;
    uint32_t count[3] = {0};
    CHECK(wire_get(out, call.out_size, &next, 4, 4, 64, &names, &count[0]));
    CHECK(wire_get(out, call.out_size, &next, 1, 1, 100, &text, &count[1]));
    CHECK(wire_get(out, call.out_size, &next, 8, 8, 3, &rest, &count[2]));
    CHECK(wire_align(next, 8) == call.out_size && count[0] == 3 && count[1] == 5 && count[2] == 2);
    CHECK(((const uint32_t *)names)[2] == 12 && strcmp(text, "text") == 0);
    CHECK(((const uint64_t *)rest)[1] == 71);
    for (uint32_t i = 0; i < call.out_size; i++) {
        CHECK(out[i] != 0xee); /* nothing of what was there before leaves the kernel */
    }

    uint32_t end = wire_put(in, 0, "abc", 4, 1, 1);
    end = wire_pad(in, wire_put(in, end, "\1\2\3", 3, 1, 1), 8);
    CHECK(dispatch(object, 4, end, 2) == KERN_SUCCESS);
    CHECK(call.out_rights == 2 && call.out_size == 8 && out[0] == 6);
    const unsigned calls = object->calls;
    for (uint32_t size = 0; size < end; size++) {
        CHECK(dispatch(object, 4, size, 2) == MIG_BAD_ARGUMENTS);
    }
    in[7] = 'x'; /* the string's NUL */
    CHECK(dispatch(object, 4, end, 2) == MIG_BAD_ARGUMENTS && object->calls == calls);
}

int main(void)
{
    struct object object = {0};
    test_scalars(&object);
    test_rights(&object);
    test_variable(&object);
    printf("%u failures\n", failures);
    return failures != 0;
}
