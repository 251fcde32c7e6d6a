/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device manager as a program: what it holds, and its parts.
 *
 * M1 Nothing depends on it while it is away. What it finds out at its start depends on the tree, the archive and the devices' registers; drivers
 *    belong to the supervisor. So when it starts anew it does all of it again, and the supervisor finds that it has every recipe already.
 * M2 It calls the kernel's objects, and the supervisor with a deadline: no driver, no client. A recipe that could not be handed over is handed over later.
 * M3 A right to a device's control is held until the supervisor has the recipe, and given up then.
 */
#pragma once

#include "devices.h"
#include "functions.h"

#include <libsys/archive.h>
#include <libsys/driver/driver.h>
#include <libsys/stub.h>

/** What a handing over has come to. */
enum handing { HANDING_NOT, HANDING_DONE, HANDING_REFUSED };

/** A recipe on its way to the supervisor. */
struct handed {
    mach_port_name_t control; /* send right; 0: none, or no more */
    enum handing handing;
};

struct manager {
    struct driver driver;
    mach_port_name_t host_devices;
    mach_port_name_t supervisor;
    struct archive archive;
    void *blob; /* the tree, with our overlays on it */
    size_t blob_size;
    struct tree tree;
    struct manifest_set manifests;
    struct device_set devices;
    struct handed device[DEVICES_MAX]; /* by place in `devices` */
    struct function_set functions;
    struct handed function[FUNCTIONS_MAX]; /* by place in `functions` */
};

extern struct manager manager;

/** A line in the log. */
#define manager_log(...) device_log(&manager.driver.environment, __VA_ARGS__)

/* ---- inputs.c ---- */

/** Archive, tree, overlays, manifests. What is wrong with a part is told and the part left out; without a tree there are no devices. */
void inputs_read(void);

/* ---- hardware.c ---- */

/** Make device ports of all devices that may have a driver, look into registers where that decides, and give up those of the rest. */
void hardware_make(void);

/* ---- programs.c ---- */

/** Hand the recipes of all devices over, as far as that has not happened. */
void programs_add(void);
/** The same for one function, whose control is given up on success only. */
kern_return_t programs_add_function(struct function *function);
/** It is gone: its program is stopped. Its recipe stays, and so its name, should it come again. */
void programs_lost(struct function *function);
/** Its place in `functions` is needed: its program is stopped, if it was not, and nothing is remembered of it. */
void programs_drop(struct function *function);
/** What becomes of a program, in words; false: the supervisor does not say. */
bool programs_state(const char *name, struct text *out);

/* ---- saved.c ---- */

/** Remember functions in memory that outlives this program, if the system description gives it any, and take up those of before. */
void saved_open(void);
void saved_write(const struct function *function);
void saved_forget(const struct function *function);

/* ---- requests.c ---- */

/** Check the services in, and serve. */
[[gnu::noreturn]] void requests_serve(void);
