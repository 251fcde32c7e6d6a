/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power domains that the firmware has in hand. Its numbers are those of the device tree plus one.
 */
#include "bcm_mailbox.h"

enum { GET_DOMAIN = 0x00030030, SET_DOMAIN = 0x00038030 };
enum { DOMAINS = 32 }; /* numbers that can be one */

/* Asks and sees to it that the answer is of the same domain. */
static kern_return_t ask(struct firmware_device *firmware, uint32_t tag, uint32_t domain,
                         uint32_t *state)
{
    uint32_t value[2] = {domain + 1, *state}, answered = 0;
    kern_return_t kr;

    if (domain >= DOMAINS)
        return KERN_NOT_FOUND;
    kr = firmware_property_of(firmware, tag, value, 2, &answered);
    if (kr != KERN_SUCCESS)
        return kr;
    if (answered < 2 || value[0] != domain + 1)
        return KERN_FAILURE;
    *state = value[1];
    return KERN_SUCCESS;
}

kern_return_t bcm_domain_get(struct firmware_device *firmware, uint32_t domain, bool *on)
{
    uint32_t state = 0;
    kern_return_t kr = ask(firmware, GET_DOMAIN, domain, &state);

    if (kr != KERN_SUCCESS)
        return kr;
    *on = state & 1;
    return state <= 1 ? KERN_SUCCESS : KERN_NOT_FOUND;
}

kern_return_t bcm_domain_set(struct firmware_device *firmware, uint32_t domain, bool on)
{
    uint32_t state = on;
    kern_return_t kr = ask(firmware, SET_DOMAIN, domain, &state);

    if (kr != KERN_SUCCESS)
        return kr;
    if (state > 1)
        return KERN_NOT_FOUND;
    return state == on ? KERN_SUCCESS : KERN_FAILURE;
}
