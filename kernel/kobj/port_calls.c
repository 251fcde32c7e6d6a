/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls about a task's names; what they do stands in interfaces/port.defs, the work is done in kernel/ipc.
 */
#include "kobj_impl.h"
#include <kern/space.h>
#include <kern/task.h>
#include <wharf/if/port_kernel.h>

static_assert(PORT_RIGHT_SEND == RIGHT_SEND && PORT_RIGHT_RECEIVE == RIGHT_RECEIVE &&
              PORT_RIGHT_SEND_ONCE == RIGHT_SEND_ONCE && PORT_RIGHT_SET == RIGHT_SET &&
              PORT_RIGHT_DEAD == RIGHT_DEAD);
static_assert(PORT_HOW_MOVE_RECEIVE == MSG_MOVE_RECEIVE && PORT_HOW_MOVE_SEND == MSG_MOVE_SEND &&
              PORT_HOW_MOVE_SEND_ONCE == MSG_MOVE_SEND_ONCE &&
              PORT_HOW_COPY_SEND == MSG_COPY_SEND && PORT_HOW_MAKE_SEND == MSG_MAKE_SEND &&
              PORT_HOW_MAKE_SEND_ONCE == MSG_MAKE_SEND_ONCE);

/* ---- names ---- */

kern_return_t kport_allocate(struct kcall *call, struct task *target, uint32_t right,
                             uint32_t *name)
{
    (void)call;
    return space_allocate(target->space, right, name);
}

kern_return_t kport_deallocate(struct kcall *call, struct task *target, uint32_t name)
{
    (void)call;
    return space_deallocate(target->space, name);
}

/* A set's members leave a few at a time; how many are left is all the progress there is. */
kern_return_t kport_mod_refs(struct kcall *call, struct task *target, uint32_t name, uint32_t right,
                             int32_t delta)
{
    kern_return_t kr = space_mod_refs(target->space, name, right, delta);
    call->restart = kr == KERN_RETRY;
    return kr;
}

kern_return_t kport_get_refs(struct kcall *call, struct task *target, uint32_t name, uint32_t right,
                             uint32_t *refs)
{
    (void)call;
    return space_get_refs(target->space, name, right, refs);
}

kern_return_t kport_type(struct kcall *call, struct task *target, uint32_t name, uint32_t *rights)
{
    (void)call;
    return space_type(target->space, name, rights);
}

kern_return_t kport_names(struct kcall *call, struct task *target, uint32_t position,
                          uint32_t *next, uint32_t *names, uint32_t *names_count, uint32_t *rights,
                          uint32_t *rights_count)
{
    (void)call;
    *names_count = *rights_count =
        space_list(target->space, position, PORT_NAMES_MAX, names, rights, next);
    return KERN_SUCCESS;
}

/* ---- ports and sets behind names ---- */

kern_return_t kport_get_receive_status(struct kcall *call, struct task *target, uint32_t name,
                                       struct port_receive_status *status)
{
    (void)call;
    return space_receive_status(target->space, name, status);
}

kern_return_t kport_get_set_status(struct kcall *call, struct task *target, uint32_t name,
                                   uint32_t after, bool *done, uint32_t *count, uint32_t *members,
                                   uint32_t *members_count)
{
    (void)call;
    struct set_listing listing = {.after = after, .max = PORT_NAMES_MAX, .names = members};
    kern_return_t kr = space_list_set(target->space, name, &listing);
    *done = listing.done;
    *count = listing.all;
    *members_count = listing.count;
    return kr;
}

kern_return_t kport_set_limits(struct kcall *call, struct task *target, uint32_t name,
                               uint32_t messages, uint32_t bytes)
{
    (void)call;
    return space_set_limits(target->space, name, messages, bytes);
}

kern_return_t kport_set_memory_limit(struct kcall *call, struct task *target, uint32_t name,
                                     uint64_t bytes)
{
    (void)call;
    return space_set_memory_limit(target->space, name, bytes);
}

static kern_return_t set_word(struct task *target, uint32_t name, enum port_word word,
                              uint64_t value)
{
    return space_set_port_word(target->space, name, word, value);
}

kern_return_t kport_set_seqno(struct kcall *call, struct task *target, uint32_t name,
                              uint32_t seqno)
{
    (void)call;
    return set_word(target, name, PORT_WORD_SEQNO, seqno);
}

kern_return_t kport_set_make_sends(struct kcall *call, struct task *target, uint32_t name,
                                   uint32_t count)
{
    (void)call;
    return set_word(target, name, PORT_WORD_MAKE_SENDS, count);
}

kern_return_t kport_set_payload(struct kcall *call, struct task *target, uint32_t name,
                                uint64_t payload)
{
    (void)call;
    return set_word(target, name, PORT_WORD_PAYLOAD, payload);
}

kern_return_t kport_clear_payload(struct kcall *call, struct task *target, uint32_t name)
{
    (void)call;
    return set_word(target, name, PORT_WORD_NO_PAYLOAD, 0);
}

kern_return_t kport_move_member(struct kcall *call, struct task *target, uint32_t name,
                                uint32_t set)
{
    (void)call;
    return space_move_member(target->space, name, set);
}

kern_return_t kport_construct(struct kcall *call, struct task *target, uint64_t payload,
                              uint32_t set, uint32_t *name)
{
    (void)call;
    return space_construct(target->space, payload, set, name);
}

/* ---- rights in and out ---- */

kern_return_t kport_insert_send(struct kcall *call, struct task *target, uint32_t name,
                                struct kright *right, uint32_t *got)
{
    (void)call;
    return space_insert_as(target->space, name, right, got);
}

static uint32_t kind_told(enum kobject kobject)
{
    return kobject == KOBJECT_NONE     ? PORT_KOBJECT_NONE
           : kobject == KOBJECT_TASK   ? PORT_KOBJECT_TASK
           : kobject == KOBJECT_THREAD ? PORT_KOBJECT_THREAD
                                       : PORT_KOBJECT_OTHER;
}

kern_return_t kport_kobject(struct kcall *call, struct task *target, uint32_t name, uint32_t *kind)
{
    (void)call;
    enum kobject kobject;
    kern_return_t kr = space_kobject(target->space, name, &kobject);
    *kind = kind_told(kobject);
    return kr;
}

/* The task that a name of another stands for; a reference is taken. */
static kern_return_t find_task(struct task *by, uint32_t name, struct task **out)
{
    void *object = NULL;
    kern_return_t kr = space_find_object(by->space, name, KOBJECT_TASK, &object);
    *out = object;
    return kr;
}

static kern_return_t copy_between(struct space *from, uint32_t name, struct space *to,
                                  uint32_t *got, enum kobject *kobject)
{
    struct kright right = {0};
    kern_return_t kr = space_extract(from, name, MSG_COPY_SEND, &right);
    if (kr == KERN_SUCCESS && !right.object)
        kr = KERN_INVALID_CAPABILITY; /* a dead name */
    if (kr == KERN_SUCCESS) {
        *kobject = (enum kobject)relaxed_load(
            container_of(right.object, struct port, ipc)->kobject); /* the right keeps the port */
        kr = space_insert_as(to, MSG_NULL, &right, got);
    }
    kright_destroy(&right);
    return kr;
}

kern_return_t kport_give_made_send(struct kcall *call, struct task *target, uint32_t name,
                                   uint32_t task_name, uint32_t *got)
{
    (void)call;
    struct kright right = {0};
    struct task *task;
    kern_return_t kr = find_task(target, task_name, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = space_extract(target->space, name, MSG_MAKE_SEND, &right);
    if (kr == KERN_SUCCESS)
        kr = space_insert_as(task->space, MSG_NULL, &right, got);
    kright_destroy(&right);
    task_unref(task);
    return kr;
}

kern_return_t kport_fetch_send(struct kcall *call, struct task *target, uint32_t task_name,
                               uint32_t its, uint32_t *got, uint32_t *kind)
{
    (void)call;
    enum kobject kobject = KOBJECT_NONE;
    struct task *task;
    kern_return_t kr = find_task(target, task_name, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    kr = copy_between(task->space, its, target->space, got, &kobject);
    *kind = kind_told(kobject);
    task_unref(task);
    return kr;
}

kern_return_t kport_watch(struct kcall *call, struct task *target, uint32_t name, uint32_t to)
{
    (void)call;
    return space_watch(target->space, name, to);
}

kern_return_t kport_give_sends(struct kcall *call, struct task *target, uint32_t task_name,
                               const uint32_t names[PORT_GIVE_MAX], uint32_t got[PORT_GIVE_MAX])
{
    (void)call;
    enum kobject kobject;
    struct task *task;
    kern_return_t kr = find_task(target, task_name, &task);
    if (kr != KERN_SUCCESS)
        return kr;
    for (unsigned i = 0; i < PORT_GIVE_MAX && kr == KERN_SUCCESS; i++) {
        got[i] = MSG_NULL;
        if (names[i] != MSG_NULL)
            kr = copy_between(target->space, names[i], task->space, &got[i], &kobject);
    }
    task_unref(task);
    return kr;
}

kern_return_t kport_insert_made_send(struct kcall *call, struct task *target, uint32_t name,
                                     struct kright *right, uint32_t *got)
{
    (void)call;
    return space_insert_as(target->space, name, right, got);
}

kern_return_t kport_insert_send_once(struct kcall *call, struct task *target, struct kright *right,
                                     uint32_t *got)
{
    (void)call;
    return space_insert_as(target->space, MSG_NULL, right, got);
}

kern_return_t kport_insert_receive(struct kcall *call, struct task *target, uint32_t name,
                                   struct kright *right, uint32_t *got)
{
    (void)call;
    return space_insert_as(target->space, name, right, got);
}

kern_return_t kport_extract_send(struct kcall *call, struct task *target, uint32_t name,
                                 uint32_t how, struct kright *right)
{
    (void)call;
    if (msg_kind_of(how) != MSG_MOVE_SEND)
        return KERN_INVALID_VALUE;
    return space_extract(target->space, name, how, right);
}

kern_return_t kport_extract_send_once(struct kcall *call, struct task *target, uint32_t name,
                                      uint32_t how, struct kright *right)
{
    (void)call;
    if (msg_kind_of(how) != MSG_MOVE_SEND_ONCE)
        return KERN_INVALID_VALUE;
    return space_extract(target->space, name, how, right);
}

kern_return_t kport_extract_receive(struct kcall *call, struct task *target, uint32_t name,
                                    struct kright *right)
{
    (void)call;
    return space_extract(target->space, name, MSG_MOVE_RECEIVE, right);
}

kern_return_t kport_request_notification(struct kcall *call, struct task *target, uint32_t name,
                                         uint32_t id, uint32_t sync, struct kright *notify,
                                         struct kright *previous)
{
    (void)call;
    kern_return_t kr = space_request_notification(target->space, name, id, sync, notify);
    if (kr == KERN_SUCCESS) {
        *previous = *notify;
        *notify = (struct kright){0};
    }
    return kr;
}

kern_return_t kport_cancel_notification(struct kcall *call, struct task *target, uint32_t name,
                                        uint32_t id, struct kright *previous)
{
    (void)call;
    *previous = (struct kright){0};
    return space_request_notification(target->space, name, id, 0, previous);
}
