/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes between rings and a serial line (<libsys/driver/tty_pump.h>).
 */
#include <libsys/driver/tty_pump.h>
#include <stdatomic.h>

/* A ring's content: what can be moved in one go before others have their turn. */
enum { BYTES_AT_ONCE = TTY_RING_BYTES };

static bool put_all(struct tty_device *device, struct tty_ring *ring, unsigned *budget,
                    enum tty_pumped *result)
{
    while (*budget > 0) {
        uint32_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
        uint32_t ready = atomic_load_explicit(&ring->put, memory_order_acquire) - taken;

        if (ready == 0 || ready > TTY_RING_BYTES) {
            *result = ready == 0 ? TTY_PUMP_DONE : TTY_PUMP_BROKEN;
            return true;
        }
        if (!device->ops->put(device, ring->bytes[taken % TTY_RING_BYTES]))
            return false;
        atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
        device->statistics.sent++;
        (*budget)--;
    }
    *result = TTY_PUMP_MORE;
    return true;
}

enum tty_pumped tty_pump_output(struct tty_device *device, struct tty_ring *ring)
{
    unsigned budget = BYTES_AT_ONCE;
    enum tty_pumped result;
    bool ended = put_all(device, ring, &budget, &result);

    /* Full: ask for the interrupt, and try again, for the room may have come before we asked (U3). */
    if (!ended) {
        device->ops->want_room(device, true);
        ended = put_all(device, ring, &budget, &result);
    }
    if (!ended)
        return TTY_PUMP_WAITS;
    device->ops->want_room(device, false);
    return result;
}

/* A byte that is one; counts the others. */
static bool is_good(struct tty_device *device, int got)
{
    if (got & TTY_BREAK)
        device->statistics.breaks++;
    else if (got & TTY_FRAMING_ERROR)
        device->statistics.framing_errors++;
    else if (got & TTY_PARITY_ERROR)
        device->statistics.parity_errors++;
    else
        return true;
    return false;
}

enum tty_pumped tty_pump_input(struct tty_device *device, struct tty_ring *ring, unsigned *moved)
{
    unsigned count = 0;
    enum tty_pumped result = TTY_PUMP_MORE;

    for (unsigned n = 0; n < BYTES_AT_ONCE; n++) {
        uint32_t put = ring ? atomic_load_explicit(&ring->put, memory_order_relaxed) : 0;
        uint32_t waiting =
            ring ? put - atomic_load_explicit(&ring->taken, memory_order_acquire) : 0;

        if (waiting >= TTY_RING_BYTES) {
            result = waiting == TTY_RING_BYTES ? TTY_PUMP_WAITS : TTY_PUMP_BROKEN;
            break;
        }
        int got = device->ops->get(device);
        if (got == TTY_NOTHING) {
            result = TTY_PUMP_DONE;
            break;
        }
        if (!is_good(device, got))
            continue;
        device->statistics.received++;
        if (ring) {
            ring->bytes[put % TTY_RING_BYTES] = (uint8_t)got;
            atomic_store_explicit(&ring->put, put + 1, memory_order_release);
            count++;
        }
    }
    device->ops->hold_input(device, result == TTY_PUMP_WAITS);
    if (moved)
        *moved = count;
    return result;
}
