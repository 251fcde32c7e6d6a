/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording, told as a file that Perfetto draws (json.h): a track for each CPU and its interrupts, a process for each task, a track for each
 * thread. On a thread's track are its turns, within the calls it waits for and the messages it works for.
 *
 * A flow is the way of one thing that somebody wanted: from the message that nobody asked its sender for, to what the receiver sends while it works for
 * that, and so on; and their answers. What an interrupt sets going is a flow of its own, until it answers, or wakes, somebody of another flow: then it is
 * part of that one, the first it comes to.
 */
#pragma once

#include "recording.h"
#include <stdio.h>

/** A message's name, by the number in its header; NULL: it has none. */
typedef const char *message_name_t(uint32_t id);

/** False: *error tells what is wrong with the recording, in words; what has been written is of no use. */
bool timeline_write(struct recording *recording, message_name_t *name, FILE *file,
                    const char **error);
