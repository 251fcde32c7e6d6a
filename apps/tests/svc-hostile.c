/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends the supervisor what it should not get: other ids and shapes, notifications and exceptions that nobody sent, rights and memory. It has
 * taken no harm when it still answers, and none of it is left there. Provides svc.hostile. Ends with the number of failures.
 */
#include <libsys/check.h>
#include <libsys/kernel.h>
#include <libsys/memory.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <wharf/if/exception.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/supervisor.h>
#include <wharf/wire.h>

#define OK(call) CHECK_EQUAL(call, KERN_SUCCESS)

enum { ROUNDS = 200, NAMES = 300, PAGE = 4096 };

static mach_port_name_t me(void)
{
    return program_start_info->task;
}

static mach_port_name_t supervisor(void)
{
    return program_start_info->bootstrap;
}

static uint64_t drawn = 88172645463325252;

static uint64_t draw(void)
{
    drawn ^= drawn << 13;
    drawn ^= drawn >> 7;
    drawn ^= drawn << 17;
    return drawn;
}

static mach_port_name_t make_port(void)
{
    mach_port_name_t port = MSG_NULL;
    OK(port_allocate(me(), PORT_RIGHT_RECEIVE, &port));
    return port;
}

/* It still names services, and still refuses. */
static void answers(void)
{
    mach_port_name_t port;
    CHECK_EQUAL(service_look_up(supervisor(), "svc.nobody", &port), KERN_NO_ACCESS);
    CHECK_EQUAL(service_get_right(supervisor(), "device", &port), KERN_NOT_FOUND);
}

/* ---- any id, any length, any descriptors ---- */

static void send_garbage(uint32_t id)
{
    uint64_t body[64] = {0};
    struct msg_descriptor *descriptor = (struct msg_descriptor *)body;
    const unsigned descriptors = (unsigned)draw() % 4;
    for (unsigned i = 2 * descriptors; i < 64; i++)
        body[i] = draw();
    for (unsigned i = 0; i < descriptors; i++)
        descriptor[i] = (struct msg_descriptor){.value = program_start_info->host,
                                                .disposition = MSG_COPY_SEND};
    const uint32_t length = descriptors * MSG_DESCRIPTOR_SIZE + (uint32_t)(draw() % 40) * 8;
    (void)!stub_send(supervisor(), MSG_COPY_SEND, id, body, WIRE_SHAPE(length, descriptors),
                     UINT64_MAX);
}

static void garbage(void)
{
    static const uint32_t bases[] = {
        SERVICE_ID_LOOK_UP, SUPERVISOR_ID_LIST, EXCEPTION_ID_RAISE, MSG_ID_PORT_DELETED, 0,
        0xffffff00};
    for (unsigned i = 0; i < ROUNDS; i++)
        for (unsigned base = 0; base < sizeof(bases) / sizeof(bases[0]); base++)
            send_garbage(bases[base] + (uint32_t)(draw() % 16));
    answers();
}

/* ---- exceptions that did not happen ---- */

static void exceptions(void)
{
    CHECK(exception_raise(supervisor(), MSG_NULL, MSG_NULL, 1, 1, 1, 1) != KERN_SUCCESS);
    CHECK(exception_raise(supervisor(), program_start_info->thread, program_start_info->host, 99, 1,
                          1, 1) != KERN_SUCCESS);
    answers();
}

/* ---- notices that the kernel did not send ---- */

/* The right that the kernel was to tell the supervisor by, taken away. */
static mach_port_name_t take_notice(mach_port_name_t *service)
{
    mach_port_name_t notice = MSG_NULL;
    OK(service_check_in(supervisor(), "svc.hostile", service));
    OK(port_cancel_notification(me(), *service, MSG_ID_PORT_DESTROYED, &notice));
    CHECK(notice != MSG_NULL);
    return notice;
}

/* Names are small numbers: the supervisor's own, for its tasks and services, are among these. */
static void says_dead(uint32_t name)
{
    mach_port_name_t service;
    const mach_port_name_t notice = take_notice(&service);
    const uint64_t body[8] = {name};
    OK(stub_send(notice, MSG_MOVE_SEND_ONCE, MSG_ID_DEAD_NAME, body, WIRE_SHAPE(8, 0), UINT64_MAX));
    stub_release_right(service, MSG_MOVE_RECEIVE); /* it dies: the next has another port */
}

static void sends_strange_port(void)
{
    mach_port_name_t service;
    const mach_port_name_t notice = take_notice(&service);
    union {
        struct msg_descriptor descriptor;
        uint64_t word[8];
    } body = {.descriptor = {.value = make_port(), .disposition = MSG_MOVE_RECEIVE}};
    body.word[2] = 1;
    OK(stub_send(notice, MSG_MOVE_SEND_ONCE, MSG_ID_PORT_DESTROYED, body.word, WIRE_SHAPE(24, 1),
                 UINT64_MAX));
    stub_release_right(service, MSG_MOVE_RECEIVE);
}

/* A service that dies is given a new port a moment later, and one that was given up is back a moment later. */
static mach_port_name_t check_in(void)
{
    mach_port_name_t service = MSG_NULL;
    kern_return_t kr = KERN_BUSY;
    for (unsigned i = 0; i < 1000 && kr != KERN_SUCCESS; i++) {
        kr = service_check_in(supervisor(), "svc.hostile", &service);
        if (kr != KERN_SUCCESS)
            OK(kernel_sleep_until(kernel_clock_now() + 100000));
    }
    OK(kr);
    return service;
}

static void wait_for_service(void)
{
    stub_release_right(check_in(), MSG_MOVE_RECEIVE);
    answers();
}

static void notices(void)
{
    for (uint32_t i = 1; i < NAMES; i += 7) {
        says_dead(i << 16 | 1);
        wait_for_service();
    }
    says_dead(0);
    wait_for_service();
    says_dead(MSG_DEAD);
    wait_for_service();
    sends_strange_port();
    wait_for_service();
}

/* ---- memory ---- */

static void memory(void)
{
    static char page[PAGE];
    mach_port_name_t name;
    CHECK(memory_send(supervisor(), 1, page, PAGE, false, 0) != KERN_SUCCESS);
    answers();
    /* Nor does a service's port take any: its provider may have less than there is in one message. */
    const mach_port_name_t service = check_in();
    OK(port_insert_made_send(me(), service, service, &name));
    CHECK_EQUAL(memory_send(service, 1, page, PAGE, false, 0), MACH_SEND_TOO_LARGE);
    stub_release_right(name, MSG_MOVE_SEND);
    stub_release_right(service, MSG_MOVE_RECEIVE);
}

int main(void)
{
    garbage();
    exceptions();
    notices();
    memory();
    return (int)check_failures();
}
