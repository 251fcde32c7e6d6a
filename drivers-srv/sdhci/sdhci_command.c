/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands of an SD host controller, and waiting for it (sdhci.h, H2 to H4). */
#include "sdhci.h"

enum {
    LOOKS = 4, /* at a status before its interrupt is asked for */
};

/* Longest a transfer may take: its latency, and half a megabyte a second. */
static uint64_t data_limit(const struct sdhci_data *data)
{
    return 2 * DEVICE_SECOND + (uint64_t)data->blocks * data->block_size * 2 * DEVICE_MICROSECOND;
}

uint32_t sdhci_wait_status(struct sdhci *h, uint32_t wanted, uint64_t moment)
{
    const struct device_environment *e = h->environment;
    uint32_t status;

    wanted |= STATUS_ERROR | STATUS_ERRORS;
    for (unsigned look = 0; look < LOOKS; look++) {
        status = sdhci_read(h, SDHCI_STATUS);
        if ((status & wanted) != 0)
            return status;
    }
    sdhci_write(h, SDHCI_SIGNAL, wanted & STATUS_NOTED);
    do {
        uint64_t until = device_now(e) + SDHCI_LOST_INTERRUPT;
        bool came = device_wait_interrupt(e, h->line, until < moment ? until : moment);

        status = sdhci_read(h, SDHCI_STATUS);
        if (!came && (status & wanted) != 0 && h->lost_interrupts++ == 0)
            device_log(e, "an interrupt was lost (status %08x)", status);
    } while ((status & wanted) == 0 && device_now(e) < moment);
    sdhci_write(h, SDHCI_SIGNAL, 0);
    return status & wanted ? status : 0;
}

/* What is wrong, from the upper half of a status. Errors of the command come first: without it there are no data. */
kern_return_t sdhci_status_error(uint32_t status)
{
    if ((status & STATUS_COMMAND_TIMEOUT) != 0)
        return (status & STATUS_COMMAND_CRC) != 0 ? KERN_FAILURE : KERN_OPERATION_TIMED_OUT;
    if ((status & (STATUS_COMMAND_CRC | STATUS_COMMAND_END | STATUS_COMMAND_INDEX)) != 0)
        return KERN_BAD_FORMAT;
    if ((status & STATUS_ADMA) != 0)
        return KERN_INVALID_ADDRESS;
    if ((status & STATUS_DATA_TIMEOUT) != 0)
        return KERN_OPERATION_TIMED_OUT;
    if ((status & (STATUS_DATA_CRC | STATUS_DATA_END | STATUS_STOP)) != 0)
        return KERN_BAD_FORMAT;
    return KERN_FAILURE; /* too much current, or bits that mean nothing */
}

/* The lines are free for the command; not for long otherwise, for what came before has been waited for. */
static kern_return_t claim_lines(struct sdhci *h, const struct sdhci_command *c)
{
    const struct device_environment *e = h->environment;
    uint32_t busy = PRESENT_COMMAND;
    uint64_t limit;

    if (h->hung)
        return KERN_FAILURE;
    if ((c->flags & COMMAND_ABORT) != COMMAND_ABORT &&
        (c->data != NULL || (c->flags & COMMAND_RESPONSE) == COMMAND_BUSY))
        busy |= PRESENT_DATA;
    if ((sdhci_read(h, SDHCI_PRESENT) & busy) == 0)
        return KERN_SUCCESS;
    limit = device_now(e) + SDHCI_COMMAND_LIMIT;
    do {
        if (device_now(e) >= limit)
            return KERN_FAILURE;
        device_sleep(e, 100 * DEVICE_MICROSECOND);
    } while ((sdhci_read(h, SDHCI_PRESENT) & busy) != 0);
    return KERN_SUCCESS;
}

static uint32_t transfer_mode(const struct sdhci_data *data)
{
    uint32_t mode = 0;

    if (data->way != SDHCI_BY_PIO)
        mode |= MODE_DMA;
    if (!data->write)
        mode |= MODE_READ;
    if (data->blocks > 1 || data->stop)
        mode |= MODE_COUNT | MODE_MULTIPLE;
    if (data->stop)
        mode |= MODE_STOP;
    return mode;
}

static void read_response(struct sdhci *h, struct sdhci_command *c)
{
    c->response[0] = sdhci_read(h, SDHCI_RESPONSE);
    if ((c->flags & COMMAND_RESPONSE) == COMMAND_LONG)
        for (uint32_t i = 1; i < 4; i++)
            c->response[i] = sdhci_read(h, SDHCI_RESPONSE + 4 * i);
    else if (c->data != NULL && c->data->stop)
        c->response[3] = sdhci_read(h, SDHCI_RESPONSE + 12);
}

/* The card answers within microseconds: the status is looked at, and slept for in steps that grow. */
static uint32_t wait_answer(struct sdhci *h)
{
    const struct device_environment *e = h->environment;
    uint64_t limit = 0, step = 5 * DEVICE_MICROSECOND;
    uint32_t status;

    for (unsigned look = 0;; look++) {
        status = sdhci_read(h, SDHCI_STATUS);
        if ((status & (STATUS_COMMAND | STATUS_ERROR | STATUS_ERRORS)) != 0)
            return status;
        if (look < LOOKS)
            continue;
        if (limit == 0)
            limit = device_now(e) + SDHCI_COMMAND_LIMIT;
        else if (device_now(e) >= limit)
            return 0;
        device_sleep(e, step);
        if (step < DEVICE_MILLISECOND)
            step *= 2;
    }
}

/* The end of a busy signal is told like that of a transfer, by some controllers only at times: the line itself is asked as
 * well. */
static kern_return_t wait_busy(struct sdhci *h, const struct sdhci_command *c)
{
    const struct device_environment *e = h->environment;
    uint64_t limit = device_now(e) + (c->busy_limit != 0 ? c->busy_limit : SDHCI_COMMAND_LIMIT);

    for (;;) {
        uint64_t now = device_now(e), slice = now + SDHCI_LOST_INTERRUPT;
        uint32_t status = sdhci_wait_status(h, STATUS_TRANSFER, slice < limit ? slice : limit);

        if ((status & STATUS_TRANSFER) != 0 && (status & STATUS_ERRORS & ~STATUS_DATA_TIMEOUT) == 0)
            return KERN_SUCCESS; /* the end wins over the time-out, says the specification */
        if (status != 0) {
            h->last_status = status;
            return sdhci_status_error(status);
        }
        if ((sdhci_read(h, SDHCI_PRESENT) & (PRESENT_DAT0 | PRESENT_DATA)) == PRESENT_DAT0)
            return KERN_SUCCESS;
        if (device_now(e) >= limit)
            return KERN_OPERATION_TIMED_OUT;
    }
}

static kern_return_t finish_command(struct sdhci *h, struct sdhci_command *c)
{
    uint32_t status = wait_answer(h);

    h->last_status = status;
    if (status == 0)
        return KERN_OPERATION_TIMED_OUT;
    if ((status & (STATUS_ERROR | STATUS_ERRORS)) != 0)
        return sdhci_status_error(status);
    read_response(h, c);
    if ((c->response[0] & c->errors) != 0)
        return KERN_MEMORY_ERROR;
    return KERN_SUCCESS;
}

static kern_return_t finish(struct sdhci *h, struct sdhci_command *c)
{
    kern_return_t kr;

    if (c->data != NULL && c->data->way != SDHCI_BY_PIO) {
        /* One end for both: the answer is looked at when the data are there, or late. */
        kr = sdhci_data_finish(h, c, data_limit(c->data));
        if (kr == KERN_SUCCESS) {
            read_response(h, c);
            if ((c->response[0] & c->errors) != 0)
                kr = KERN_MEMORY_ERROR;
        }
        return kr;
    }
    kr = finish_command(h, c);
    if (kr != KERN_SUCCESS)
        return kr;
    if (c->data != NULL) {
        kr = sdhci_data_finish(h, c, data_limit(c->data));
        if (kr == KERN_SUCCESS && c->data->stop)
            c->response[3] = sdhci_read(h, SDHCI_RESPONSE + 12);
        return kr;
    }
    return (c->flags & COMMAND_RESPONSE) == COMMAND_BUSY ? wait_busy(h, c) : KERN_SUCCESS;
}

/* H3 */
static void give_up(struct sdhci *h, const struct sdhci_command *c)
{
    bool data = c->data != NULL || (c->flags & COMMAND_RESPONSE) == COMMAND_BUSY;

    if (sdhci_reset_part(h, RESET_COMMAND) == KERN_SUCCESS && data)
        (void)sdhci_reset_part(h, RESET_DATA);
    if (h->hung)
        device_log(h->environment, "the controller hangs in reset (status %08x)", h->last_status);
}

kern_return_t sdhci_execute(struct sdhci *h, struct sdhci_command *c)
{
    kern_return_t kr = claim_lines(h, c);
    uint32_t mode = 0, flags = c->flags;

    if (kr == KERN_SUCCESS) {
        sdhci_write(h, SDHCI_STATUS, UINT32_MAX); /* nothing stale is taken for an end */
        if (c->data != NULL) {
            sdhci_data_prepare(h, c->data);
            mode = transfer_mode(c->data);
            flags |= COMMAND_DATA;
        }
        sdhci_write(h, SDHCI_ARGUMENT, c->argument);
        register_publish_memory();
        sdhci_write(h, SDHCI_COMMAND, mode | flags << 16 | (uint32_t)c->index << 24);
        kr = finish(h, c);
        register_observe_memory();
    }
    if (kr != KERN_SUCCESS)
        give_up(h, c);
    return kr;
}
