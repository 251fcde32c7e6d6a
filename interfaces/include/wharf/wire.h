/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the bodies of messages are put together and taken apart: what the code that tools/defsgen.py
 * makes shares in programs, in the kernel and in tests. Pure functions on memory, no traps.
 * docs/defs.md describes the layout.
 *
 * I1 A body is a multiple of WIRE_ALIGN bytes long, starts at a multiple of it, and all its padding
 *    is zero: no byte of the sender's that is not an argument leaves it.
 * I2 Nothing behind `length` is read, whatever counts the body contains.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wharf/message.h>

#define WIRE_ALIGN 8u

/** The registers of the trap msg, header first; <wharf/message.h> tells more. */
struct msg_registers {
    union {
        uint64_t destination; /* in */
        int64_t result;       /* out */
    };
    uint64_t id;
    uint64_t control;
    uint64_t local;
    union {
        uint64_t receive; /* in */
        uint64_t remote;  /* out */
    };
    union {
        uint64_t deadline; /* in */
        uint64_t sequence; /* out */
    };
    uint64_t buffer; /* in */
    uint64_t size;   /* in */
    uint64_t word[MSG_REGISTER_BYTES / 8];
};

/* Length and number of descriptors, as they stand side by side in the control word. */
#define WIRE_SHAPE(length, descriptors) ((uint32_t)(length) | (uint32_t)(descriptors) << 16)

static inline uint32_t wire_shape(uint64_t control)
{
    return (uint32_t)(control >> MSG_LENGTH_SHIFT) & 0xffffff;
}
static inline uint32_t wire_length(uint32_t shape)
{
    return shape & 0xffff;
}
static inline unsigned wire_descriptors(uint32_t shape)
{
    return shape >> 16;
}

static inline uint32_t wire_align(uint32_t offset, uint32_t alignment)
{
    return (offset + alignment - 1) & ~(alignment - 1);
}

/** `size` bytes (at most 8, a constant) at from + offset, the rest of the word zero. */
static inline uint64_t wire_piece(const void *from, size_t offset, size_t size)
{
    uint64_t word = 0;
    __builtin_memcpy(&word, (const char *)from + offset, size);
    return word;
}

/** The opposite: store the word's first `size` bytes. */
static inline void wire_store(void *to, size_t offset, size_t size, uint64_t word)
{
    __builtin_memcpy((char *)to + offset, &word, size);
}

/** Zeroes up to a multiple of `alignment`: 1, 2, 4 or 8. */
static inline uint32_t wire_pad(void *body, uint32_t offset, uint32_t alignment)
{
    const uint32_t gap = -offset & (alignment - 1);
    char *const at = (char *)body + offset;
    if (gap & 1) {
        at[0] = 0;
    }
    if (gap & 2) {
        __builtin_memset(at + (gap & 1), 0, 2);
    }
    if (gap & 4) {
        __builtin_memset(at + (gap & 3), 0, 4);
    }
    return offset + gap;
}

/** Append a count and that many elements. Returns the offset behind them. */
static inline uint32_t wire_put(void *body, uint32_t offset, const void *elements, uint32_t count,
                                uint32_t size, uint32_t alignment)
{
    offset = wire_pad(body, offset, 4);
    __builtin_memcpy((char *)body + offset, &count, 4);
    offset = wire_pad(body, offset + 4, alignment);
    if (count != 0) {
        __builtin_memcpy((char *)body + offset, elements, (size_t)count * size);
    }
    return offset + count * size;
}

/** The same for elements that somebody wrote at `slot`, which is not before their place. */
static inline uint32_t wire_settle(void *body, uint32_t offset, uint32_t slot, uint32_t count,
                                   uint32_t size, uint32_t alignment)
{
    offset = wire_pad(body, offset, 4);
    const uint32_t place = wire_align(offset + 4, alignment);
    if (place != slot && count != 0) {
        __builtin_memmove((char *)body + place, (char *)body + slot, (size_t)count * size);
    }
    __builtin_memcpy((char *)body + offset, &count, 4);
    (void)wire_pad(body, offset + 4, alignment);
    return place + count * size;
}

/** Read a count and where its elements are, and step behind them. False if there are more than
 *  `max` or they do not lie inside the body. */
static inline bool wire_get(const void *body, uint32_t length, uint32_t *offset, uint32_t size,
                            uint32_t alignment, uint32_t max, const void **elements,
                            uint32_t *count)
{
    const uint32_t at = wire_align(*offset, 4);
    if (at > length || length - at < 4) {
        return false;
    }
    __builtin_memcpy(count, (const char *)body + at, 4);
    const uint32_t first = wire_align(at + 4, alignment);
    if (*count > max || first > length || (length - first) / size < *count) {
        return false;
    }
    *elements = (const char *)body + first;
    *offset = first + *count * size;
    return true;
}

/** A string's elements include the NUL it ends with. */
static inline bool wire_is_string(const void *elements, uint32_t count)
{
    return count != 0 && ((const char *)elements)[count - 1] == '\0';
}

/** Bytes of a string with its NUL; max + 1 if there is none among the first `max`. */
static inline uint32_t wire_string_size(const char *text, uint32_t max)
{
    uint32_t size = 0;
    while (size < max && text[size] != '\0') {
        size++;
    }
    return size + 1;
}

/** What a descriptor has to be when it arrives. */
struct wire_descriptor {
    uint8_t kind;
    uint8_t disposition; /* as received; 0 for memory */
    uint32_t max;        /* of the size: bytes or rights */
};

static inline bool wire_descriptor_fits(const struct msg_descriptor *descriptor,
                                        const struct wire_descriptor *wanted)
{
    if (descriptor->kind != wanted->kind || descriptor->size > wanted->max) {
        return false;
    }
    /* No right is no right of any kind. */
    const bool none = wanted->kind == MSG_PORT &&
                      (descriptor->value == MSG_NULL || descriptor->value == MSG_DEAD);
    return none || descriptor->disposition == wanted->disposition;
}
