/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of svc-test share.
 */
#pragma once

#include <libsys/check.h>
#include <stdbool.h>
#include <stdint.h>
#include <wharf/error.h>
#include <wharf/if/supervisor_types.h>
#include <wharf/if/svc_types.h>
#include <wharf/message.h>

#define OK(call)         CHECK_EQUAL(call, KERN_SUCCESS)
#define FAILS(call, why) CHECK_EQUAL(call, why)
#define MILLISECOND      UINT64_C(1000000)

/** Where the supervisor is asked. */
extern mach_port_name_t svc_supervisor;

/** A server's service (looked up by its name). */
mach_port_name_t svc_look_up(const char *service);
/** The instance that serves; 0: nobody, and that is a failure of the test. */
uint32_t svc_number(mach_port_name_t service);
/** The same while instances are ended from outside. The call that an ended one has taken is lost, and known to be; those behind it are not. */
uint32_t svc_ask(mach_port_name_t service);

/** The supervisor's row of a program. */
struct supervisor_row svc_row(const char *name);
/** Wait until it is in this state. */
struct supervisor_row svc_wait_state(const char *name, enum supervisor_state state);
void svc_sleep(uint64_t nanoseconds);

/* The parts. */
void check_failures_of_servers(void); /* svc-test-failures.c */
void check_back_off(void);
void check_core(const char *program); /* svc-test-core.c: the newest core is this one's */
void check_storm(unsigned kills);     /* svc-test-storm.c */
void check_add(void);                 /* svc-test-add.c */
void check_copies(void);              /* svc-test-copies.c */
