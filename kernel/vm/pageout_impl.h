/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between pageout.c, the hand, and pageout_marks.c, how much it is to keep free.
 */
#pragma once

#include <kern/pageout.h>

/** As they are now, with the reserve. */
struct pageout_marks pageout_marks(void);
/** There is something that pages could leave for. */
bool pageout_is_enabled(void);
/** Fewer frames are free than should be: pages leave, or cannot. */
bool pageout_is_short(void);
/** Without those in the CPUs' caches. */
uint64_t pageout_free_frames(void);
/** More of the reserve counts from here on, as far as it is there. */
void pageout_keep_reserve(void);
/** Fewer are free than is good: the hand is to move, if that is of any use. The FRAMES lock may be held. */
void pageout_frame_wanted(void);
