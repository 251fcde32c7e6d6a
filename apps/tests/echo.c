/* SPDX-License-Identifier: BSD-2-Clause */
/* See echo.h. */
#include "echo.h"
#include <libsys/trap.h>
#include <user/msg.h>

int echo_serve(mach_port_name_t port)
{
    struct msg_registers m = {0};

    for (;;) {
        m.receive = port;
        m.deadline = TRAP_NEVER;
        user_msg_trap(&m);
        if (m.result < 0)
            return 1;
        m.destination = m.remote;
        m.id = m.word[0] + 1;
        m.control = MSG_CONTROL(MSG_MOVE_SEND_ONCE, 0, 0, 0);
        m.local = MSG_NULL;
    }
}

bool echo_call(mach_port_name_t port, uint64_t word, uint64_t deadline)
{
    struct msg_registers m = {.destination = port,
                              .control = MSG_CONTROL(MSG_COPY_SEND, MSG_MAKE_REPLY, 8, 0),
                              .receive = MSG_REPLY,
                              .deadline = deadline,
                              .word = {word}};
    user_msg_trap(&m);
    return m.result == 0 && m.id == word + 1;
}
