/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See timeline.h. The events of all CPUs are gone through in the order of time, three times alike: to see which flows meet and where work for a message ends
 * (PASS_LINK), to count each flow's steps, for the first and the last are told apart (PASS_COUNT), and to write.
 */
#include "timeline_impl.h"
#include <string.h>

static const struct {
    const char *name;
    enum what what;
} known[] = {
    {"sched.switch", SWITCH},     {"sched.idle", IDLE},
    {"sched.work", WORK},         {"sched.wake", WAKE},
    {"message.send", SEND},       {"message.receive", RECEIVE},
    {"irq", INTERRUPT},           {"ipi", INTERRUPT},
    {"timer", INTERRUPT},         {"thread.create", THREAD_CREATE},
    {"thread.exit", THREAD_EXIT}, {"task.name", TASK_NAME},
    {"thread.name", THREAD_NAME}, {"msg.send", NOTHING},
};

/* ---- turns ---- */

/* Work that is known to end when the thread goes to wait for the next message. */
static void end_work(struct timeline *t, struct thread_row *thread)
{
    const struct message_row *work = timeline_work_of(t, thread);

    if (work && work->ended == t->now)
        timeline_pop_all(t, thread);
}

static void stop_running(struct timeline *t, unsigned cpu)
{
    struct thread_row *thread = table_find(&t->recording->threads, t->cpu[cpu].thread);

    if (t->cpu[cpu].thread != 0 || t->cpu[cpu].works)
        timeline_end(t, timeline_track_of_cpu(cpu));
    t->cpu[cpu].thread = 0;
    t->cpu[cpu].works = false;
    if (!thread || !thread->runs)
        return;
    timeline_end_turn(t, thread);
    thread->runs = false;
    thread->stopped = t->now;
    timeline_join_woken(t, thread);
    end_work(t, thread);
}

static void run(struct timeline *t, unsigned cpu, uint32_t id)
{
    char text[LABEL];

    stop_running(t, cpu);
    if (id == 0)
        return;
    for (unsigned i = 0; i < RECORDING_CPUS; i++) /* as it must have been before */
        if (t->cpu[i].thread == id)
            stop_running(t, i);
    struct thread_row *thread = timeline_have_thread(t, id);
    if (!thread)
        return;
    t->cpu[cpu].thread = id;
    thread->runs = true;
    timeline_label(t, thread, text);
    timeline_begin(t, timeline_track_of_cpu(cpu), text, (struct argument){"thread", id}, none);
    timeline_begin(t, timeline_track_of(thread), "runs", (struct argument){"cpu", cpu}, none);
}

static void work_for_kernel(struct timeline *t, unsigned cpu, uint64_t item)
{
    stop_running(t, cpu);
    t->cpu[cpu].works = true;
    timeline_begin(t, timeline_track_of_cpu(cpu), "kernel", (struct argument){"work item", item},
                   none);
}

static void wake(struct timeline *t, unsigned cpu, uint32_t id)
{
    struct thread_row *woken = timeline_have_thread(t, id);
    const struct thread_row *by = table_find(&t->recording->threads, t->cpu[cpu].thread);

    if (!woken)
        return;
    const struct message_row *from = by ? timeline_flow_of_work(t, by) : NULL;
    const struct message_row *to = timeline_flow_of_work(t, woken);
    woken->woken.from = from ? from->number : 0;
    woken->woken.to = to ? to->number : 0;
    if (t->pass == PASS_WRITE)
        json_instant(&t->json, timeline_track_of(woken), t->now, "woken",
                     (struct argument){"by thread", t->cpu[cpu].thread},
                     (struct argument){"on cpu", cpu});
}

/* ---- messages ---- */

static struct message_row *new_message(struct timeline *t, uint32_t number, uint32_t id)
{
    struct message_row *message = table_have(&t->messages, number);

    if (!message) {
        (void)timeline_fail(t,
                            number == 0 ? "a message has no number" : "there is not enough memory");
        return NULL;
    }
    message->id = id;
    if (message->flow == 0)
        message->flow = number;
    return message;
}

static void send_answer(struct timeline *t, uint32_t number, struct thread_row *thread)
{
    const struct message_row *message = table_find(&t->messages, number);

    if (!message)
        return; /* the call was before */
    timeline_join(t, timeline_flow_of_work(t, thread), timeline_flow_of(t, message));
    timeline_step_of(t, message, thread);
    timeline_pop_through(t, thread, number, false);
}

static void send_of_device(struct timeline *t, unsigned cpu, struct message_row *message)
{
    message->by_interrupt = true;
    if (t->cpu[cpu].interrupted)
        timeline_step(t, message, timeline_track_of_interrupts(cpu));
}

static void send(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const uint32_t number = (uint32_t)event->argument0;
    const uint32_t sender = (uint32_t)(event->argument0 >> 32);
    const unsigned kind = (unsigned)(event->argument1 >> 32);
    struct thread_row *thread = NULL;

    if (kind > KIND_KERNEL) {
        (void)timeline_fail(t, "a message is of an unknown kind");
        return;
    }
    if ((sender != 0 || kind != KIND_KERNEL) && !(thread = timeline_have_thread(t, sender)))
        return;
    if (kind == KIND_ANSWER) {
        send_answer(t, number, thread);
        return;
    }
    struct message_row *message = new_message(t, number, (uint32_t)event->argument1);
    if (!message)
        return;
    if (!thread) {
        send_of_device(t, cpu, message);
        return;
    }
    const struct message_row *work = timeline_work_of(t, thread);
    if (work && t->pass == PASS_LINK)
        message->flow = work->flow;
    if (kind == KIND_CALL)
        timeline_push(t, thread, message, true);
    timeline_step_of(t, message, thread);
}

/* It waits for messages: what it did is over, since when it stopped running. */
static void end_all_work(struct timeline *t, struct thread_row *thread)
{
    struct message_row *work = timeline_work_of(t, thread);

    if (work && t->pass == PASS_LINK && thread->stopped > work->began)
        work->ended = thread->stopped;
    timeline_pop_all(t, thread);
}

static void receive(struct timeline *t, const struct host_debug_event *event)
{
    const uint32_t number = (uint32_t)event->argument0;
    const bool is_answer = event->argument1 >> 32 == KIND_ANSWER;
    struct message_row *message = table_find(&t->messages, number);
    struct thread_row *thread = timeline_have_thread(t, (uint32_t)(event->argument0 >> 32));

    if (!thread)
        return;
    thread->woken.from = 0;
    if (!is_answer)
        end_all_work(t, thread);
    if (!message)
        return; /* it was sent before */
    if (!is_answer) {
        message->began = t->now;
        timeline_push(t, thread, message, false);
    }
    timeline_step_of(t, message, thread);
    if (is_answer)
        timeline_pop_through(t, thread, number, true);
}

/* ---- names ---- */

/* Eight characters more of it. */
static void write_name(struct timeline *t, char *name, size_t size,
                       const struct host_debug_event *event)
{
    const uint64_t place = event->argument0 >> 32;

    if (place >= size - 1) {
        (void)timeline_fail(t, "a name is too long");
        return;
    }
    memset(name + place, 0, size - place);
    for (unsigned i = 0; i < 8 && place + i < size - 1; i++)
        name[place + i] = (char)(event->argument1 >> 8 * i);
}

static void name_task(struct timeline *t, const struct host_debug_event *event)
{
    struct task_row *task = table_have(&t->recording->tasks, (uint32_t)event->argument0);

    if (task)
        write_name(t, task->name, sizeof task->name, event);
    else
        (void)timeline_fail(t, "a name is of no task");
}

static void name_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = timeline_have_thread(t, (uint32_t)event->argument0);

    if (thread)
        write_name(t, thread->name, sizeof thread->name, event);
}

static void create_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = timeline_have_thread(t, (uint32_t)event->argument0);

    if (thread)
        thread->task = (uint32_t)event->argument1;
}

/* ---- events ---- */

static struct argument argument_of(const struct event_kind *kind, unsigned i, uint64_t value)
{
    return strcmp(kind->argument[i], "0") == 0 ? none : (struct argument){kind->argument[i], value};
}

static void mark(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const struct event_kind *kind = &t->recording->kind[event->number];
    const struct thread_row *thread = table_find(&t->recording->threads, t->cpu[cpu].thread);

    if (t->pass == PASS_WRITE)
        json_instant(&t->json, thread ? timeline_track_of(thread) : timeline_track_of_cpu(cpu),
                     t->now, kind->name, argument_of(kind, 0, event->argument0),
                     argument_of(kind, 1, event->argument1));
}

/* What an interrupt does at once is told right behind it. */
static void interrupt(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const struct event_kind *kind = &t->recording->kind[event->number];

    timeline_begin(t, timeline_track_of_interrupts(cpu), kind->name,
                   argument_of(kind, 0, event->argument0), argument_of(kind, 1, event->argument1));
    t->cpu[cpu].interrupted = true;
}

static void end_interrupt(struct timeline *t, unsigned cpu)
{
    if (t->cpu[cpu].interrupted)
        timeline_end(t, timeline_track_of_interrupts(cpu));
    t->cpu[cpu].interrupted = false;
}

static void exit_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = timeline_have_thread(t, (uint32_t)event->argument0);

    if (thread)
        timeline_pop_all(t, thread);
}

static void tell(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const enum what what = t->what[event->number];

    if (what != SEND && what != RECEIVE && what != WAKE && what != NOTHING)
        end_interrupt(t, cpu);
    switch (what) {
    case SWITCH: run(t, cpu, (uint32_t)event->argument1); break;
    case IDLE: run(t, cpu, 0); break;
    case WORK: work_for_kernel(t, cpu, event->argument0); break;
    case WAKE: wake(t, cpu, (uint32_t)event->argument0); break;
    case SEND: send(t, cpu, event); break;
    case RECEIVE: receive(t, event); break;
    case INTERRUPT: interrupt(t, cpu, event); break;
    case TASK_NAME: name_task(t, event); break;
    case THREAD_NAME: name_thread(t, event); break;
    case THREAD_CREATE:
        create_thread(t, event);
        mark(t, cpu, event);
        break;
    case THREAD_EXIT:
        exit_thread(t, event);
        mark(t, cpu, event);
        break;
    case MARK: mark(t, cpu, event); break;
    case NOTHING: break;
    }
}

/* ---- all of them ---- */

/* The CPU whose next event is the earliest; RECORDING_CPUS: there are no more. */
static unsigned earliest(const struct timeline *t)
{
    unsigned found = RECORDING_CPUS;
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < RECORDING_CPUS; i++) {
        if (t->cpu[i].next == t->recording->cpu[i].count)
            continue;
        const uint64_t moment = t->recording->cpu[i].events[t->cpu[i].next].moment;
        if (found == RECORDING_CPUS || moment < least) {
            found = i;
            least = moment;
        }
    }
    return found;
}

/* Each by itself. */
static bool check(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    if (event->number >= RECORDING_KINDS || t->recording->kind[event->number].name[0] == '\0')
        return timeline_fail(t, "an event is of an unknown kind");
    if (event->moment > INT64_MAX)
        return timeline_fail(t, "an event's moment makes no sense");
    if (event->moment + BACK_MOST < t->cpu[cpu].last)
        return timeline_fail(t, "the events of a CPU are not in order");
    return true;
}

static void end_everything(struct timeline *t)
{
    for (unsigned i = 0; i < RECORDING_CPUS; i++) {
        end_interrupt(t, i);
        stop_running(t, i);
    }
    for (struct thread_row *thread = NULL;
         (thread = table_next(&t->recording->threads, thread)) != NULL;)
        timeline_pop_all(t, thread);
}

static bool go_through(struct timeline *t, enum pass pass)
{
    t->pass = pass;
    t->now = 0;
    memset(t->cpu, 0, sizeof t->cpu);
    for (struct thread_row *thread = NULL;
         (thread = table_next(&t->recording->threads, thread)) != NULL;) {
        thread->frames = 0;
        thread->runs = false;
        thread->stopped = 0;
        thread->woken.from = 0;
    }
    for (unsigned cpu; !t->error && (cpu = earliest(t)) != RECORDING_CPUS;) {
        const struct host_debug_event *event = &t->recording->cpu[cpu].events[t->cpu[cpu].next++];
        if (!check(t, cpu, event))
            break;
        if (event->moment > t->now)
            t->now = event->moment;
        t->cpu[cpu].last = event->moment;
        tell(t, cpu, event);
    }
    end_everything(t);
    return !t->error;
}

/* ---- who is who ---- */

static void write_processors(struct timeline *t)
{
    char text[LABEL];

    json_name_process(&t->json, PROCESSORS, "CPUs");
    json_name_process(&t->json, UNKNOWN_TASK, "?");
    for (unsigned i = 0; i < RECORDING_CPUS; i++) {
        if (t->recording->cpu[i].count == 0)
            continue;
        (void)snprintf(text, sizeof text, "CPU %u", i);
        json_name_thread(&t->json, timeline_track_of_cpu(i), text);
        (void)snprintf(text, sizeof text, "CPU %u interrupts", i);
        json_name_thread(&t->json, timeline_track_of_interrupts(i), text);
    }
}

static void write_names(struct timeline *t)
{
    char text[LABEL];

    write_processors(t);
    for (const struct task_row *task = NULL;
         (task = table_next(&t->recording->tasks, task)) != NULL;)
        json_name_process(&t->json, task->id, timeline_task_name(t, task->id));
    for (const struct thread_row *thread = NULL;
         (thread = table_next(&t->recording->threads, thread)) != NULL;) {
        timeline_label(t, thread, text);
        json_name_thread(&t->json, timeline_track_of(thread), text);
    }
}

static void find_kinds(struct timeline *t)
{
    for (unsigned n = 0; n < RECORDING_KINDS; n++)
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
            if (strcmp(t->recording->kind[n].name, known[i].name) == 0)
                t->what[n] = known[i].what;
}

bool timeline_write(struct recording *recording, message_name_t *name, FILE *file,
                    const char **error)
{
    struct timeline t = {
        .recording = recording,
        .name_of = name,
        .messages = {.size = sizeof(struct message_row)},
    };

    find_kinds(&t);
    json_begin(&t.json, file);
    if (go_through(&t, PASS_LINK) && go_through(&t, PASS_COUNT) && go_through(&t, PASS_WRITE))
        write_names(&t);
    json_end(&t.json, recording_lost(recording));
    table_free(&t.messages);
    *error = t.error;
    return !t.error;
}
