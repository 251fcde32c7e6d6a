/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager and the kernel together (world.h). A game: cards are taken into use, tasks do this and that to their memory, pages leave and come back; in the end
 * each page is what was written there, everything has gone, and all accounts are as they were when the machine was switched on. What has to hold on
 * the way: a page shows what was written there, or, if its card could not read it, or lied, an error; who waits goes on.
 *
 *      test_together              long games: everything goes wrong now and then, the pager dies again and again
 *      test_together deaths       short ones: the pager dies at the k-th of its calls, before it or in its midst, for each k
 *      test_together failures     the same with the n-th allocation of the kernel failing, for each n
 *
 *      WHARF_SEED, WHARF_RUNS (games, or kinds of short ones), WHARF_STEPS (of one), WHARF_FIRST (k or n to begin with), WHARF_EACH (the distance to the next)
 */
#include "together.h"

#include "world.h"

#include <string.h>
#include <sys/mman.h>

enum { SHORT = 60, LONG = 6000, LOOK_AFTER = 500 };

/* Of all games; shared with children. */
static struct totals {
    bool came; /* what the last game was played for */
    uint64_t steps, events, calls, begun, deaths, errors, spoiled, vanished;
    uint64_t hash;
    uint64_t reads, writes, forks, lost, stores, loads, rescues, unchanged, tier, card,
        written_back, discarded;
} * totals;

struct game {
    uint64_t seed, steps, at; /* k or n */
    enum { GAME_LONG, GAME_DEATHS, GAME_FAILURES } kind;
};

/* ---- one game ---- */

/* Until the pager says so, whoever dies meanwhile. */
static void insist_on(kern_return_t wanted, kern_return_t kr)
{
    static unsigned attempts;
    attempts = kr == wanted ? 0 : attempts + 1;
    if (attempts == 1000)
        world_fail("the pager says %d again and again", (int)kr);
    (void)world_event(true);
}

static void begin_cards(void)
{
    kern_return_t kr = KERN_TERMINATED;
    devices_begin();
    program_forget_state();
    for (; kr != KERN_SUCCESS && kr != KERN_EXISTS; insist_on(KERN_SUCCESS, kr))
        kr = memory_swap_on(0, 1);
}

static void end_cards(void)
{
    world.calm = true;
    for (unsigned i = 0; i < WORLD_DEVICES; i++)
        for (kern_return_t kr = KERN_SUCCESS; kr != KERN_NOT_FOUND; insist_on(KERN_NOT_FOUND, kr))
            kr = memory_swap_off(i);
    world_settle();
    const struct host_memory_swap facts = together_facts();
    CHECK_EQUAL(facts.slots, 0);
    CHECK_EQUAL(facts.used, 0);
    CHECK_EQUAL(facts.in_flight, 0);
    CHECK(facts.lost <= 2 * world.spoiled); /* a word that is wrong may lie across two pages */
    totals->stores += facts.stores;
    totals->loads += facts.loads;
    totals->rescues += facts.rescues;
    totals->unchanged += facts.unchanged;
    world_kill();
    devices_end();
}

static void step(void)
{
    if (world.kill_one_in > 0 && one_in(world.kill_one_in))
        kernel_strike();
    if (one_in(2))
        memory_step();
    else
        (void)world_event(false);
}

static void settle(void)
{
    world_settle();
    memory_check();
}

/* Of a short one: another card comes, and the first goes. */
static void change_cards(uint64_t i, uint64_t steps)
{
    if (i == steps / 3)
        (void)memory_swap_on(1, 2);
    if (i == steps / 3 * 2)
        (void)memory_swap_off(0);
}

static void play_steps(uint64_t steps)
{
    begin_cards();
    memory_begin();
    memory_push(50);
    for (uint64_t i = 1; i <= steps; i++) {
        step();
        if (steps < LOOK_AFTER)
            change_cards(i, steps);
        if (i % LOOK_AFTER == 0)
            settle();
    }
    settle();
    totals->came |= trouble_came();
    world.shortages = false;
    memory_end();
    end_cards();
}

/* ---- games ---- */

/* Of long ones, by the seed: nothing fails; cards do not store; they do not load, or lie; all of that, and allocations fail. But in the first, cards vanish now
 * and then. */
static void choose_trouble(const struct game *game)
{
    static const unsigned writes[] = {0, 10, 0, 30}, reads[] = {0, 0, 4, 2};
    const unsigned which = (unsigned)(game->seed - 1) % 4;
    world = (struct world){.write_errors = writes[which],
                           .read_errors = reads[which],
                           .vanish = which != 0,
                           .shortages = which == 3,
                           .kill_one_in = 400};
}

/* Of short ones only what they are played for; every second k another task ends the pager's, in the midst of that call. */
static void choose(const struct game *game)
{
    if (game->kind == GAME_LONG)
        choose_trouble(game);
    else
        world = (struct world){.calls_to_death = game->kind == GAME_DEATHS ? game->at : 0,
                               .struck = (game->at + game->seed / 2) % 2 == 1};
    if (game->kind == GAME_FAILURES) {
        world.shortages = true;
        trouble_nth(game->at);
    }
}

static void add_up(const struct game *game)
{
    totals->steps += game->steps;
    totals->events += world.events;
    totals->calls += world.calls;
    totals->begun += world.begun;
    totals->deaths += world.deaths;
    totals->errors += world.errors;
    totals->spoiled += world.spoiled;
    totals->vanished += world.vanished;
    totals->tier += world.tier;
    totals->card += world.card;
    totals->written_back += world.written_back;
    totals->discarded += world.discarded;
    totals->reads += memory_counts.reads;
    totals->writes += memory_counts.writes;
    totals->forks += memory_counts.forks;
    totals->lost += memory_counts.lost;
    if (game->kind == GAME_DEATHS)
        totals->came |= world.calls >= game->at;
}

static void play_game(void *argument)
{
    static const char *const names[] = {"", " deaths", " failures"};
    static char line[200];
    const struct game *game = argument;
    uint64_t row = game->seed;
    snprintf(line, sizeof(line),
             "WHARF_SEED=%llu WHARF_RUNS=1 WHARF_STEPS=%llu WHARF_FIRST=%llu test_together%s",
             (unsigned long long)game->seed, (unsigned long long)game->steps,
             (unsigned long long)game->at, names[game->kind]);
    host_set_repeat_line(line);
    chance = host_random(&row);
    ipc_start(game->seed, 1 + (unsigned)(game->seed - 1) % 3, false);
    enter();
    together_begin();
    totals->came = false;
    choose(game);
    play_steps(game->steps);
    together_end();
    ipc_end();
    totals->hash = host_machine_hash();
    add_up(game);
}

/* For each `at`, until there is none. */
static bool play_each(struct game game)
{
    const uint64_t each = parameter("WHARF_EACH", 1);
    for (game.at = parameter("WHARF_FIRST", 1 + game.seed % each);; game.at += each) {
        if (!world_in_child(play_game, &game))
            return false;
        if (!totals->came)
            break;
    }
    printf("game %llu: up to %llu\n", (unsigned long long)game.seed, (unsigned long long)game.at);
    return true;
}

/* One seed gives one game. */
static bool repeats(struct game game)
{
    uint64_t hash[2];
    for (unsigned i = 0; i < 2; i++) {
        if (!world_in_child(play_game, &game))
            return false;
        hash[i] = totals->hash;
    }
    if (hash[0] != hash[1])
        printf("the same seed gave two different games\n");
    return hash[0] == hash[1];
}

static void tell_totals(void)
{
    printf(
        "%llu steps, %llu of the pager and its cards, which made %llu calls, began %llu times and died %llu times; "
        "%llu errors of cards, %llu of them of reading or wrong, %llu times one vanished\n",
        (unsigned long long)totals->steps, (unsigned long long)totals->events,
        (unsigned long long)totals->calls, (unsigned long long)totals->begun,
        (unsigned long long)totals->deaths, (unsigned long long)totals->errors,
        (unsigned long long)totals->spoiled, (unsigned long long)totals->vanished);
    printf(
        "%llu pages went out, %llu unchanged, %llu came back, %llu were rescued; %llu read, %llu written, %llu not to be had; %llu forks\n",
        (unsigned long long)totals->stores, (unsigned long long)totals->unchanged,
        (unsigned long long)totals->loads, (unsigned long long)totals->rescues,
        (unsigned long long)totals->reads, (unsigned long long)totals->writes,
        (unsigned long long)totals->lost, (unsigned long long)totals->forks);
    printf(
        "%llu pages went to the tier, %llu of them to a card later, %llu to a card at once; cards were told of %llu that nobody needs\n",
        (unsigned long long)totals->tier, (unsigned long long)totals->written_back,
        (unsigned long long)totals->card, (unsigned long long)totals->discarded);
}

int main(int argc, char **argv)
{
    fix_addresses(argv);
    totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 1;
    const char *kind = argc > 1 ? argv[1] : "";
    struct game game = {.kind = strcmp(kind, "deaths") == 0     ? GAME_DEATHS
                                : strcmp(kind, "failures") == 0 ? GAME_FAILURES
                                                                : GAME_LONG};
    const bool is_long = game.kind == GAME_LONG;
    const uint64_t first = parameter("WHARF_SEED", 1), runs = parameter("WHARF_RUNS", 4);
    game.steps = parameter("WHARF_STEPS", is_long ? LONG : SHORT);
    for (game.seed = first; game.seed < first + runs; game.seed++)
        if (is_long ? !world_in_child(play_game, &game) : !play_each(game))
            return 1;
    game.seed = first;
    if (is_long && runs > 1 && !repeats(game))
        return 1;
    tell_totals();
    return 0;
}
