/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making an empty file system: what was there goes first, then tables and root are written, the boot sector last, so that there is a whole one or none.
 */
#include "fat_impl.h"

enum { TABLES = 2, ROOT_ENTRIES = 512, RESERVED_32 = 32, INFO_SECTOR = 1, BACKUP_SECTOR = 6 };

/* Counts are of sectors. */
struct plan {
    uint32_t type, sector, cluster, reserved, root;
    uint64_t sectors, table, clusters;
};

static bool is_power_between(uint32_t number, uint32_t least, uint32_t most)
{
    return number >= least && number <= most && (number & (number - 1)) == 0;
}

/* The size of a table, and of what is left for clusters; a larger table leaves fewer clusters, so it is found in a few steps. */
static bool lay_out(struct plan *plan)
{
    const uint64_t bits = plan->type;

    plan->table = 1;
    for (;;) {
        const uint64_t before = plan->reserved + TABLES * plan->table + plan->root;
        if (before + plan->cluster > plan->sectors)
            return false;
        plan->clusters = (plan->sectors - before) / plan->cluster;
        const uint64_t bytes = ((plan->clusters + FIRST_CLUSTER) * bits + 7) / 8;
        const uint64_t need = (bytes + plan->sector - 1) / plan->sector;
        if (need <= plan->table)
            return true;
        plan->table = need;
    }
}

/* Others know the type by the number of clusters alone. */
static bool suits(const struct plan *plan, bool small)
{
    const uint64_t n = plan->clusters;

    return plan->type == 12   ? n < 4085
           : plan->type == 16 ? n >= 4085 && n < 65525 && plan->table <= UINT16_MAX
                              : (n >= 65525 || small) && n < 0x0ffffff5;
}

static uint32_t usual_cluster(const struct plan *plan)
{
    const uint64_t mib = plan->sectors * plan->sector >> 20;

    if (plan->type != 32 || mib < 260)
        return plan->sector;
    return mib < 8192 ? 4096 : mib < 16384 ? 8192 : mib < 32768 ? 16384 : 32768;
}

/* Sectors are known. The smallest cluster that suits the type, or the one that is asked for. */
static int plan_type(const struct fat_format *format, uint32_t type, struct plan *plan)
{
    uint32_t cluster;

    plan->type = type;
    plan->reserved = plan->type == 32 ? RESERVED_32 : 1;
    plan->root = plan->type == 32 ? 0 : ROOT_ENTRIES * ENTRY / plan->sector;
    cluster = format->cluster_size ? format->cluster_size : usual_cluster(plan);
    if (cluster < plan->sector)
        cluster = format->cluster_size ? 0 : plan->sector;
    if (!is_power_between(cluster, plan->sector, 65536))
        return EINVAL;
    for (; cluster <= 65536; cluster *= 2) {
        plan->cluster = cluster / plan->sector;
        if (plan->cluster > 128 || !lay_out(plan))
            return EINVAL;
        if (suits(plan, format->small_32))
            return 0;
        if (format->cluster_size)
            return EINVAL;
    }
    return EINVAL;
}

static int make_plan(const struct storage *storage, const struct fat_format *format,
                     struct plan *plan)
{
    const uint64_t size = storage->size;

    *plan = (struct plan){.sector = format->sector_size ? format->sector_size : 512};
    if (!is_power_between(plan->sector, 512, 4096) || size / plan->sector == 0)
        return EINVAL;
    plan->sectors = size / plan->sector < UINT32_MAX ? size / plan->sector : UINT32_MAX;
    if (format->type == 12 || format->type == 16 || format->type == 32)
        return plan_type(format, format->type, plan);
    if (format->type != 0)
        return EINVAL;
    /* Large clusters make few: the type below is left then. */
    int error = size > 512 << 20 ? plan_type(format, 32, plan) : EINVAL;
    if (error && size > 4 << 20)
        error = plan_type(format, 16, plan);
    return error ? plan_type(format, 12, plan) : 0;
}

/* ---- what is written ---- */

static bool make_label(const char *text, uint8_t out[SHORT_NAME])
{
    static const uint8_t none[SHORT_NAME] = "NO NAME    ";
    unsigned i = 0;

    memcpy(out, none, SHORT_NAME);
    if (!text)
        return true;
    memset(out, ' ', SHORT_NAME);
    for (; text[i] != '\0'; i++) {
        const uint8_t c = (uint8_t)text[i];
        if (i == SHORT_NAME || c < ' ' || c >= 0x7f || strchr("\"*+,./:;<=>?[\\]|", c))
            return false;
        out[i] = (uint8_t)fat_upper(c);
    }
    return i != 0 && out[0] != ' ';
}

static void make_boot(const struct plan *plan, const struct fat_format *format,
                      const uint8_t label[SHORT_NAME], uint8_t boot[BLOCK])
{
    static const uint8_t start[11] = "\xeb\x58\x90WHARF   ", halt[] = {0xf4, 0xeb, 0xfd};
    static const uint8_t names[3][8] = {"FAT12   ", "FAT16   ", "FAT32   "};
    const bool is_32 = plan->type == 32;
    uint8_t *const last = boot + (is_32 ? 64 : 36); /* what both have, at different places */
    const bool is_small = !is_32 && plan->sectors < 65536;

    memset(boot, 0, BLOCK);
    memcpy(boot, start, sizeof start);
    boot[1] = is_32 ? 0x58 : 0x3c;
    write16(boot + 11, plan->sector);
    boot[13] = (uint8_t)plan->cluster;
    write16(boot + 14, plan->reserved);
    boot[16] = TABLES;
    write16(boot + 17, is_32 ? 0 : ROOT_ENTRIES);
    write16(boot + 19, is_small ? (uint32_t)plan->sectors : 0);
    boot[21] = 0xf8;
    write16(boot + 22, is_32 ? 0 : (uint32_t)plan->table);
    write16(boot + 24, 63); /* sectors of a track and heads, as if there were some */
    write16(boot + 26, 255);
    write32(boot + 28, format->hidden);
    write32(boot + 32, is_small ? 0 : (uint32_t)plan->sectors);
    if (is_32) {
        write32(boot + 36, (uint32_t)plan->table);
        write32(boot + 44, FIRST_CLUSTER);
        write16(boot + 48, INFO_SECTOR);
        write16(boot + 50, BACKUP_SECTOR);
    }
    last[0] = 0x80;
    last[2] = 0x29; /* the three behind it are there */
    write32(last + 3, format->serial);
    memcpy(last + 7, label, SHORT_NAME);
    memcpy(last + 18, is_32 ? names[2] : plan->type == 16 ? names[1] : names[0], sizeof *names);
    memcpy(boot + (is_32 ? 90 : 62), halt, sizeof halt); /* a processor that starts here halts */
    boot[510] = 0x55;
    boot[511] = 0xaa;
}

static void make_info(const struct plan *plan, uint8_t info[BLOCK])
{
    memset(info, 0, BLOCK);
    write32(info, 0x41615252);
    write32(info + 484, 0x61417272);
    write32(info + 488, (uint32_t)plan->clusters - 1);
    write32(info + 492, FIRST_CLUSTER);
    write32(info + 508, 0xaa550000);
}

static int put(struct storage *storage, const struct plan *plan, uint64_t sector,
               const uint8_t block[BLOCK])
{
    return storage->operations->write(storage, sector * plan->sector, block, BLOCK) ? EIO : 0;
}

/* Whatever file system was there is none any more, before any other part of it is written over. */
static int end_old(struct storage *storage, const struct plan *plan)
{
    static const uint8_t zeroes[4096];

    return storage->operations->write(storage, 0, zeroes, plan->sector) ||
                   storage->operations->flush(storage)
               ? EIO
               : 0;
}

static int clear(struct storage *storage, const struct plan *plan)
{
    static const uint8_t zeroes[8 * 4096];
    const uint64_t end = (plan->reserved + TABLES * plan->table + plan->root +
                          (plan->type == 32 ? plan->cluster : 0)) *
                         plan->sector;

    for (uint64_t at = 0; at < end; at += sizeof zeroes) {
        const size_t size = end - at < sizeof zeroes ? (size_t)(end - at) : sizeof zeroes;
        if (storage->operations->write(storage, at, zeroes, size))
            return EIO;
    }
    return 0;
}

static int write_tables(struct storage *storage, const struct plan *plan)
{
    static const uint8_t head_12[] = {0xf8, 0xff, 0xff};
    static const uint8_t head_16[] = {0xf8, 0xff, 0xff, 0xff};
    static const uint8_t head_32[] = {0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff,
                                      0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f};
    uint8_t block[BLOCK] = {0};
    int error = 0;

    if (plan->type == 12)
        memcpy(block, head_12, sizeof head_12);
    else if (plan->type == 16)
        memcpy(block, head_16, sizeof head_16);
    else
        memcpy(block, head_32, sizeof head_32);
    for (uint32_t i = 0; i < TABLES && !error; i++)
        error = put(storage, plan, plan->reserved + i * plan->table, block);
    return error;
}

static int write_label(struct storage *storage, const struct plan *plan,
                       const uint8_t label[SHORT_NAME])
{
    uint8_t block[BLOCK] = {0};

    memcpy(block, label, SHORT_NAME);
    block[ENTRY_ATTRIBUTES] = ATTRIBUTE_LABEL;
    write16(block + ENTRY_DATE, 1 << 5 | 1); /* the first day there is */
    return put(storage, plan, plan->reserved + TABLES * plan->table, block);
}

int fat_format(struct storage *storage, const struct fat_format *format)
{
    uint8_t label[SHORT_NAME], boot[BLOCK], info[BLOCK];
    struct plan plan;
    int error = make_plan(storage, format, &plan);

    if (error || !make_label(format->label, label))
        return EINVAL;
    make_boot(&plan, format, label, boot);
    make_info(&plan, info);
    if ((error = end_old(storage, &plan)) != 0 || (error = clear(storage, &plan)) != 0 ||
        (error = write_tables(storage, &plan)) != 0)
        return error;
    if (format->label && (error = write_label(storage, &plan, label)) != 0)
        return error;
    if (plan.type == 32 && ((error = put(storage, &plan, INFO_SECTOR, info)) != 0 ||
                            (error = put(storage, &plan, BACKUP_SECTOR + INFO_SECTOR, info)) != 0 ||
                            (error = put(storage, &plan, BACKUP_SECTOR, boot)) != 0))
        return error;
    if (storage->operations->flush(storage) != 0 || put(storage, &plan, 0, boot) != 0)
        return EIO;
    return storage->operations->flush(storage) ? EIO : 0;
}
