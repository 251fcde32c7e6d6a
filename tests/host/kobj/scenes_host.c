/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's ports, the clock and timers.
 */
#include "kobj_world.h"

#include <string.h>

#define MS UINT64_C(1000000)

/* From the first that is left to the last, in order; and past the end there is nothing. What is asked is traced itself. */
static void see_events(void)
{
    struct host_debug_event events[HOST_DEBUG_EVENTS_MAX];
    char name[32], argument0[32], argument1[32];
    uint64_t position = 0, next, moment = 0, seen = 0;
    uint32_t cpu, count, before, none;
    /* To look is an event, too. */
    OK(host_debug_set_trace_mask(me.debug, 0, &before));
    do {
        OK(host_debug_trace(me.debug, position, &cpu, &next, events, &count));
        CHECK(next >= position + count && count <= HOST_DEBUG_EVENTS_MAX);
        for (uint32_t i = 0; i < count; i++, seen++) {
            CHECK(events[i].moment >= moment);
            moment = events[i].moment;
            OK(host_debug_trace_name(me.debug, events[i].number, name, argument0, argument1));
            CHECK(name[0] != '\0' && argument0[0] != '\0' && argument1[0] != '\0');
        }
        position = next;
    } while (count == HOST_DEBUG_EVENTS_MAX);
    CHECK(seen > 0);
    OK(host_debug_set_trace_mask(me.debug, before, &none));
    OK(host_debug_trace(me.debug, UINT64_MAX, &cpu, &next, events, &count));
    CHECK(count == 0 && next == UINT64_MAX);
    CHECK_EQUAL(host_debug_trace_name(me.debug, 9999, name, argument0, argument1),
                KERN_INVALID_VALUE);
}

/* What is said while another has the console is in the log, and nowhere else. */
static void check_log(void)
{
    static uint8_t text[HOST_DEBUG_TEXT_MAX + 1];
    uint64_t end, next = 0, from;
    uint32_t size;
    bool prints;
    do
        OK(host_debug_read_log(me.debug, next, &next, text, &size));
    while (size > 0);
    end = next;
    OK(host_debug_set_console(me.debug, false, &prints, &from));
    CHECK(prints);
    CHECK_EQUAL(from, end);
    host_console_clear();
    OK(host_debug_console_write(me.debug, "not printed\n", 12));
    CHECK(strcmp(host_console_text(), "") == 0);
    OK(host_debug_set_console(me.debug, true, &prints, &from));
    CHECK(!prints);
    CHECK_EQUAL(from, end + 12);
    OK(host_debug_read_log(me.debug, end, &next, text, &size));
    CHECK_EQUAL(size, 12);
    CHECK_EQUAL(next, end + 12);
    text[size] = 0;
    CHECK(strcmp((char *)text, "not printed\n") == 0);
    /* Behind the head, and before the oldest. */
    OK(host_debug_read_log(me.debug, UINT64_MAX, &next, text, &size));
    CHECK_EQUAL(size, 0);
    CHECK_EQUAL(next, end + 12);
    OK(host_debug_read_log(me.debug, 0, &next, text, &size));
    CHECK(size > 12);
}

/* Who asks runs; how long a CPU was idle does not become less. */
static void see_cpus(void)
{
    struct host_cpu_statistics before, after;
    unsigned runnable = 0;
    for (unsigned i = 0; i < cpu_number(); i++) {
        OK(host_cpu_statistics(me.host, i, &before));
        OK(host_cpu_statistics(me.host, i, &after));
        CHECK(before.online == 1 && after.idle >= before.idle);
        runnable += after.runnable;
    }
    CHECK(runnable > 0);
    CHECK_EQUAL(host_cpu_statistics(me.host, cpu_number(), &before), KERN_INVALID_VALUE);
    CHECK_EQUAL(host_cpu_statistics(me.host, UINT32_MAX, &before), KERN_INVALID_VALUE);
}

/* By whom tasks were made counts, also when those in between are gone. */
static void see_family(void)
{
    uint32_t child, grandchild, name;
    bool below;
    OK(task_create(me.task, 0, "child", NULL, 0, MSG_NULL, &child, &name));
    OK(task_create(child, 0, "grandchild", NULL, 0, MSG_NULL, &grandchild, &name));
    OK(host_tasks_is_below(me.tasks, grandchild, me.task, &below));
    CHECK(below);
    OK(host_tasks_is_below(me.tasks, grandchild, child, &below));
    CHECK(below);
    OK(host_tasks_is_below(me.tasks, child, grandchild, &below));
    CHECK(!below);
    OK(host_tasks_is_below(me.tasks, me.task, me.task, &below));
    CHECK(!below);
    OK(task_terminate(child, 0));
    drop_name(child);
    OK(host_tasks_is_below(me.tasks, grandchild, me.task, &below));
    CHECK(below);
    CHECK_EQUAL(host_tasks_is_below(me.tasks, me.host, me.task, &below), KERN_INVALID_TASK);
    CHECK_EQUAL(host_tasks_is_below(me.tasks, me.task, MSG_NULL, &below), KERN_INVALID_TASK);
    OK(task_terminate(grandchild, 0));
    drop_name(grandchild);
}

void scene_host_ports(void)
{
    struct host_facts facts;
    struct host_statistics statistics;
    uint32_t t[8], lines, clock, before;
    uint64_t now, later, step, frequency;
    char text[64];
    enter();
    OK(host_info(me.host, &facts));
    CHECK(facts.page_size == 4096 && facts.cpus_online == cpu_number());
    OK(host_version(me.host, text));
    OK(host_statistics(me.host, &statistics));
    CHECK(statistics.kernel_objects > 0 && statistics.free_frames > 0);
    OK(host_get_clock(me.host, &clock));
    CHECK_EQUAL(clock, me.clock);
    drop_name(clock);
    OK(clock_now(me.clock, &now));
    OK(clock_now(me.clock, &later));
    CHECK(later >= now);
    OK(clock_resolution(me.clock, &step, &frequency));
    CHECK(step > 0 && frequency > 0);
    OK(host_time_set(me.time, 7000 * SECOND));
    OK(clock_wall(me.clock, &now));
    CHECK(now >= 7000 * SECOND && now < 7001 * SECOND);
    OK(host_irq_info(me.irq, &lines));
    CHECK(lines > 0);
    host_console_clear();
    OK(host_debug_console_write(me.debug, "said by a program\n", 18));
    CHECK(strstr(host_console_text(), "said by a program") != NULL);
    check_log();
    OK(host_memory_add_entropy(me.memory, (const uint8_t *)"what a device has", 17));
    OK(host_memory_add_entropy(me.memory, NULL, 0));
    OK(host_debug_set_trace_mask(me.debug, 0, &before));
    OK(host_debug_set_trace_mask(me.debug, before, &before));
    see_events();
    OK(host_tasks_tasks(me.tasks, 0, &t[0], &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]));
    CHECK(t[0] == me.task && t[1] == 0);
    drop_name(t[0]);
    OK(host_tasks_set_max_priority(me.tasks, me.task, 200));
    OK(host_tasks_set_essential(me.tasks, me.task, true));
    OK(host_tasks_set_essential(me.tasks, me.task, false));
    see_cpus();
    see_family();
}

static uint32_t timer_new(void)
{
    uint32_t timer;
    OK(clock_create_timer(me.clock, &timer));
    return timer;
}

static bool has_message(uint32_t port)
{
    unsigned error = perform(me.actor, (struct message){.receive = port, .deadline = PAST});
    CHECK(error == KERN_SUCCESS || error == MACH_RCV_TIMED_OUT);
    return error == KERN_SUCCESS;
}

void scene_timer_once(void)
{
    bool was;
    enter();
    uint32_t port = own_port(), timer = timer_new();
    uint64_t moment = clock_now_value() + 5 * MS;
    OK(timer_arm_once(timer, moment, 0x77, 0x1234, port));
    rest();
    CHECK(!has_message(port));
    pass_time(10 * MS);
    CHECK(has_message(port));
    CHECK(got_id(me.actor) == 0x1234 && got_word(me.actor, 0) == 0x77 &&
          got_word(me.actor, 1) == moment && got_word(me.actor, 2) == 1);
    OK(timer_cancel(timer, &was));
    CHECK(!was);
    OK(timer_arm_once(timer, 1, 0x78, 0x1235, port)); /* the past */
    rest();
    CHECK(has_message(port) && got_id(me.actor) == 0x1235);
    OK(timer_arm_once(timer, clock_now_value() + SECOND, 0, 1, port));
    OK(timer_cancel(timer, &was));
    CHECK(was);
    GIVES(KERN_INVALID_CAPABILITY, timer_arm(timer, 1, 0, 0, 1, 0));
    GIVES(KERN_INVALID_ARGUMENT, timer_arm(timer, 1, 5, 0, 1, port));
    drop_name(timer);
}

void scene_timer_interval(void)
{
    enter();
    uint32_t port = own_port(), timer = timer_new();
    uint64_t told = 0, start = clock_now_value();
    OK(timer_arm(timer, start + MS, MS, 3, 0x99, port));
    pass_time(20 * MS); /* one message, however often it rang */
    while (has_message(port)) {
        CHECK(got_word(me.actor, 0) == 3 && got_word(me.actor, 2) >= 1);
        told += got_word(me.actor, 2);
        CHECK_EQUAL(got_word(me.actor, 1), start + told * MS);
        if (told >= 40)
            break;
        pass_time(3 * MS + MS / 2);
    }
    CHECK(told >= 20);
    OK(port_mod_refs(me.task, port, PORT_RIGHT_RECEIVE, -1)); /* it stops by itself */
    pass_time(5 * MS);
    drop_name(timer);
}

/* The last right goes while it is armed, and while its message is queued. */
void scene_timer_ends(void)
{
    enter();
    uint32_t port = own_port(), timer = timer_new(), other = timer_new();
    OK(timer_arm(timer, clock_now_value() + MS, MS, 0, 1, port));
    OK(timer_arm(other, 1, MS, 0, 2, port));
    drop_name(timer);
    pass_time(5 * MS);
    drop_name(other);
    pass_time(5 * MS);
    CHECK(has_message(port) && got_id(me.actor) == 2);
    CHECK(!has_message(port));
}
