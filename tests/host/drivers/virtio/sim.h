/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated virtio-mmio device, legacy or modern: a disk or a source of random numbers, honest but for its script. It checks what
 * the driver does: chains are well-formed, addresses are of memory that the device was given since its reset.
 */
#pragma once

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <user/registers.h>

enum { SIM_PENDING_MAX = 64, SIM_ARENAS_MAX = 8, SIM_CONFIG = 64 };

enum { SIM_NEVER = 0 };

/** Memory, and where the device sees it. */
struct sim_arena {
    uint64_t bus;
    char *at;
    size_t size;
};

/** What the device does wrong with the answers number `from` to `to` (from 1). */
enum sim_fault {
    SIM_HONEST,
    SIM_SWALLOW,      /* does not answer */
    SIM_WRONG_ID,     /* of a slot that is not out */
    SIM_ODD_ID,       /* of no slot's first descriptor */
    SIM_LARGE_ID,     /* far beyond */
    SIM_LONG,         /* wrote more than there was room for */
    SIM_SHORT,        /* wrote less than asked for */
    SIM_TWICE,        /* answers twice */
    SIM_JUMP,         /* index is ahead by thousands */
    SIM_BACKWARDS,    /* index goes back */
    SIM_NEEDS_RESET,  /* says so instead of answering */
    SIM_NO_STATUS,    /* does not write the status */
    SIM_ODD_STATUS,   /* writes one that does not exist */
    SIM_ERROR,        /* answers: error */
    SIM_UNSUPPORTED,  /* answers: unsupported */
    SIM_NO_INTERRUPT, /* forgets it */
    SIM_FAULTS
};

struct sim_script {
    enum sim_fault fault;
    uint64_t from, to;
};

struct sim_pending {
    uint16_t head;
    uint64_t due;
};

struct sim {
    struct simulated_device device; /* first */
    uint64_t now;                   /* the world's clock; each access takes a little */

    /* What it is. */
    uint32_t magic, version, id, queue_max;
    uint64_t offered;
    uint8_t config[SIM_CONFIG];
    uint32_t generation;
    char *medium; /* disk: its bytes */
    uint64_t medium_sectors;
    uint64_t latency;

    /* What the driver has made of it. */
    uint32_t status, device_select, driver_select, queue_select;
    uint32_t page_size, queue_align;
    uint64_t accepted;
    uint32_t queue_size, queue_ready;
    uint64_t descriptors, available, used;
    uint16_t taken, given;
    uint32_t interrupt;
    struct sim_pending pending[SIM_PENDING_MAX];
    unsigned pending_count;

    /* What it may touch. */
    struct sim_arena arenas[SIM_ARENAS_MAX];
    unsigned arena_count;

    /* What goes wrong. */
    struct sim_script script;
    uint64_t answers;  /* so far */
    bool restless;     /* the configuration's generation never stands still */
    bool stuck;        /* it does not come back from resets */
    bool deaf;         /* takes nothing from its queue */
    uint64_t accesses; /* so far */
    uint64_t gone_from,
        gone_to; /* accesses in which it is not there; then it is as after power-on. SIM_NEVER */
    uint64_t glitch_at; /* access that reads as all ones; SIM_NEVER */
    uint64_t kill_at;   /* access at which the driver dies; SIM_NEVER */
    jmp_buf killed;

    uint64_t resets, notifications;
};

/** A disk of `sectors`, honest. */
void sim_make_disk(struct sim *sim, uint32_t version, uint64_t sectors);
/** A source of random numbers. */
void sim_make_rng(struct sim *sim, uint32_t version);
void sim_destroy(struct sim *sim);
void sim_give(struct sim *sim, struct sim_arena arena);
/** The device is not to touch it any more. */
void sim_take_away(struct sim *sim, uint64_t bus);
void sim_set_config32(struct sim *sim, unsigned offset, uint32_t value);
void sim_set_capacity(struct sim *sim, uint64_t sectors);

/** Its line is active. */
bool sim_line(const struct sim *sim);
/** When it will answer next; UINT64_MAX: it has nothing to do. */
uint64_t sim_next(const struct sim *sim);
/** Answer what is due. */
void sim_run(struct sim *sim);
/** The device changes its configuration and says so. */
void sim_config_changed(struct sim *sim);

/* sim_request.c */

/** Do what the chain at `head` asks for. Returns the bytes written. */
uint32_t sim_do_request(struct sim *sim, uint16_t head, enum sim_fault fault);
/** The memory at a bus address; it has been given to the device. */
void *sim_memory(struct sim *sim, uint64_t bus, size_t size);
