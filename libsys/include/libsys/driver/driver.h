/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every driver program is built on: its rights, its device's registers, interrupts and memory, and the loop in which it
 * serves. The logic of the device knows none of this (<libsys/device_logic.h>). A driver's main() is
 *
 *      struct driver driver;
 *      driver_begin(&driver, argc, argv);          its device port, its port set, the answer to heartbeats
 *      driver_map(&driver, 0, &registers, &size);  registers
 *      driver_listen(&driver, 0, WAITED);          the interrupt
 *      ... start the device ...
 *      driver_serve(&driver, interfaces, count);   for good
 *
 * Everything that fails at the start ends the program with a line in the log: the supervisor tries again.
 *
 * D1 One thread runs the device and serves; another answers service_control.ping and tells until when the first may take
 *    (`busy_until`). So a driver that hangs is found out, and one that waits for a slow card is not.
 * D2 The interrupt line stays quiet from its message until `acknowledged`, which goes with the next receive (WAITED: the next
 *    wait for it): the device has been served by then. Quiet for others at the same line too: one that is shared, as PCI's are, is SERVED
 *    whenever the driver is idle.
 * D5 A driver that is asked to stop gives back what the device was told of, if the device leaves it alone: else the kernel would keep
 *    it for a next driver to say so, and there may be none.
 * D6 Others may have devices on the same line, and all of them have to acknowledge. So what is WAITED for is acknowledged by the loop
 *    as it comes while nobody waits.
 * D3 Nothing here waits for a client.
 * D4 A thread that receives loses the reply it holds (<wharf/message.h>: MSG_REPLY): who waits for an interrupt in the midst of a request
 *    gives the reply a name first.
 */
#pragma once

#include <libsys/device_logic.h>
#include <libsys/server.h>
#include <libsys/thread.h>
#include <stdatomic.h>
#include <user/registers.h>
#include <wharf/if/device_types.h>

enum {
    DRIVER_LINES_MAX = 4,
    DRIVER_INTERFACES_MAX = 8,
    DRIVER_MEMORIES_MAX = 8,
    /* Ids of messages that are the driver's own, outside of every interface. */
    DRIVER_MESSAGE_INTERRUPT = 0x7e000001,
    DRIVER_MESSAGE_STOP = 0x7e000002,
};

/** How interrupts of a line come. */
enum driver_listening {
    WAITED, /* to environment.wait_interrupt() */
    SERVED, /* to driver.interrupt(), from the loop */
};

struct driver;
struct shared_area;
typedef void driver_interrupt_t(struct driver *driver, unsigned line);
typedef void driver_tick_t(struct driver *driver);
/** A port died, or has no senders any more: body as <wharf/message.h> says. The kernel said so: what clients send with such an id does not get
 *  here. */
typedef void driver_notification_t(struct driver *driver, uint32_t id,
                                   const struct server_message *message);

struct driver_line {
    mach_port_name_t interrupt; /* send right; 0: not bound */
    mach_port_name_t port;      /* its messages come here */
    enum driver_listening listening;
    bool owed;  /* WAITED: one has come and is not acknowledged */
    bool apart; /* WAITED: its port is not in the set: somebody waits for it, or just has (D6) */
};

struct driver {
    const char *name;
    int argument_count;
    char **arguments;
    mach_port_name_t device;  /* session (device.defs); 0: the program has none */
    mach_port_name_t control; /* receive right: service_control */
    mach_port_name_t set;     /* what the loop receives from */
    struct device_facts facts;
    struct device_environment environment;
    struct driver_line line[DRIVER_LINES_MAX];
    _Atomic uint64_t busy_until; /* D1; or DRIVER_IDLE, DRIVER_BUSY */
    _Atomic uint64_t received;   /* messages; by the loop alone */
    uint64_t received_seen,
        busy_seen; /* the heartbeat's: at the last ping, and when that first showed */
    struct thread heartbeat;
    struct dma_memory memory[DRIVER_MEMORIES_MAX]; /* D5: what driver_memory() gave */
    struct shared_area *areas;                     /* D5: of clients (<libsys/driver/area.h>) */
    mach_port_name_t stop_port; /* the heartbeat tells the loop here that it should stop */

    struct server_message *answering; /* D4: the request that the loop is at; NULL: none */

    /* The program's, before driver_serve(). */
    void *context;
    driver_interrupt_t *interrupt;
    driver_notification_t *notification;
    driver_tick_t *tick; /* at tick_at, if that is not 0 */
    driver_tick_t *stop; /* put the device to rest, say driver_at_rest(); the program ends then */
    uint64_t tick_at;
};

/** Fill *driver. Ends the program if that cannot be. */
void driver_begin(struct driver *driver, int argc, char **argv);
/** A line in the log, and the end of the program with status 1. */
[[gnu::noreturn, gnu::format(printf, 2, 3)]] void driver_fail(struct driver *driver,
                                                              const char *format, ...);

/** Value of the argument `name=`; NULL: there is none. */
const char *driver_argument(const struct driver *driver, const char *name);
/** The same as a number, decimal or 0x; `otherwise` if there is none or it is no number. */
uint64_t driver_number(const struct driver *driver, const char *name, uint64_t otherwise);

/** Hertz of the clock that the argument `name=` tells: a number, or SERVICE:NUMBER of a clocks provider, who is asked and has a second to
 *  answer. 0: unknown. */
uint64_t driver_clock(struct driver *driver, const char *name);

/** Map the device's range number `index`. Errors: device.memory, vm.map. */
kern_return_t driver_map(struct driver *driver, unsigned index, struct registers *registers,
                         uint64_t *size);
/** Memory for the device (device.dma_allocate), mapped until the driver's end. KERN_LIMIT: it has DRIVER_MEMORIES_MAX. */
kern_return_t driver_memory(struct driver *driver, size_t size, struct dma_memory *out);
/** Bind the device's line number `line`. Errors: device.interrupt, port.allocate. */
kern_return_t driver_listen(struct driver *driver, unsigned line, enum driver_listening listening);
/** A line that was WAITED for is SERVED from here on. */
void driver_serve_line(struct driver *driver, unsigned line);
/** The device has been reset (device.quiesced). */
kern_return_t driver_quiesced(struct driver *driver);

/** When it stops: the device has been reset, and does not touch memory any more. All of that is given back, and is not there any more (D5). */
void driver_at_rest(struct driver *driver);

/** The receive right of the service that the argument `service=` names, in the set. */
kern_return_t driver_check_in(struct driver *driver, mach_port_name_t *service);
/** The same of a service that is named. */
kern_return_t driver_check_in_as(struct driver *driver, const char *name,
                                 mach_port_name_t *service);
/** A new port in the set, with a payload that messages through it bring. */
kern_return_t driver_port(struct driver *driver, uint64_t payload, mach_port_name_t *port);
/** A send right to another service. Errors: service.look_up. */
kern_return_t driver_look_up(struct driver *driver, const char *name, mach_port_name_t *service);

/** Say that the program is ready, and serve. Ends the program. `in` and `out` are as long as the interfaces need. */
[[gnu::noreturn]] void driver_serve(struct driver *driver, struct server_interface *interfaces,
                                    unsigned count);

/** Longest time that one message, or what comes after one wait for the device, takes: a driver that needs more hangs. */
#define DRIVER_TAKES (2 * DEVICE_SECOND)
#define DRIVER_IDLE  UINT64_C(0)
#define DRIVER_BUSY  UINT64_C(1) /* with one message, since somewhen */
/** What is being done takes until then, or DRIVER_. */
static inline void driver_busy(struct driver *driver, uint64_t until)
{
    atomic_store_explicit(&driver->busy_until, until, memory_order_relaxed);
}
