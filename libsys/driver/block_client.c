/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A client of a block device (<libsys/block_client.h>).
 */
#include <libsys/block_client.h>
#include <libsys/client_area.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <libsys/trap.h>
#include <stdatomic.h>
#include <string.h>
#include <user/msg.h>
#include <wharf/if/block.h>
#include <wharf/if/block_queue.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>

static mach_port_name_t self(void)
{
    return program_start_info->task;
}

/* ---- the ring ---- */

static void put(struct block_client *client, const struct block_request *request)
{
    client->ring->request[client->submitted % BLOCK_RING_ENTRIES] = *request;
    client->submitted++;
    atomic_store_explicit(&client->ring->submitted, client->submitted, memory_order_release);
}

/* R2, R3: an answer that is not to something asked for is nobody's. */
static void take(struct block_client *client, const struct block_answer *answer)
{
    const uint32_t place = (uint32_t)answer->id;

    if (answer->id >> 32 != client->generation || place >= BLOCK_RING_ENTRIES)
        return;
    struct block_client_request *asked = &client->table[place];
    if (!asked->used || asked->answered)
        return;
    asked->answered = true;
    asked->result = (kern_return_t)answer->result;
}

static void look(struct block_client *client)
{
    const uint32_t answered = atomic_load_explicit(&client->ring->answered, memory_order_acquire);

    if (answered - client->seen > BLOCK_RING_ENTRIES)
        return; /* a driver that writes nonsense: it is asked again when it has been replaced */
    while (client->seen != answered) {
        take(client, &client->ring->answer[client->seen % BLOCK_RING_ENTRIES]);
        client->seen++;
    }
}

/* ---- attaching ---- */

/* A ring of its own for each attachment (R4). */
static void reset_ring(struct block_client *client)
{
    memset(client->ring, 0, sizeof(*client->ring));
    client->ring->magic = BLOCK_RING_MAGIC;
    client->ring->entries = BLOCK_RING_ENTRIES;
    client->ring->want_message = client->listens;
    client->submitted = 0;
    client->seen = 0;
    client->generation++;
}

static void put_unanswered(struct block_client *client)
{
    for (uint32_t i = 0; i < BLOCK_RING_ENTRIES; i++) {
        struct block_client_request *asked = &client->table[i];
        if (!asked->used || asked->answered)
            continue;
        asked->request.id = (uint64_t)client->generation << 32 | i;
        put(client, &asked->request);
    }
}

/* With facts that make no sense requests would have no end. */
static kern_return_t check_facts(struct block_client *client)
{
    const struct block_facts *facts = &client->facts;

    if (facts->blocks_max != 0 && facts->block_size >= 512 && facts->block_size <= 4096 &&
        (facts->block_size & (facts->block_size - 1)) == 0)
        return KERN_SUCCESS;
    stub_release_right(client->queue, MSG_MOVE_SEND);
    client->queue = MSG_NULL;
    return KERN_FAILURE;
}

/* Until when a driver may take. */
static uint64_t moment(const struct block_client *client)
{
    return client->patience ? kernel_clock_now() + client->patience : TRAP_NEVER;
}

static bool is_late(kern_return_t kr)
{
    return kr == MACH_RCV_TIMED_OUT || kr == MACH_SEND_TIMED_OUT;
}

/* J4: of the driver's end. One that has ended on the way here is no name to ask about: there is another. */
static kern_return_t watch(struct block_client *client)
{
    mach_port_name_t previous;

    return client->queue == MSG_DEAD
               ? MIG_SERVER_DIED
               : port_request_notification(self(), client->queue, MSG_ID_DEAD_NAME, 1,
                                           client->notify, &previous);
}

/* What a client that has ended asked for is being done. False: there is no time. */
static bool rest(const struct block_client *client, uint64_t end)
{
    enum { REST = 1000000 /* ns */ };

    (void)!kernel_sleep_until(kernel_clock_now() + REST);
    return client->patience == 0 || kernel_clock_now() < end;
}

static kern_return_t attach(struct block_client *client)
{
    const uint64_t end = moment(client);
    kern_return_t kr;

    do {
        reset_ring(client);
        kr = block_attach_until(client->service, client->partition, client->entry, client->notify,
                                &client->queue, &client->facts, end);
        if (kr == KERN_SUCCESS && client->listens)
            kr = watch(client);
    } while (kr == MIG_SERVER_DIED /* in the midst of it: the next one is on its way */ ||
             (kr == KERN_BUSY && rest(client, end)));
    client->silent |= is_late(kr);
    if (client->silent)
        return KERN_OPERATION_TIMED_OUT;
    client->away &= kr != KERN_SUCCESS;
    if (kr == KERN_SUCCESS)
        return check_facts(client);
    return kr == MACH_SEND_INVALID_DEST ? KERN_TERMINATED : kr;
}

static void fail_all(struct block_client *client, kern_return_t result)
{
    for (uint32_t i = 0; i < BLOCK_RING_ENTRIES; i++)
        if (client->table[i].used && !client->table[i].answered) {
            client->table[i].answered = true;
            client->table[i].result = result;
        }
}

/* Nothing is asked any more, nor of a successor of the driver. */
static void give_up(struct block_client *client, kern_return_t result)
{
    stub_release_right(client->queue, MSG_MOVE_SEND);
    client->queue = MSG_NULL;
    client->silent = true;
    fail_all(client, result);
}

/* While there was no driver somebody may have put in another medium: what was asked for is nothing to that one. Of two of one shape it cannot be told. */
static bool is_same(const struct block_facts *a, const struct block_facts *b)
{
    return a->block_size == b->block_size && a->blocks == b->blocks && a->first == b->first &&
           memcmp(a->type, b->type, sizeof(a->type)) == 0;
}

kern_return_t block_client_attach_anew(struct block_client *client)
{
    const struct block_facts before = client->facts;

    look(client);
    if (client->queue != MSG_NULL)
        stub_release_right(client->queue, MSG_MOVE_SEND);
    client->queue = MSG_NULL;
    client->replays++;
    const kern_return_t kr = attach(client);
    if (kr == KERN_SUCCESS && !is_same(&before, &client->facts)) {
        give_up(client, KERN_MEMORY_FAILURE);
        return KERN_MEMORY_FAILURE;
    }
    if (kr == KERN_SUCCESS)
        put_unanswered(client);
    else
        client->facts = before;
    return kr;
}

/* The driver has ended. What it answered before that counts; the rest is asked for again (J1). */
static void attach_anew(struct block_client *client)
{
    const kern_return_t kr = block_client_attach_anew(client);

    if (kr != KERN_SUCCESS)
        fail_all(client, kr);
}

/* ---- asking and waiting ---- */

bool block_client_start(struct block_client *client)
{
    if (client->silent || client->away)
        return true;
    const kern_return_t kr = block_queue_kick_until(client->queue, 0);

    if (kr == KERN_SUCCESS || kr == MACH_SEND_TIMED_OUT)
        return true; /* a full queue holds a kick already */
    if (kr == MACH_SEND_NO_BUFFER)
        return false;
    client->away = client->listens;
    if (!client->listens)
        attach_anew(client);
    return true;
}

kern_return_t block_client_listen(struct block_client *client)
{
    client->listens = true;
    client->ring->want_message = 1;
    kern_return_t kr = port_set_memory_limit(self(), client->notify, 0);
    if (kr == KERN_SUCCESS)
        kr = watch(client);
    return kr == MIG_SERVER_DIED ? KERN_TERMINATED : kr;
}

void block_client_lost(struct block_client *client)
{
    look(client);
    client->away = true;
}

kern_return_t block_client_submit(struct block_client *client, enum block_operation operation,
                                  uint64_t block, uint32_t count, size_t offset, unsigned *ticket)
{
    unsigned place = 0;

    if (client->silent)
        return KERN_OPERATION_TIMED_OUT;
    while (place < BLOCK_RING_ENTRIES && client->table[place].used)
        place++;
    if (place == BLOCK_RING_ENTRIES)
        return KERN_BUSY;
    struct block_client_request *asked = &client->table[place];
    *asked = (struct block_client_request){
        .used = true,
        .request = {.id = (uint64_t)client->generation << 32 | place,
                    .block = block,
                    .offset = BLOCK_RING_PAGE + offset,
                    .count = count,
                    .operation = operation},
    };
    put(client, &asked->request);
    *ticket = place;
    return KERN_SUCCESS;
}

bool block_client_is_done(struct block_client *client, unsigned ticket)
{
    if (!client->table[ticket].answered)
        look(client);
    return client->table[ticket].answered;
}

/* All that is in the ring has been answered when this is; a driver that says so and has not is as good as dead. False: so were
 * several, one after the other. */
static bool run(struct block_client *client, unsigned ticket, unsigned *misled)
{
    enum { MISLED_MAX = 4 };
    const kern_return_t kr = block_queue_run_until(client->queue, moment(client));

    look(client);
    if (client->table[ticket].answered)
        return true;
    if (is_late(kr)) {
        give_up(client, KERN_OPERATION_TIMED_OUT);
        return true;
    }
    if (kr == KERN_SUCCESS && ++*misled > MISLED_MAX)
        return false;
    attach_anew(client);
    return true;
}

kern_return_t block_client_take(struct block_client *client, unsigned ticket)
{
    struct block_client_request *asked = &client->table[ticket];

    asked->used = false;
    return asked->result;
}

kern_return_t block_client_wait(struct block_client *client, unsigned ticket)
{
    unsigned misled = 0;

    while (!block_client_is_done(client, ticket))
        if (!run(client, ticket, &misled)) {
            client->table[ticket].used = false;
            attach_anew(
                client); /* its answer may still come, and is not to be taken for another's */
            return KERN_FAILURE;
        }
    return block_client_take(client, ticket);
}

/* As many blocks as one request may have. */
static uint32_t piece_of(const struct block_client *client, enum block_operation operation,
                         uint32_t count)
{
    const bool moves = operation == BLOCK_READ || operation == BLOCK_WRITE;

    return moves && count > client->facts.blocks_max ? client->facts.blocks_max : count;
}

/* Submit pieces until all are, or the ring is full; returns how many tickets. */
static unsigned submit_pieces(struct block_client *client, enum block_operation operation,
                              uint64_t block, uint32_t count, size_t offset, uint32_t *done,
                              unsigned tickets[BLOCK_RING_ENTRIES])
{
    unsigned pieces = 0;

    do {
        const uint32_t piece = piece_of(client, operation, count - *done);
        if (block_client_submit(client, operation, block + *done, piece,
                                offset + (size_t)*done * client->facts.block_size,
                                &tickets[pieces]) != KERN_SUCCESS)
            break;
        *done += piece;
        pieces++;
    } while (*done < count);
    return pieces;
}

kern_return_t block_client_do(struct block_client *client, enum block_operation operation,
                              uint64_t block, uint32_t count, size_t offset)
{
    unsigned tickets[BLOCK_RING_ENTRIES];
    kern_return_t result = KERN_SUCCESS;
    uint32_t done = 0;

    do {
        const unsigned pieces =
            submit_pieces(client, operation, block, count, offset, &done, tickets);
        if (pieces == 0)
            return client->silent ? KERN_OPERATION_TIMED_OUT : KERN_BUSY;
        for (unsigned i = 0; i < pieces; i++) {
            const kern_return_t kr = block_client_wait(client, tickets[i]);
            if (result == KERN_SUCCESS)
                result = kr;
        }
    } while (done < count && result == KERN_SUCCESS);
    return result;
}

/* ---- beginning and end ---- */

static kern_return_t make_area(struct block_client *client, size_t data_size)
{
    const uint64_t size = BLOCK_RING_PAGE + ((data_size + 4095) & ~(uint64_t)4095);
    void *at;
    const kern_return_t kr = client_area_make(size, &at, &client->entry);

    if (at) {
        client->ring = at;
        client->data = (char *)at + BLOCK_RING_PAGE;
        client->data_size = size - BLOCK_RING_PAGE;
    }
    return kr;
}

kern_return_t block_client_open(struct block_client *client, const char *service,
                                uint32_t partition, size_t data_size)
{
    mach_port_name_t port;
    const kern_return_t kr = service_look_up(program_start_info->bootstrap, service, &port);

    if (kr != KERN_SUCCESS) {
        memset(client, 0, sizeof(*client));
        return kr;
    }
    return block_client_open_at(client, port, partition, data_size);
}

kern_return_t block_client_open_at(struct block_client *client, mach_port_name_t service,
                                   uint32_t partition, size_t data_size)
{
    return block_client_open_patient(client, service, partition, data_size, 0);
}

kern_return_t block_client_open_patient(struct block_client *client, mach_port_name_t service,
                                        uint32_t partition, size_t data_size, uint64_t patience)
{
    memset(client, 0, sizeof(*client));
    client->patience = patience;
    client->partition = partition;
    client->service = service;
    kern_return_t kr = make_area(client, data_size);
    if (kr == KERN_SUCCESS)
        kr = port_allocate(self(), PORT_RIGHT_RECEIVE, &client->notify);
    if (kr == KERN_SUCCESS)
        kr = attach(client);
    if (kr != KERN_SUCCESS)
        block_client_close(client);
    return kr;
}

void block_client_close(struct block_client *client)
{
    if (client->queue != MSG_NULL)
        stub_release_right(client->queue, MSG_MOVE_SEND);
    if (client->notify != MSG_NULL)
        stub_release_right(client->notify, MSG_MOVE_RECEIVE);
    if (client->service != MSG_NULL)
        stub_release_right(client->service, MSG_MOVE_SEND);
    client_area_release(client->ring, client->data_size + BLOCK_RING_PAGE, client->entry);
    memset(client, 0, sizeof(*client));
}
