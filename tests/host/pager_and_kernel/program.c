/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pager's program, and what it has of libsys (names.h). Its main thread is the test's: main() runs until it would serve, then it is given a
 * message at a time. Its attendants are threads that run one at a time, when they are given a turn; a turn ends where they would wait. When the program dies, its
 * main thread returns from wherever it is, and so does each attendant.
 */
#include "program.h"

#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#undef malloc
#undef free

enum {
    STATE = 12 * WORLD_PAGE, /* of the tier */
    INTERFACES = 3,
    MEMORIES = 8,
    STATE_NAME = 0x7fff0001, /* of its memory entry */
    EVENTS_NAME = 0x7fff0002,
    DIED = 1,
    SERVES = 2,
};

/* ---- life ---- */

static struct {
    jmp_buf end;
    struct server_interface interface[INTERFACES];
    unsigned interfaces;
    struct driver *driver;
    void *memory[MEMORIES];
    bool completed; /* the main thread is to look at its cards */
} life;
static uint64_t state[STATE / 8];
static char window[PAGER_WINDOW * PAGER_PAGE];
static struct {
    uint64_t at; /* of the window, for the kernel */
    struct {
        bool used;
        uint32_t request;
    } shown[PAGER_WINDOW];
} view;
static struct start_info start_info;
const struct start_info *world_start_info = &start_info;

void program_dies(void)
{
    longjmp(life.end, DIED);
}

void world_call(void)
{
    const bool by_chance = !world.calm && world.kill_one_in > 0 && world_one_in(world.kill_one_in);

    world.calls++;
    if (!by_chance && (world.calls_to_death == 0 || --world.calls_to_death > 0))
        return;
    if (by_chance ? !world_one_in(2) : !world.struck)
        program_dies();
    kernel_strike();
}

void program_forget_state(void)
{
    memset(state, 0, sizeof(state));
}

void *world_malloc(size_t size)
{
    for (unsigned i = 0; i < MEMORIES; i++)
        if (!life.memory[i])
            return life.memory[i] = malloc(size);
    world_fail("the pager allocates more than it says");
}

void world_free(void *memory)
{
    for (unsigned i = 0; i < MEMORIES; i++)
        if (life.memory[i] == memory)
            life.memory[i] = NULL;
    free(memory);
}

/* ---- what attendants tell ---- */

kern_return_t world_completed_until(mach_port_name_t port, uint64_t deadline)
{
    (void)deadline;
    if (port != program.events)
        world_fail("an attendant tells %x", port);
    life.completed = true;
    return KERN_SUCCESS;
}

/* ---- libsys/driver ---- */

void driver_begin(struct driver *driver, int argc, char **argv)
{
    (void)argc, (void)argv;
    memset(driver, 0, sizeof(*driver));
    life.driver = driver;
}

void driver_fail(struct driver *driver, const char *format, ...)
{
    (void)driver;
    if (!world_is_short())
        world_fail("the pager gives up: %s", format);
    longjmp(life.end, DIED);
}

const char *driver_argument(const struct driver *driver, const char *name)
{
    (void)driver, (void)name;
    return NULL;
}

uint64_t driver_number(const struct driver *driver, const char *name, uint64_t otherwise)
{
    (void)driver, (void)name;
    return otherwise;
}

kern_return_t driver_check_in_as(struct driver *driver, const char *name, mach_port_name_t *service)
{
    (void)driver, (void)name;
    *service = kernel_port(0);
    kernel_set_service(*service);
    return KERN_SUCCESS;
}

/* Who sends to `events` is in here. */
kern_return_t driver_port(struct driver *driver, uint64_t payload, mach_port_name_t *port)
{
    (void)driver;
    *port = payload == 0 ? EVENTS_NAME : kernel_port(payload);
    return KERN_SUCCESS;
}

void driver_serve(struct driver *driver, struct server_interface *interfaces, unsigned count)
{
    (void)driver;
    if (count > INTERFACES)
        world_fail("%u interfaces", count);
    memcpy(life.interface, interfaces, count * sizeof(*interfaces));
    life.interfaces = count;
    longjmp(life.end, SERVES);
}

kern_return_t server_keep_reply(struct server_message *message)
{
    world_call();
    if (message->reply != MSG_REPLY)
        return KERN_SUCCESS;
    const int64_t kept = kernel_keep_reply();
    if (kept < 0)
        return (kern_return_t)-kept;
    message->reply = (mach_port_name_t)kept;
    return KERN_SUCCESS;
}

/* ---- ports, memory, time ---- */

kern_return_t world_insert_made_send(mach_port_name_t task, mach_port_name_t name,
                                     mach_port_name_t port, mach_port_name_t *made)
{
    (void)task, (void)port;
    *made = name == EVENTS_NAME ? name : kernel_send_right(name);
    return KERN_SUCCESS;
}

/* Of a client's port: what comes there is devices_event()'s. */
kern_return_t world_move_member(mach_port_name_t task, mach_port_name_t member,
                                mach_port_name_t set)
{
    (void)task, (void)member, (void)set;
    return KERN_SUCCESS;
}

void world_release_right(mach_port_name_t name, unsigned kind)
{
    if (kind == MSG_MOVE_SEND_ONCE && port_deallocate(start_info.task, name) != KERN_SUCCESS)
        world_fail("the pager gives up what it has not: %x", name);
}

kern_return_t world_get_right(mach_port_name_t bootstrap, const char *name, mach_port_name_t *out)
{
    (void)bootstrap;
    if (strcmp(name, "state") != 0)
        world_fail("the pager wants %s", name);
    *out = STATE_NAME;
    return KERN_SUCCESS;
}

kern_return_t world_entry_info(mach_port_name_t entry, uint64_t *size, uint32_t *protection)
{
    (void)entry;
    *size = STATE;
    *protection = 0;
    return KERN_SUCCESS;
}

kern_return_t world_map(mach_port_name_t task, uint64_t address, uint64_t size, uint64_t offset,
                        uint32_t flags, mach_port_name_t memory, uint32_t protection,
                        uint32_t max_protection, uint32_t inheritance, uint64_t *at)
{
    (void)task, (void)address, (void)offset, (void)flags, (void)protection;
    (void)max_protection, (void)inheritance;
    if (memory != STATE_NAME || size != STATE)
        world_fail("the pager maps something else");
    *at = (uintptr_t)state;
    return KERN_SUCCESS;
}

kern_return_t world_unmap(mach_port_name_t task, uint64_t address, uint64_t size)
{
    (void)task, (void)address, (void)size;
    return KERN_SUCCESS;
}

uint64_t world_clock_now(void)
{
    return kernel_now();
}

uint64_t world_system_info(enum system_info selector)
{
    (void)selector;
    return UINT64_C(1) << 30;
}

void world_print(const char *format, ...)
{
    (void)format;
}

/* ---- the window (W3) ---- */

static void hide(uint32_t page)
{
    if (!view.shown[page].used)
        return;
    view.shown[page].used = false;
    kernel_write(view.at + (uint64_t)page * PAGER_PAGE, window + (size_t)page * PAGER_PAGE,
                 PAGER_PAGE);
}

static bool is_load(uint32_t request)
{
    for (unsigned i = 0; i < PAGER_JOBS; i++)
        if (program.pager.job[i].kind == JOB_LOAD && program.pager.job[i].request == request)
            return true;
    return false;
}

kern_return_t world_swap_window(mach_port_name_t control, uint32_t pages, uint64_t *address)
{
    world_call();
    const kern_return_t kr = client_swap_window(control, pages, &view.at);
    memset(view.shown, 0, sizeof(view.shown));
    memset(window, 0xa5, sizeof(window));
    *address = (uintptr_t)window;
    return kr;
}

kern_return_t world_swap_show(mach_port_name_t control, uint32_t request, uint32_t index,
                              uint32_t count, uint32_t page)
{
    world_call();
    for (uint32_t i = 0; i < count; i++)
        hide(page + i);
    const kern_return_t kr = client_swap_show(control, request, index, count, page);
    if (kr != KERN_SUCCESS)
        world_fail("a page cannot be shown: %d", (int)kr);
    for (uint32_t at = page; at < page + count; at++) {
        kernel_read(window + (size_t)at * PAGER_PAGE, view.at + (uint64_t)at * PAGER_PAGE,
                    PAGER_PAGE);
        view.shown[at].used = is_load(request);
        view.shown[at].request = request;
    }
    world_call();
    return kr;
}

kern_return_t world_swap_done(mach_port_name_t control, uint32_t request, bool ok)
{
    world_call();
    for (uint32_t page = 0; page < PAGER_WINDOW; page++)
        if (view.shown[page].request == request)
            hide(page);
    const kern_return_t kr = client_swap_done(control, request, ok);
    if (kr != KERN_SUCCESS)
        world_fail("a request cannot be ended: %d", (int)kr);
    world_call();
    return kr;
}

/* ---- other calls ---- */

kern_return_t world_swap_add_area(mach_port_name_t control, uint32_t count, uint32_t priority,
                                  const void *label, uint32_t label_size, uint32_t *first)
{
    world_call();
    const kern_return_t kr =
        client_swap_add_area(control, count, priority, label, label_size, first);
    world_call();
    return kr;
}

kern_return_t world_swap_drain(mach_port_name_t control, uint32_t first)
{
    world_call();
    const kern_return_t kr = client_swap_drain(control, first);
    world_call();
    return kr;
}

kern_return_t world_swap_keep(mach_port_name_t control, uint32_t first)
{
    world_call();
    const kern_return_t kr = client_swap_keep(control, first);
    world_call();
    return kr;
}

kern_return_t world_set_default_pager(mach_port_name_t host_memory, mach_port_name_t pager,
                                      mach_port_name_t *control)
{
    world_call();
    const kern_return_t kr = client_host_memory_set_default_pager(host_memory, pager, control);
    world_call();
    return kr;
}

/* ---- beginning and end ---- */

bool program_begin(void)
{
    static char name[] = "default-pager", *arguments[] = {name, NULL};
    const struct program_names names = kernel_begin_task();
    const int came = setjmp(life.end);

    if (came != 0)
        return came == SERVES;
    memset(&program, 0, sizeof(program));
    memset(&view, 0, sizeof(view));
    life.completed = false;
    start_info = (struct start_info){.task = names.task, .host_memory = names.host_memory};
    return program_main(1, arguments) == 0;
}

static void count(void)
{
    const struct pager_counts *counts = &program.pager.counts;

    world.tier += counts->stores_same + counts->stores_compressed;
    world.card += counts->stores_card;
    world.written_back += counts->written_back;
    world.discarded += counts->bytes_discarded / PAGER_PAGE;
}

void program_end(void)
{
    count();
    attendants_end();
    for (unsigned i = 0; i < MEMORIES; i++) {
        free(life.memory[i]);
        life.memory[i] = NULL;
    }
}

/* ---- events ---- */

static const struct server_interface *interface_of(uint32_t id)
{
    for (unsigned i = 0; i < life.interfaces; i++)
        if (id - life.interface[i].base < life.interface[i].numbers)
            return &life.interface[i];
    world_fail("the pager hears %x", id);
}

static void answer(const struct server_message *message, kern_return_t result)
{
    const uint32_t length = result == KERN_SUCCESS ? wire_length(message->out_shape) : 0;

    if (result == MIG_NO_REPLY || message->reply == MSG_NULL)
        return;
    world_call();
    if (!kernel_reply(message->reply, (uint32_t)result, message->out, length) &&
        message->reply != MSG_REPLY)
        world_release_right(message->reply, MSG_MOVE_SEND_ONCE);
}

static bool serve_message(void)
{
    static struct world_message came;
    static uint64_t out[512];

    if (!kernel_receive(&came))
        return false;
    world_call();
    struct server_message message = {.in = came.body, .out = out, .reply = came.reply};
    message.received.id = came.id;
    message.received.control = came.control;
    message.received.local = came.local;
    memcpy(message.received.word, came.body, sizeof(message.received.word));
    answer(&message, server_dispatch(interface_of((uint32_t)came.id), &message));
    return true;
}

static bool look(void)
{
    if (!life.completed)
        return false;
    life.completed = false;
    cards_look();
    return true;
}

static bool tell_of_the_dead(void)
{
    const uint64_t name = devices_dead_name();
    const struct server_message message = {.in = &name};

    if (name == 0)
        return false;
    life.driver->notification(life.driver, MSG_ID_DEAD_NAME, &message);
    return true;
}

static bool tick(void)
{
    struct driver *driver = life.driver;

    if (driver->tick_at == 0 || kernel_now() < driver->tick_at)
        return false;
    driver->tick_at = 0;
    driver->tick(driver);
    return true;
}

bool program_event(bool *died)
{
    static bool (*const kinds[])(void) = {serve_message, look, tell_of_the_dead, attendants_event,
                                          tick};
    enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
    static uint64_t from;
    static volatile bool any;

    *died = false;
    any = false;
    from = world_below(KINDS);
    if (setjmp(life.end) != 0) {
        *died = true;
        return true;
    }
    if (devices_event(false, &life.completed))
        return true;
    for (unsigned i = 0; i < KINDS && !any; i++)
        any = kinds[(from + i) % KINDS]();
    return any || devices_event(true, &life.completed);
}

/* ---- facts ---- */

unsigned program_waiting(void)
{
    return pager_waiting(&program.pager);
}
