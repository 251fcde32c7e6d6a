/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each thread does, the slices that show it, and the flows between them.
 */
#include "timeline_impl.h"

bool timeline_fail(struct timeline *t, const char *error)
{
    if (!t->error)
        t->error = error;
    return false;
}

/* ---- tracks ---- */

struct track timeline_track_of_cpu(unsigned cpu)
{
    return (struct track){PROCESSORS, 2 * cpu + 1};
}

struct track timeline_track_of_interrupts(unsigned cpu)
{
    return (struct track){PROCESSORS, 2 * cpu + 2};
}

struct track timeline_track_of(const struct thread_row *thread)
{
    return (struct track){thread->task ? thread->task : UNKNOWN_TASK, thread->id};
}

struct thread_row *timeline_have_thread(struct timeline *t, uint32_t id)
{
    struct thread_row *thread = table_have(&t->recording->threads, id);

    if (!thread)
        (void)timeline_fail(t, id == 0 ? "an event is of no thread" : "there is not enough memory");
    return thread;
}

const char *timeline_task_name(const struct timeline *t, uint32_t id)
{
    const struct task_row *task = table_find(&t->recording->tasks, id);

    return task && task->name[0] != '\0' ? task->name : "?";
}

/* "task", or "task: thread". */
void timeline_label(const struct timeline *t, const struct thread_row *thread, char text[LABEL])
{
    (void)snprintf(text, LABEL, "%s%s%s", timeline_task_name(t, thread->task),
                   thread->name[0] != '\0' ? ": " : "", thread->name);
}

void timeline_begin(struct timeline *t, struct track track, const char *name, struct argument a,
                    struct argument b)
{
    if (t->pass == PASS_WRITE)
        json_slice_begins(&t->json, track, t->now, name, a, b);
}

void timeline_end(struct timeline *t, struct track track)
{
    if (t->pass == PASS_WRITE)
        json_slice_ends(&t->json, track, t->now);
}

/* ---- what a thread does ---- */

static void begin_turn(struct timeline *t, struct thread_row *thread)
{
    if (thread->runs)
        timeline_begin(t, timeline_track_of(thread), "runs", none, none);
}

void timeline_end_turn(struct timeline *t, struct thread_row *thread)
{
    if (thread->runs)
        timeline_end(t, timeline_track_of(thread));
}

static const char *message_name(const struct timeline *t, const struct message_row *message)
{
    const char *name = t->name_of(message->id);

    return name ? name : "message";
}

static void pop(struct timeline *t, struct thread_row *thread)
{
    timeline_end_turn(t, thread);
    timeline_end(t, timeline_track_of(thread));
    thread->frames--;
    begin_turn(t, thread);
}

void timeline_pop_all(struct timeline *t, struct thread_row *thread)
{
    while (thread->frames > 0)
        pop(t, thread);
}

void timeline_push(struct timeline *t, struct thread_row *thread, const struct message_row *message,
                   bool is_call)
{
    char text[96];

    if (thread->frames == FRAMES)
        timeline_pop_all(t, thread);
    timeline_end_turn(t, thread);
    (void)snprintf(text, sizeof text, "%s%s", is_call ? "calls " : "", message_name(t, message));
    timeline_begin(t, timeline_track_of(thread), text,
                   (struct argument){"message", message->number},
                   (struct argument){"id", message->id});
    thread->frame[thread->frames].message = message->number;
    thread->frame[thread->frames].is_call = is_call;
    thread->frames++;
    begin_turn(t, thread);
}

/* What it does within the call, or the work, ends with that. */
void timeline_pop_through(struct timeline *t, struct thread_row *thread, uint32_t message,
                          bool is_call)
{
    unsigned i = thread->frames;

    while (i > 0 &&
           (thread->frame[i - 1].message != message || thread->frame[i - 1].is_call != is_call))
        i--;
    while (i > 0 && thread->frames >= i)
        pop(t, thread);
}

/* The message that it works for; NULL: it does what it wants. */
struct message_row *timeline_work_of(const struct timeline *t, const struct thread_row *thread)
{
    for (unsigned i = thread->frames; i > 0; i--)
        if (!thread->frame[i - 1].is_call)
            return table_find(&t->messages, thread->frame[i - 1].message);
    return NULL;
}

/* ---- flows ---- */

struct message_row *timeline_flow_of(const struct timeline *t, const struct message_row *message)
{
    struct message_row *flow = table_find(&t->messages, message->flow);

    while (flow && flow->joined != 0)
        flow = table_find(&t->messages, flow->joined);
    return flow;
}

void timeline_step(struct timeline *t, const struct message_row *message, struct track track)
{
    struct message_row *flow = timeline_flow_of(t, message);

    if (!flow)
        return;
    if (t->pass == PASS_COUNT)
        flow->steps++;
    if (t->pass != PASS_WRITE || flow->steps < 2)
        return;
    flow->told++;
    json_flow(&t->json, track, t->now,
              flow->told == 1             ? FLOW_START
              : flow->told == flow->steps ? FLOW_END
                                          : FLOW_STEP,
              flow->number);
}

/* An arrow needs a slice to come from, or to go to. */
void timeline_step_of(struct timeline *t, const struct message_row *message,
                      const struct thread_row *thread)
{
    if (thread->runs || thread->frames > 0)
        timeline_step(t, message, timeline_track_of(thread));
}

/* A flow that an interrupt began comes to another one. */
void timeline_join(struct timeline *t, struct message_row *from, const struct message_row *to)
{
    if (t->pass == PASS_LINK && from && to && from != to && from->by_interrupt && !to->by_interrupt)
        from->joined = to->number;
}

struct message_row *timeline_flow_of_work(const struct timeline *t, const struct thread_row *thread)
{
    const struct message_row *work = timeline_work_of(t, thread);

    return work ? timeline_flow_of(t, work) : NULL;
}

/* The thread has gone on with what it was about when it was woken: so that is what it was woken for. */
void timeline_join_woken(struct timeline *t, struct thread_row *thread)
{
    timeline_join(t, table_find(&t->messages, thread->woken.from),
                  table_find(&t->messages, thread->woken.to));
    thread->woken.from = 0;
}
