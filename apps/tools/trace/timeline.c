/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See timeline.h. The events of all CPUs are gone through in the order of time, three times alike: to see which flows meet and where work for a message ends
 * (PASS_LINK), to count each flow's steps, for the first and the last are told apart (PASS_COUNT), and to write.
 */
#include "timeline.h"
#include "json.h"
#include <inttypes.h>
#include <string.h>

enum pass { PASS_LINK, PASS_COUNT, PASS_WRITE };

/* The upper half of a message event's second argument: kernel/ipc/msg_trace.c. */
enum { KIND_ONEWAY, KIND_CALL, KIND_ANSWER, KIND_KERNEL };

/* No task has these numbers. */
enum { PROCESSORS = 1000000000, UNKNOWN_TASK };

#define BACK_MOST \
    UINT64_C(1000000) /* nanoseconds by which neighbours may seem to be in the wrong order */

/* Events that are more to us than marks, by their names. */
enum what {
    MARK,
    SWITCH,
    IDLE,
    WORK,
    WAKE,
    SEND,
    RECEIVE,
    INTERRUPT,
    THREAD_CREATE,
    THREAD_EXIT,
    TASK_NAME,
    THREAD_NAME,
    NOTHING, /* others tell more of it */
};

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

/* A row of `messages`, for all that is told of one. The flow that begins with a message has its number. */
struct message_row {
    uint32_t number;
    uint32_t id;
    uint32_t flow;         /* it is part of */
    uint32_t joined;       /* what that flow is part of; 0: of none */
    bool by_interrupt;     /* the flow begins with an interrupt */
    uint32_t steps, told;  /* of the flow */
    uint64_t began, ended; /* to be worked for; ended: 0: by an answer, or not at all */
};

struct timeline {
    struct recording *recording;
    message_name_t *name_of;
    enum pass pass;
    struct json json;
    struct table messages;
    enum what what[RECORDING_KINDS];
    uint64_t now;
    struct {
        size_t next;      /* event */
        uint64_t last;    /* moment; they do not go back */
        uint32_t thread;  /* that runs; 0: none, or it is not known */
        bool works;       /* for the kernel */
        bool interrupted; /* an interrupt is being told of */
    } cpu[RECORDING_CPUS];
    const char *error;
};

static bool fail(struct timeline *t, const char *error)
{
    if (!t->error)
        t->error = error;
    return false;
}

/* ---- tracks ---- */

static struct track track_of_cpu(unsigned cpu)
{
    return (struct track){PROCESSORS, 2 * cpu + 1};
}

static struct track track_of_interrupts(unsigned cpu)
{
    return (struct track){PROCESSORS, 2 * cpu + 2};
}

static struct track track_of(const struct thread_row *thread)
{
    return (struct track){thread->task ? thread->task : UNKNOWN_TASK, thread->id};
}

static struct thread_row *have_thread(struct timeline *t, uint32_t id)
{
    struct thread_row *thread = table_have(&t->recording->threads, id);

    if (!thread)
        (void)fail(t, id == 0 ? "an event is of no thread" : "there is not enough memory");
    return thread;
}

static const char *task_name(const struct timeline *t, uint32_t id)
{
    const struct task_row *task = table_find(&t->recording->tasks, id);

    return task && task->name[0] != '\0' ? task->name : "?";
}

enum { LABEL = TASK_NAME_SIZE + THREAD_NAME_SIZE + 16 };

/* "task", or "task: thread". */
static void label(const struct timeline *t, const struct thread_row *thread, char text[LABEL])
{
    (void)snprintf(text, LABEL, "%s%s%s", task_name(t, thread->task),
                   thread->name[0] != '\0' ? ": " : "", thread->name);
}

static void begin(struct timeline *t, struct track track, const char *name, struct argument a,
                  struct argument b)
{
    if (t->pass == PASS_WRITE)
        json_slice_begins(&t->json, track, t->now, name, a, b);
}

static void end(struct timeline *t, struct track track)
{
    if (t->pass == PASS_WRITE)
        json_slice_ends(&t->json, track, t->now);
}

static const struct argument none = {.name = NULL};

/* ---- what a thread does ---- */

static void begin_turn(struct timeline *t, struct thread_row *thread)
{
    if (thread->runs)
        begin(t, track_of(thread), "runs", none, none);
}

static void end_turn(struct timeline *t, struct thread_row *thread)
{
    if (thread->runs)
        end(t, track_of(thread));
}

static const char *message_name(const struct timeline *t, const struct message_row *message)
{
    const char *name = t->name_of(message->id);

    return name ? name : "message";
}

static void pop(struct timeline *t, struct thread_row *thread)
{
    end_turn(t, thread);
    end(t, track_of(thread));
    thread->frames--;
    begin_turn(t, thread);
}

static void pop_all(struct timeline *t, struct thread_row *thread)
{
    while (thread->frames > 0)
        pop(t, thread);
}

static void push(struct timeline *t, struct thread_row *thread, const struct message_row *message,
                 bool is_call)
{
    char text[96];

    if (thread->frames == FRAMES)
        pop_all(t, thread);
    end_turn(t, thread);
    (void)snprintf(text, sizeof text, "%s%s", is_call ? "calls " : "", message_name(t, message));
    begin(t, track_of(thread), text, (struct argument){"message", message->number},
          (struct argument){"id", message->id});
    thread->frame[thread->frames].message = message->number;
    thread->frame[thread->frames].is_call = is_call;
    thread->frames++;
    begin_turn(t, thread);
}

/* What it does within the call, or the work, ends with that. */
static void pop_through(struct timeline *t, struct thread_row *thread, uint32_t message,
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
static struct message_row *work_of(const struct timeline *t, const struct thread_row *thread)
{
    for (unsigned i = thread->frames; i > 0; i--)
        if (!thread->frame[i - 1].is_call)
            return table_find(&t->messages, thread->frame[i - 1].message);
    return NULL;
}

/* ---- flows ---- */

static struct message_row *flow_of(const struct timeline *t, const struct message_row *message)
{
    struct message_row *flow = table_find(&t->messages, message->flow);

    while (flow && flow->joined != 0)
        flow = table_find(&t->messages, flow->joined);
    return flow;
}

static void step(struct timeline *t, const struct message_row *message, struct track track)
{
    struct message_row *flow = flow_of(t, message);

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
static void step_of(struct timeline *t, const struct message_row *message,
                    const struct thread_row *thread)
{
    if (thread->runs || thread->frames > 0)
        step(t, message, track_of(thread));
}

/* A flow that an interrupt began comes to another one. */
static void join(struct timeline *t, struct message_row *from, const struct message_row *to)
{
    if (t->pass == PASS_LINK && from && to && from != to && from->by_interrupt && !to->by_interrupt)
        from->joined = to->number;
}

static struct message_row *flow_of_work(const struct timeline *t, const struct thread_row *thread)
{
    const struct message_row *work = work_of(t, thread);

    return work ? flow_of(t, work) : NULL;
}

/* The thread has gone on with what it was about when it was woken: so that is what it was woken for. */
static void join_woken(struct timeline *t, struct thread_row *thread)
{
    join(t, table_find(&t->messages, thread->woken.from),
         table_find(&t->messages, thread->woken.to));
    thread->woken.from = 0;
}

/* ---- turns ---- */

/* Work that is known to end when the thread goes to wait for the next message. */
static void end_work(struct timeline *t, struct thread_row *thread)
{
    const struct message_row *work = work_of(t, thread);

    if (work && work->ended == t->now)
        pop_all(t, thread);
}

static void stop_running(struct timeline *t, unsigned cpu)
{
    struct thread_row *thread = table_find(&t->recording->threads, t->cpu[cpu].thread);

    if (t->cpu[cpu].thread != 0 || t->cpu[cpu].works)
        end(t, track_of_cpu(cpu));
    t->cpu[cpu].thread = 0;
    t->cpu[cpu].works = false;
    if (!thread || !thread->runs)
        return;
    end_turn(t, thread);
    thread->runs = false;
    thread->stopped = t->now;
    join_woken(t, thread);
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
    struct thread_row *thread = have_thread(t, id);
    if (!thread)
        return;
    t->cpu[cpu].thread = id;
    thread->runs = true;
    label(t, thread, text);
    begin(t, track_of_cpu(cpu), text, (struct argument){"thread", id}, none);
    begin(t, track_of(thread), "runs", (struct argument){"cpu", cpu}, none);
}

static void work_for_kernel(struct timeline *t, unsigned cpu, uint64_t item)
{
    stop_running(t, cpu);
    t->cpu[cpu].works = true;
    begin(t, track_of_cpu(cpu), "kernel", (struct argument){"work item", item}, none);
}

static void wake(struct timeline *t, unsigned cpu, uint32_t id)
{
    struct thread_row *woken = have_thread(t, id);
    const struct thread_row *by = table_find(&t->recording->threads, t->cpu[cpu].thread);

    if (!woken)
        return;
    const struct message_row *from = by ? flow_of_work(t, by) : NULL;
    const struct message_row *to = flow_of_work(t, woken);
    woken->woken.from = from ? from->number : 0;
    woken->woken.to = to ? to->number : 0;
    if (t->pass == PASS_WRITE)
        json_instant(&t->json, track_of(woken), t->now, "woken",
                     (struct argument){"by thread", t->cpu[cpu].thread},
                     (struct argument){"on cpu", cpu});
}

/* ---- messages ---- */

static struct message_row *new_message(struct timeline *t, uint32_t number, uint32_t id)
{
    struct message_row *message = table_have(&t->messages, number);

    if (!message) {
        (void)fail(t, number == 0 ? "a message has no number" : "there is not enough memory");
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
    join(t, flow_of_work(t, thread), flow_of(t, message));
    step_of(t, message, thread);
    pop_through(t, thread, number, false);
}

static void send_of_device(struct timeline *t, unsigned cpu, struct message_row *message)
{
    message->by_interrupt = true;
    if (t->cpu[cpu].interrupted)
        step(t, message, track_of_interrupts(cpu));
}

static void send(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const uint32_t number = (uint32_t)event->argument0;
    const uint32_t sender = (uint32_t)(event->argument0 >> 32);
    const unsigned kind = (unsigned)(event->argument1 >> 32);
    struct thread_row *thread = NULL;

    if (kind > KIND_KERNEL) {
        (void)fail(t, "a message is of an unknown kind");
        return;
    }
    if ((sender != 0 || kind != KIND_KERNEL) && !(thread = have_thread(t, sender)))
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
    const struct message_row *work = work_of(t, thread);
    if (work && t->pass == PASS_LINK)
        message->flow = work->flow;
    if (kind == KIND_CALL)
        push(t, thread, message, true);
    step_of(t, message, thread);
}

/* It waits for messages: what it did is over, since when it stopped running. */
static void end_all_work(struct timeline *t, struct thread_row *thread)
{
    struct message_row *work = work_of(t, thread);

    if (work && t->pass == PASS_LINK && thread->stopped > work->began)
        work->ended = thread->stopped;
    pop_all(t, thread);
}

static void receive(struct timeline *t, const struct host_debug_event *event)
{
    const uint32_t number = (uint32_t)event->argument0;
    const bool is_answer = event->argument1 >> 32 == KIND_ANSWER;
    struct message_row *message = table_find(&t->messages, number);
    struct thread_row *thread = have_thread(t, (uint32_t)(event->argument0 >> 32));

    if (!thread)
        return;
    thread->woken.from = 0;
    if (!is_answer)
        end_all_work(t, thread);
    if (!message)
        return; /* it was sent before */
    if (!is_answer) {
        message->began = t->now;
        push(t, thread, message, false);
    }
    step_of(t, message, thread);
    if (is_answer)
        pop_through(t, thread, number, true);
}

/* ---- names ---- */

/* Eight characters more of it. */
static void write_name(struct timeline *t, char *name, size_t size,
                       const struct host_debug_event *event)
{
    const uint64_t place = event->argument0 >> 32;

    if (place >= size - 1) {
        (void)fail(t, "a name is too long");
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
        (void)fail(t, "a name is of no task");
}

static void name_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = have_thread(t, (uint32_t)event->argument0);

    if (thread)
        write_name(t, thread->name, sizeof thread->name, event);
}

static void create_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = have_thread(t, (uint32_t)event->argument0);

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
        json_instant(&t->json, thread ? track_of(thread) : track_of_cpu(cpu), t->now, kind->name,
                     argument_of(kind, 0, event->argument0),
                     argument_of(kind, 1, event->argument1));
}

/* What an interrupt does at once is told right behind it. */
static void interrupt(struct timeline *t, unsigned cpu, const struct host_debug_event *event)
{
    const struct event_kind *kind = &t->recording->kind[event->number];

    begin(t, track_of_interrupts(cpu), kind->name, argument_of(kind, 0, event->argument0),
          argument_of(kind, 1, event->argument1));
    t->cpu[cpu].interrupted = true;
}

static void end_interrupt(struct timeline *t, unsigned cpu)
{
    if (t->cpu[cpu].interrupted)
        end(t, track_of_interrupts(cpu));
    t->cpu[cpu].interrupted = false;
}

static void exit_thread(struct timeline *t, const struct host_debug_event *event)
{
    struct thread_row *thread = have_thread(t, (uint32_t)event->argument0);

    if (thread)
        pop_all(t, thread);
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
        return fail(t, "an event is of an unknown kind");
    if (event->moment > INT64_MAX)
        return fail(t, "an event's moment makes no sense");
    if (event->moment + BACK_MOST < t->cpu[cpu].last)
        return fail(t, "the events of a CPU are not in order");
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
        pop_all(t, thread);
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
        json_name_thread(&t->json, track_of_cpu(i), text);
        (void)snprintf(text, sizeof text, "CPU %u interrupts", i);
        json_name_thread(&t->json, track_of_interrupts(i), text);
    }
}

static void write_names(struct timeline *t)
{
    char text[LABEL];

    write_processors(t);
    for (const struct task_row *task = NULL;
         (task = table_next(&t->recording->tasks, task)) != NULL;)
        json_name_process(&t->json, task->id, task_name(t, task->id));
    for (const struct thread_row *thread = NULL;
         (thread = table_next(&t->recording->threads, thread)) != NULL;) {
        label(t, thread, text);
        json_name_thread(&t->json, track_of(thread), text);
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
