/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registration of exception handlers (interfaces/exception_ports.defs). The place comes from the port that was
 * called: a task's, a thread's or host_tasks.
 */
#include <kern/exception.h>
#include <kern/kcall.h>
#include <kern/port.h>
#include <wharf/if/exception_ports_kernel.h>

/* Which handler of the place. */
static kern_return_t choose(const struct exception_place *from, uint32_t slot,
                            struct exception_place *out)
{
    *out = *from;
    if (slot == EXCEPTION_PORTS_SLOT_HANDLER)
        return KERN_SUCCESS;
    if (slot != EXCEPTION_PORTS_SLOT_DEBUGGER || from->slot != EXCEPTION_OF_TASK)
        return KERN_INVALID_VALUE;
    out->slot = EXCEPTION_OF_DEBUGGER;
    return KERN_SUCCESS;
}

/* Take the right, and have what was there before in `handler`. */
static kern_return_t swap(struct exception_place *target, uint32_t slot, uint32_t flavour,
                          uint32_t mask, struct kright *port, struct exception_handler *handler)
{
    struct exception_place place;
    kern_return_t kr = choose(target, slot, &place);
    if (kr != KERN_SUCCESS)
        return kr;
    if (flavour != (uint8_t)flavour)
        return KERN_INVALID_VALUE;
    *handler = (struct exception_handler){.port = *port, .mask = mask, .flavour = (uint8_t)flavour};
    kr = exception_swap(&place, handler);
    if (kr == KERN_SUCCESS)
        *port = (struct kright){0};
    return kr;
}

/* As a reply tells it: a flavour that exists, and a right of the kind that was declared, or none. */
static void tell(const struct exception_handler *handler, uint32_t *flavour, uint32_t *mask,
                 struct kright *port)
{
    *flavour = handler->flavour ? handler->flavour : (uint8_t)EXCEPTION_PORTS_FLAVOUR_RIGHTS;
    *mask = handler->mask;
    *port = handler->port;
}

kern_return_t kexception_ports_set(struct kcall *call, struct exception_place *target,
                                   uint32_t slot, uint32_t flavour, uint32_t mask,
                                   struct kright *port)
{
    struct exception_handler handler;
    (void)call;
    kern_return_t kr = swap(target, slot, flavour, mask, port, &handler);
    if (kr == KERN_SUCCESS)
        kright_destroy(&handler.port);
    return kr;
}

kern_return_t kexception_ports_get(struct kcall *call, struct exception_place *target,
                                   uint32_t slot, uint32_t *flavour, uint32_t *mask,
                                   struct kright *port)
{
    struct exception_place place;
    struct exception_handler handler;
    (void)call;
    kern_return_t kr = choose(target, slot, &place);
    if (kr == KERN_SUCCESS)
        kr = exception_get(&place, &handler);
    if (kr == KERN_SUCCESS)
        tell(&handler, flavour, mask, port);
    return kr;
}

kern_return_t kexception_ports_swap(struct kcall *call, struct exception_place *target,
                                    uint32_t slot, uint32_t flavour, uint32_t mask,
                                    struct kright *port, uint32_t *old_flavour, uint32_t *old_mask,
                                    struct kright *old_port)
{
    struct exception_handler handler;
    (void)call;
    kern_return_t kr = swap(target, slot, flavour, mask, port, &handler);
    if (kr == KERN_SUCCESS)
        tell(&handler, old_flavour, old_mask, old_port);
    return kr;
}
