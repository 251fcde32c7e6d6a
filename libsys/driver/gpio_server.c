/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server of pins (interfaces/gpio.defs).
 *
 * A pin has one watcher: who asks last. One that has gone is found out when it is to be told. Its queue may be full: it has not looked at what
 * it was told before, and is not told the same again.
 */
#include <libsys/driver/class_server.h>
#include <libsys/stub.h>
#include <wharf/if/gpio.h>

/* Ids from here on are the kernel's notifications, which nobody is to feign. */
enum { IDS = 0x7e000000 };

static kern_return_t count(struct server_message *message, uint32_t *pins)
{
    const struct gpio_device *device = class_server_device(message);

    if (!device)
        return MIG_BAD_ID;
    *pins = device->pins;
    return KERN_SUCCESS;
}

static kern_return_t set_mode(struct server_message *message, uint32_t pin, uint32_t mode,
                              uint32_t function, uint32_t pull)
{
    struct gpio_device *device = class_server_device(message);

    return device ? device->ops->set_mode(device, pin, mode, function, pull) : MIG_BAD_ID;
}

static kern_return_t get(struct server_message *message, uint32_t pin, bool *level)
{
    struct gpio_device *device = class_server_device(message);

    if (!device)
        return MIG_BAD_ID;
    const kern_return_t kr = device->ops->get(device, pin, level);
    if (kr == KERN_SUCCESS && device->ops->arm)
        device->ops->arm(device, pin);
    return kr;
}

static kern_return_t set(struct server_message *message, uint32_t pin, bool level)
{
    struct gpio_device *device = class_server_device(message);

    return device ? device->ops->set(device, pin, level) : MIG_BAD_ID;
}

static void set_watcher(struct gpio_watcher *watcher, mach_port_name_t notify, uint32_t id)
{
    if (watcher->notify != MSG_NULL)
        stub_release_right(watcher->notify, MSG_MOVE_SEND);
    *watcher = (struct gpio_watcher){.notify = notify, .id = id};
}

static kern_return_t watch(struct server_message *message, uint32_t pin, uint32_t trigger,
                           uint32_t id, mach_port_name_t notify)
{
    struct gpio_device *device = class_server_device(message);
    struct gpio_server *server = message->context;

    if (!device)
        return MIG_BAD_ID;
    if (pin >= device->pins || pin >= GPIO_PINS_MAX)
        return KERN_INVALID_ARGUMENT;
    if (id >= IDS)
        return KERN_INVALID_VALUE;
    if (notify == MSG_NULL)
        trigger = GPIO_TRIGGER_OFF;
    const kern_return_t kr = device->ops->set_trigger(device, pin, trigger);
    if (kr != KERN_SUCCESS)
        return kr;
    if (trigger == GPIO_TRIGGER_OFF && notify != MSG_NULL) {
        stub_release_right(notify, MSG_MOVE_SEND);
        notify = MSG_NULL;
    }
    set_watcher(&server->watchers[pin], notify, id);
    return KERN_SUCCESS;
}

static void tell(struct gpio_server *server, uint32_t pin)
{
    struct gpio_device *device = server->class.device;
    struct gpio_watcher *watcher = &server->watchers[pin];
    const uint64_t body[MSG_REGISTER_BYTES / 8] = {pin};

    if (watcher->notify == MSG_NULL)
        return;
    const kern_return_t kr =
        stub_send(watcher->notify, MSG_COPY_SEND, watcher->id, body, WIRE_SHAPE(8, 0), 0);
    if (kr == KERN_SUCCESS || kr == MACH_SEND_TIMED_OUT)
        return;
    set_watcher(watcher, MSG_NULL, 0);
    (void)!device->ops->set_trigger(device, pin, GPIO_TRIGGER_OFF); /* it could be set, so it can */
}

void gpio_class_interrupt(struct gpio_server *server)
{
    struct gpio_device *device = server->class.device;
    const uint64_t told = device->ops->interrupt(device);

    for (uint32_t pin = 0; pin < GPIO_PINS_MAX; pin++)
        if (told >> pin & 1)
            tell(server, pin);
}

struct server_interface gpio_class(struct gpio_server *server)
{
    static const struct gpio_ops operations = {
        .count = count,
        .set_mode = set_mode,
        .get = get,
        .set = set,
        .watch = watch,
    };

    return gpio_interface(&operations, server);
}
