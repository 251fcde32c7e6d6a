/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What POSIX says of processes, in arrays that are looked through: the process server is compared with it after each call.
 */
#pragma once

#include "table.h"

enum { MODEL_MAX = 24, MODEL_SIGNALS = 65 };

struct model_process {
    bool there;
    int32_t pid, parent; /* pid; 0: init */
    int32_t pgid, sid;
    int32_t program; /* the adopted one that it descends from */
    bool adopted;    /* it is one still */
    enum process_state state;
    int32_t status;
    bool stop_news, continue_news, executed;
    uint64_t ignored, mine;
    uint32_t child_flags;
    unsigned queued[MODEL_SIGNALS]; /* waiting, with what comes with them */
    uint64_t bare;                  /* waiting without */
    bool lost;    /* its task ended without saying so: what it used is not known */
    bool leaving; /* it has ended, and its task's end has not been told */
    mach_port_name_t task;
};

extern struct model_process model[MODEL_MAX];

void model_reset(void);
/** NULL: there is none; or (pid 0) there is no room. */
struct model_process *model_find(int32_t pid);
struct model_process *model_add(int32_t pid, int32_t parent, mach_port_name_t task);
unsigned model_count(void);
uint64_t model_pending(const struct model_process *p);

/** As exit() and signals do it: status as wait() tells it. */
void model_end(struct model_process *p, int32_t status);
/** The tasks of those that ended are gone: their parents hear of it. */
void model_settle(void);
/** 0 or an errno. */
int model_send(struct model_process *p, uint32_t number);
int model_kill(struct model_process *sender, int32_t pid, uint32_t number);
int model_set_group(struct model_process *caller, int32_t pid, int32_t group);
int model_new_session(struct model_process *caller);
void model_dispose(struct model_process *p, uint64_t signals, uint32_t disposition, uint32_t flags);
uint32_t model_take(struct model_process *p, uint64_t blocked);
/** Children that wait() could be told of now; *any: there are some that it could be told of at all. At most MODEL_MAX. */
unsigned model_news(const struct model_process *p, int32_t pid, uint32_t options,
                    struct model_process *out[MODEL_MAX], bool *any);
/** It executed a program with these signals its own. */
void model_exec(struct model_process *p, mach_port_name_t task, uint64_t mine);
/** It was told. */
void model_told(struct model_process *child);

/** compare.c: what is due comes about, and then all that can be asked of the server is as here. */
void model_compare(void);
