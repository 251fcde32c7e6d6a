/* SPDX-License-Identifier: BSD-2-Clause */
/* Data of commands: by ADMA2, by SDMA, or word by word through the controller's buffer (sdhci.h). */
#include "sdhci.h"

#include <string.h>

enum {
    SDMA_BOUNDARY_CODE = 7 << 12, /* SDHCI_SDMA_BOUNDARY, the longest */
};

/* ---- ADMA2 ---- */

/* Writes descriptors for `left` bytes of segments until the table is full; returns for how many bytes they are. */
static uint64_t fill_table(struct sdhci *h, const struct dma_segment *segments, unsigned count,
                           uint64_t offset, uint64_t left)
{
    struct adma_descriptor *table = h->table.at;
    unsigned room = (unsigned)(h->table.size / sizeof(*table)), used = 0;
    uint64_t described = 0;

    for (unsigned i = 0; i < count && left > 0 && used < room; i++) {
        uint64_t bus = segments[i].bus, length = segments[i].length;

        if (offset >= length) {
            offset -= length;
            continue;
        }
        bus += offset;
        length -= offset;
        offset = 0;
        if (bus % 4 != 0 || length % 4 != 0 || bus >> 32 != 0 || (bus + length - 1) >> 32 != 0)
            break;
        if (length > left)
            length = left;
        while (length > 0 && used < room) {
            uint32_t piece = length < ADMA_LENGTH_MAX ? (uint32_t)length : ADMA_LENGTH_MAX;

            table[used++] = (struct adma_descriptor){.attributes = ADMA_VALID | ADMA_TRANSFER,
                                                     .length = (uint16_t)piece,
                                                     .address = (uint32_t)bus};
            bus += piece;
            length -= piece;
            left -= piece;
            described += piece;
        }
    }
    if (used > 0)
        table[used - 1].attributes |= ADMA_END;
    return described;
}

kern_return_t sdhci_describe(struct sdhci *h, const struct dma_segment *segments, unsigned count,
                             uint64_t offset, uint64_t bytes, uint64_t *described)
{
    uint64_t done;

    if (!h->can_adma)
        return KERN_NOT_SUPPORTED;
    done = fill_table(h, segments, count, offset, bytes);
    if (done % 512 != 0) /* segments that are no whole blocks, and more than the table holds */
        done = fill_table(h, segments, count, offset, done - done % 512);
    if (done == 0)
        return KERN_NOT_SUPPORTED;
    *described = done;
    return KERN_SUCCESS;
}

/* ---- Before the command ---- */

void sdhci_data_prepare(struct sdhci *h, const struct sdhci_data *data)
{
    uint32_t size = data->block_size;

    if (data->way == SDHCI_BY_ADMA2) {
        sdhci_write(h, SDHCI_ADMA, (uint32_t)h->table.bus);
    } else if (data->way == SDHCI_BY_SDMA) {
        sdhci_write(h, SDHCI_SDMA, data->bus);
        size |= SDMA_BOUNDARY_CODE;
    }
    sdhci_write(h, SDHCI_BLOCK, size | (uint32_t)data->blocks << 16);
}

/* ---- After it ---- */

/* A time-out of the data with their end at once is none, says the specification. */
static bool is_end(uint32_t status)
{
    return (status & STATUS_TRANSFER) != 0 && (status & STATUS_ERRORS & ~STATUS_DATA_TIMEOUT) == 0;
}

/* Nothing was heard for a while. Some controllers forget to tell of the end of a write; it shows in their count. */
static bool ended_silently(struct sdhci *h, const struct sdhci_data *data)
{
    const uint32_t busy = PRESENT_COMMAND | PRESENT_DATA | PRESENT_ACTIVE;

    return h->kind->confirm_writes && data->write && data->stop &&
           (sdhci_read(h, SDHCI_PRESENT) & busy) == 0 && sdhci_read(h, SDHCI_BLOCK) >> 16 == 0;
}

static kern_return_t wait_end(struct sdhci *h, struct sdhci_command *c, uint64_t limit)
{
    const struct device_environment *e = h->environment;
    uint64_t deadline = 0;
    uint32_t bus = c->data->bus, wanted = STATUS_TRANSFER;

    if (c->data->way == SDHCI_BY_SDMA)
        wanted |= STATUS_DMA;
    for (;;) {
        uint64_t now = device_now(e), slice = now + SDHCI_LOST_INTERRUPT;
        uint32_t status;

        if (deadline == 0)
            deadline = now + limit;
        status = sdhci_wait_status(h, wanted, slice < deadline ? slice : deadline);
        if (is_end(status))
            return KERN_SUCCESS;
        if ((status & (STATUS_ERROR | STATUS_ERRORS)) != 0) {
            h->last_status = status;
            return sdhci_status_error(status);
        }
        if ((status & STATUS_DMA) != 0) {
            sdhci_write(h, SDHCI_STATUS, STATUS_DMA);
            bus = (bus | (SDHCI_SDMA_BOUNDARY - 1)) + 1;
            sdhci_write(h, SDHCI_SDMA, bus);
        } else {
            status = sdhci_read(h, SDHCI_STATUS);
            /* A card that refuses sends no data, and not every controller calls that an error. */
            if ((status & STATUS_COMMAND) != 0 &&
                (sdhci_read(h, SDHCI_RESPONSE) & c->errors) != 0 && !is_end(status)) {
                c->response[0] = sdhci_read(h, SDHCI_RESPONSE);
                return KERN_MEMORY_ERROR;
            }
            if (ended_silently(h, c->data))
                return KERN_SUCCESS;
        }
        if (device_now(e) >= deadline) {
            h->last_status = sdhci_read(h, SDHCI_STATUS);
            return KERN_OPERATION_TIMED_OUT;
        }
    }
}

/* One block through the buffer: so many words, whatever the controller does meanwhile. */
static void move_block(struct sdhci *h, const struct sdhci_data *data, uint8_t *at)
{
    for (uint32_t i = 0; i < data->block_size; i += 4) {
        uint32_t word;

        if (data->write) {
            memcpy(&word, at + i, 4);
            register_write32(&h->registers, SDHCI_DATA, word);
        } else {
            word = sdhci_read(h, SDHCI_DATA);
            memcpy(at + i, &word, 4);
        }
    }
}

static kern_return_t move_blocks(struct sdhci *h, const struct sdhci_data *data, uint64_t deadline)
{
    uint32_t ready = data->write ? STATUS_WRITE : STATUS_READ;
    uint8_t *at = data->at;

    for (uint32_t i = 0; i < data->blocks; i++, at += data->block_size) {
        uint32_t status = sdhci_wait_status(h, ready, deadline);

        h->last_status = status;
        if ((status & (STATUS_ERROR | STATUS_ERRORS)) != 0)
            return sdhci_status_error(status);
        if ((status & ready) == 0)
            return KERN_OPERATION_TIMED_OUT;
        sdhci_write(h, SDHCI_STATUS, ready);
        move_block(h, data, at);
    }
    return KERN_SUCCESS;
}

kern_return_t sdhci_data_finish(struct sdhci *h, struct sdhci_command *c, uint64_t limit)
{
    if (c->data->way == SDHCI_BY_PIO) {
        kern_return_t kr = move_blocks(h, c->data, device_now(h->environment) + limit);

        if (kr != KERN_SUCCESS)
            return kr;
    }
    return wait_end(h, c, limit);
}
