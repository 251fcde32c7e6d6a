/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of devices (kern/device.h: V4, V5).
 */
#include <kern/device.h>
#include <kern/kmem.h>
#include <kern/kobj.h>
#include <kern/log.h>
#include <kern/port.h>
#include <kern/string.h>

static KMEM_CACHE(device_cache, struct device);
static work_step_t end_step;

kern_return_t device_init(const struct board *board)
{
    device_check_init(board);
    return device_tree_init(board);
}

static void put_lines(struct device *device)
{
    for (unsigned i = 0; i < device->lines; i++)
        irq_line_put(device->line[i]);
    device->lines = 0;
}

static kern_return_t get_lines(struct device *device, struct ledger *ledger,
                               const struct device_description *what)
{
    kern_return_t kr = KERN_SUCCESS;
    for (unsigned i = 0; i < what->lines && kr == KERN_SUCCESS; i++) {
        kr = irq_line_get(ledger, what->line[i].number, what->line[i].edge, &device->line[i]);
        device->lines += kr == KERN_SUCCESS;
    }
    return kr;
}

static void fill_in(struct device *device, const struct device_description *what)
{
    atomic_init(&device->references, 1);
    spin_init(&device->lock, LOCK_DEVICE);
    work_init(&device->work, end_step, PRIORITY_REAP);
    (void)format_text(device->name, sizeof(device->name), "%s", what->name);
    (void)format_text(device->bus, sizeof(device->bus), "%s", what->bus ? what->bus : "");
    device->moves_data = what->dma;
    device->ranges = what->ranges;
    for (unsigned i = 0; i < what->ranges; i++)
        device->range[i] = what->range[i];
    device_dma_init(&device->dma, what->window, what->dma ? what->windows : 0, what->coherent);
}

kern_return_t device_create(struct ledger *ledger, const struct device_description *what,
                            struct kright *control)
{
    void *memory;
    kern_return_t kr = device_check(what);
    if (kr == KERN_SUCCESS)
        kr = kmem_alloc(&device_cache, ledger, &memory);
    if (kr != KERN_SUCCESS)
        return kr;
    struct device *device = memory;
    fill_in(device, what);
    kr = get_lines(device, ledger, what);
    if (kr == KERN_SUCCESS)
        kr = port_create_kobject(ledger, KOBJECT_DEVICE, device, &device->port);
    if (kr != KERN_SUCCESS) {
        put_lines(device);
        kmem_free(&device_cache, ledger, device);
        return kr;
    }
    ledger_ref(ledger);
    device->ledger = ledger;
    *control = port_send_right(device->port);
    return KERN_SUCCESS;
}

void device_ref(struct device *device)
{
    atomic_fetch_add_explicit(&device->references, 1, memory_order_relaxed);
}

void device_unref(struct device *device)
{
    if (atomic_fetch_sub_explicit(&device->references, 1, memory_order_acq_rel) != 1)
        return;
    struct ledger *ledger = device->ledger;
    put_lines(device);
    kmem_free(&device_cache, ledger, device);
    ledger_unref(ledger);
}

/* What is in quarantine keeps the record by the references of its holds. */
void device_let_go_locked(struct device *device)
{
    if (device->given_up)
        device_dma_given_up(&device->dma);
}

/* The port's lock is held; the rest is the work item's. */
void device_ended(struct device *device)
{
    work_start(&device->work);
}

/* V4: nobody can open it any more. A session keeps it, and what is in quarantine keeps its record, for nobody will ever say that
 * the device leaves it alone. */
static bool end_step(struct work *work)
{
    struct device *device = container_of(work, struct device, work);
    struct kright nobody = {0};
    port_destroy_kobject(device->port);
    spin_lock(&device->lock);
    device->given_up = true;
    if (!device->session) { /* none will ever end */
        nobody = device->closed;
        device->closed = (struct kright){0};
        device_let_go_locked(device);
    }
    spin_unlock(&device->lock);
    kright_destroy(&nobody);
    device_unref(device);
    return false;
}
