/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between the files of timeline.h: timeline.c goes through the events, activity.c knows what each thread does, and draws it and the flows.
 */
#pragma once

#include "json.h"
#include "timeline.h"

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

enum { LABEL = TASK_NAME_SIZE + THREAD_NAME_SIZE + 16 };

/** No argument. */
static const struct argument none = {.name = NULL};

/* ---- activity.c ---- */
/** What is wrong with the recording; the first counts. False. */
bool timeline_fail(struct timeline *t, const char *error);
/** Where it is told which thread a CPU runs. */
struct track timeline_track_of_cpu(unsigned cpu);
/** Where its interrupts are. */
struct track timeline_track_of_interrupts(unsigned cpu);
/** A thread's own. */
struct track timeline_track_of(const struct thread_row *thread);
/** The row of a thread. NULL: there is no memory, or no such thread can be; timeline_fail() has been told. */
struct thread_row *timeline_have_thread(struct timeline *t, uint32_t id);
/** A task's name, "?": it is not known. */
const char *timeline_task_name(const struct timeline *t, uint32_t id);
/** "task", or "task: thread". */
void timeline_label(const struct timeline *t, const struct thread_row *thread, char text[LABEL]);
/** A slice begins now, if this is the pass that writes. */
void timeline_begin(struct timeline *t, struct track track, const char *name, struct argument a,
                    struct argument b);
/** The innermost slice ends. */
void timeline_end(struct timeline *t, struct track track);
/** The thread's turn is not shown any more, if it was. */
void timeline_end_turn(struct timeline *t, struct thread_row *thread);
/** All that the thread does ends. */
void timeline_pop_all(struct timeline *t, struct thread_row *thread);
/** It begins to wait for the answer to a call, or to work for a message. */
void timeline_push(struct timeline *t, struct thread_row *thread, const struct message_row *message,
                   bool is_call);
/** That has ended, and with it what it did within. */
void timeline_pop_through(struct timeline *t, struct thread_row *thread, uint32_t message,
                          bool is_call);
/** The message that it works for; NULL: it does what it wants. */
struct message_row *timeline_work_of(const struct timeline *t, const struct thread_row *thread);
/** The flow that a message is part of, by the message that it began with. */
struct message_row *timeline_flow_of(const struct timeline *t, const struct message_row *message);
/** A flow comes to this track. */
void timeline_step(struct timeline *t, const struct message_row *message, struct track track);
/** A flow comes to a thread, if that has a slice an arrow could come from. */
void timeline_step_of(struct timeline *t, const struct message_row *message,
                      const struct thread_row *thread);
/** A flow that an interrupt began comes to another one. */
void timeline_join(struct timeline *t, struct message_row *from, const struct message_row *to);
/** The same of what a thread works for; NULL: of nothing. */
struct message_row *timeline_flow_of_work(const struct timeline *t,
                                          const struct thread_row *thread);
/** The thread has gone on with what it was about when it was woken. */
void timeline_join_woken(struct timeline *t, struct thread_row *thread);
