/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Servers of the classes whose clients ask and are answered: rtc, rng, clocks, firmware, power, gpio (interfaces/NAME.defs). A driver fills
 * in its device, which has been initialised and started, and serves:
 *
 *      struct class_server clock;
 *      class_server_check_in(&driver, &clock, NULL, &pl031.rtc);
 *      struct server_interface interface = rtc_class(&clock);
 *      driver_serve(&driver, &interface, 1);
 *
 * L1 A request is for the device whose port it came through: a program that serves several answers MIG_BAD_ID to what is asked at
 *    the port of another. So a right to one class is none to the others.
 * L2 Nothing here lasts longer than the device's own functions, and these say how long they take.
 */
#pragma once

#include <libsys/driver/clocks_device.h>
#include <libsys/driver/driver.h>
#include <libsys/driver/firmware_device.h>
#include <libsys/driver/gpio_device.h>
#include <libsys/driver/power_device.h>
#include <libsys/driver/rng_device.h>
#include <libsys/driver/rtc_device.h>

/** One device, served at one port. */
struct class_server {
    void *device;          /* of the class: struct rtc_device *, ... */
    mach_port_name_t port; /* receive right */
};

/** The receive right of the service. class: its class, with the instance's name that the argument `service=` has; NULL: that service itself.
 *  Ends the program if it cannot be had. */
void class_server_check_in(struct driver *driver, struct class_server *server, const char *class,
                           void *device);

/** The device of a request, or NULL: it came through another port (L1). */
void *class_server_device(const struct server_message *message);

/* Rows for driver_serve(). */
struct server_interface rtc_class(struct class_server *server);
struct server_interface rng_class(struct class_server *server);
struct server_interface clocks_class(struct class_server *server);
struct server_interface firmware_class(struct class_server *server);
struct server_interface power_class(struct class_server *server);

/** Somebody who wants to be told of a pin. */
struct gpio_watcher {
    mach_port_name_t notify; /* send right; 0: nobody */
    uint32_t id;             /* of the messages */
};

struct gpio_server {
    struct class_server class; /* first */
    struct gpio_watcher watchers[GPIO_PINS_MAX];
};

struct server_interface gpio_class(struct gpio_server *server);
/** The device's interrupt came: tells the watchers. */
void gpio_class_interrupt(struct gpio_server *server);
