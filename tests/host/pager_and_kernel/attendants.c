/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads that the pager has for its cards (pager/attendant.c). They run one at a time, when they are given a turn, while the main thread waits; a turn ends
 * where they would wait. When the program dies, each returns from wherever it is.
 */
#include "program.h"

#include "world.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>

static struct attendant {
    bool used, ended, leaves;
    pthread_t thread;
    sem_t turn;
    struct thread *of;
    jmp_buf end;
} attendants[PAGER_AREAS];
static sem_t turn_is_over;
static struct attendant *whose_turn; /* NULL: the main thread's */

static void give_turn(struct attendant *to)
{
    whose_turn = to;
    (void)sem_post(&to->turn);
    (void)sem_wait(&turn_is_over);
    whose_turn = NULL;
}

static void end_turn(void)
{
    struct attendant *self = whose_turn;

    (void)sem_post(&turn_is_over);
    (void)sem_wait(&self->turn);
    if (self->leaves)
        longjmp(self->end, 1);
}

static void *attendant_main(void *argument)
{
    struct attendant *self = argument;

    (void)sem_wait(&self->turn);
    if (!self->leaves && setjmp(self->end) == 0)
        self->of->function(self->of->argument);
    self->ended = true;
    (void)sem_post(&turn_is_over);
    return NULL;
}

kern_return_t world_thread_start(struct thread *thread, thread_function_t *function, void *argument,
                                 unsigned priority)
{
    struct attendant *new = attendants;

    (void)priority;
    while (new->used)
        if (++new == attendants + PAGER_AREAS)
            world_fail("more attendants than cards");
    thread->function = function;
    thread->argument = argument;
    *new = (struct attendant){.used = true, .of = thread};
    (void)sem_init(&new->turn, 0, 0);
    (void)sem_init(&turn_is_over, 0, 0); /* nobody has a turn */
    if (pthread_create(&new->thread, NULL, attendant_main, new) != 0)
        world_fail("no thread");
    return KERN_SUCCESS;
}

static void end_attendant(struct attendant *attendant)
{
    while (!attendant->ended)
        give_turn(attendant);
    (void)pthread_join(attendant->thread, NULL);
    (void)sem_destroy(&attendant->turn);
    attendant->used = false;
}

void world_thread_join(struct thread *thread)
{
    for (unsigned i = 0; i < PAGER_AREAS; i++)
        if (attendants[i].used && attendants[i].of == thread)
            end_attendant(&attendants[i]);
}

void world_wait_while(_Atomic uint32_t *word, uint32_t value)
{
    while (atomic_load(word) == value)
        end_turn();
}

void world_word_set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
}

kern_return_t world_sleep_until(uint64_t deadline)
{
    if (whose_turn)
        end_turn();
    else
        kernel_pass_time(deadline - kernel_now());
    return KERN_SUCCESS;
}

/* ---- for the main thread ---- */

bool attendants_event(void)
{
    const uint64_t from = world_below(PAGER_AREAS);

    for (unsigned i = 0; i < PAGER_AREAS; i++) {
        struct card *card = &program.card[(from + i) % PAGER_AREAS];
        for (unsigned n = 0; n < PAGER_AREAS && card->state != CARD_NONE; n++)
            if (attendants[n].used && attendants[n].of == &card->thread && !attendants[n].ended &&
                !attendant_rests(card)) {
                give_turn(&attendants[n]);
                return true;
            }
    }
    return false;
}

void attendants_end(void)
{
    for (unsigned i = 0; i < PAGER_AREAS; i++) {
        if (!attendants[i].used)
            continue;
        attendants[i].leaves = true;
        end_attendant(&attendants[i]);
    }
}
