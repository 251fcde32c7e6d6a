/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of FAT share: cards with a file system on them, and what others (fsck.fat, mtools) say of them.
 */
#pragma once

#include "check.h"
#include <card.h>
#include <errno.h>
#include <fat.h>

enum { OUTPUT_MAX = 16384 };

/** A formatted card. Sizes are bytes; cluster 0: the usual. */
struct card *image_make(uint64_t size, uint32_t type, uint32_t sector, uint32_t cluster);
enum { ALWAYS = 0 };
/** The next requests, so many of them, of these kinds (CARD_READ, CARD_WRITE) that touch the sector at this byte fail; kinds 0: none does. Of one card at a time. */
void image_spoil(struct card *card, unsigned kinds, uint64_t byte, unsigned times);
/** Mounted with the least cache, and a clock that goes on two seconds whenever it is looked at. */
struct fat *image_mount(struct card *card);
/** Lines of output of a command, which ends with this status. %s in it is the name of a file with the card's contents, which are taken from it again. */
int image_run(struct card *card, const char *command, char output[OUTPUT_MAX]);
/** fsck.fat has nothing to say. */
void image_check_clean(struct card *card);
/** fsck.fat is in the PATH, and mtools are; else the program ends, as skipped. */
void image_need_tools(void);

/** A path from the root on. */
int image_find(struct fat *fat, const char *path, struct fat_node **out);
/** The file is there with this content. */
void image_expect(struct fat *fat, const char *path, const void *content, size_t size);
/** Make a file, or fill it anew. */
void image_put(struct fat *fat, const char *path, const void *content, size_t size);
