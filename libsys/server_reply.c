/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replies that are given later (<libsys/server.h>: MIG_NO_REPLY).
 */
#include <libsys/server.h>
#include <libsys/trap.h>

kern_return_t server_keep_reply(struct server_message *message)
{
    if (message->reply != MSG_REPLY) {
        return KERN_SUCCESS;
    }
    const int64_t kept = sys_reply_keep();
    if (kept < 0) {
        return trap_error(kept);
    }
    message->reply = (mach_port_name_t)kept;
    return KERN_SUCCESS;
}
