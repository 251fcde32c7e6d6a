/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See remote.h: registers, in the order of GDB's AArch64 without a description: x0 to x30, sp, pc, cpsr; v0 to v31, fpsr, fpcr. Both sides
 * are little-endian.
 */
#include "remote.h"

enum { SP = 31, PC, CPSR, V0, FPSR = V0 + 32, FPCR, REGISTERS };

struct place {
    void *at;
    size_t size;
};

static struct place place_of(struct remote_registers *registers, unsigned number)
{
    struct thread_state_general *g = &registers->general;
    struct thread_state_fp *fp = &registers->fp;
    switch (number) {
    case SP: return (struct place){&g->sp, sizeof(g->sp)};
    case PC: return (struct place){&g->pc, sizeof(g->pc)};
    case CPSR: return (struct place){&g->pstate, sizeof(uint32_t)};
    case FPSR: return (struct place){&fp->fpsr, sizeof(fp->fpsr)};
    case FPCR: return (struct place){&fp->fpcr, sizeof(fp->fpcr)};
    default:
        return number < SP ? (struct place){&g->x[number], sizeof(g->x[number])}
                           : (struct place){&fp->v[number - V0], sizeof(fp->v[number - V0])};
    }
}

/* From `first` up to `end`. */
static void put(struct remote *r, struct remote_registers *registers, unsigned first, unsigned end)
{
    for (unsigned n = first; n < end; n++) {
        const struct place place = place_of(registers, n);
        packet_bytes(&r->out, place.at, place.size);
    }
}

static bool get(struct packet_cursor *c, struct remote_registers *registers, unsigned first,
                unsigned end)
{
    for (unsigned n = first; n < end; n++) {
        const struct place place = place_of(registers, n);
        if (!packet_get_bytes(c, place.at, place.size))
            return false;
    }
    return packet_left(c) == 0;
}

void remote_registers(struct remote *r, char command, struct packet_cursor *c)
{
    struct remote_registers registers;
    uint64_t first = 0, end = REGISTERS;
    bool good = r->target->read_registers(r->context, r->general, &registers);
    if (command == 'p' || command == 'P') {
        good = good && packet_get_number(c, &first) && first < REGISTERS;
        end = first + 1;
    }
    if (command == 'P')
        good = good && packet_skip(c, "=");
    if (good && (command == 'g' || command == 'p')) {
        put(r, &registers, (unsigned)first, (unsigned)end);
        return;
    }
    if (good && get(c, &registers, (unsigned)first, (unsigned)end) &&
        r->target->write_registers(r->context, r->general, &registers))
        packet_text(&r->out, "OK");
    else
        remote_error(r);
}
