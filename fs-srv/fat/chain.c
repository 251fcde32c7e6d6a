/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chains of clusters that files and folders are made of. A node remembers where in its chain it was last: what is read or written from the beginning to the end
 * looks at every entry of the table once. No chain is longer than what a file can be, so that a loop has an end.
 */
#include "fat_impl.h"

uint64_t fat_cluster_block(const struct fat *fat, uint32_t cluster)
{
    return fat->shape.data + (uint64_t)(cluster - FIRST_CLUSTER) * fat->shape.cluster_blocks;
}

int fat_chain_at(struct fat_node *node, uint32_t index, uint32_t *cluster)
{
    struct fat *fat = node->fat;
    uint32_t at = 0, here = node->cluster, next;

    if (here == 0)
        return ENOENT;
    if (!fat_is_cluster(fat, here))
        return fat_damaged(fat);
    if (node->seen_cluster != 0 && node->seen_index <= index) {
        at = node->seen_index;
        here = node->seen_cluster;
    }
    for (; at < index; at++, here = next) {
        const int error = fat_table_get(fat, here, &next);
        if (error)
            return error;
        if (next == TABLE_END)
            return ENOENT;
        if (!fat_is_cluster(fat, next))
            return fat_damaged(fat);
        node->seen_index = at + 1;
        node->seen_cluster = next;
    }
    *cluster = here;
    return 0;
}

int fat_chain_grow(struct fat_node *node, uint32_t index, bool link_late, uint32_t *cluster)
{
    struct fat *fat = node->fat;
    uint32_t last = 0, taken;
    int error;

    if (index != 0 && (error = fat_chain_at(node, index - 1, &last)) != 0)
        return error == ENOENT ? fat_damaged(fat) : error;
    if (!fat_has_link(fat))
        return EAGAIN;
    if ((error = fat_table_take(fat, last, &taken)) != 0)
        return error;
    if (index == 0) {
        node->cluster = taken;
    } else if (link_late || !fat_table_together(fat, last, taken)) {
        fat_add_link(fat, last, taken);
    } else if ((error = fat_table_set(fat, last, taken)) != 0) {
        fat_add_free(fat, 0, taken);
        return error;
    }
    node->seen_index = index;
    node->seen_cluster = taken;
    *cluster = taken;
    return 0;
}

int fat_clear_cluster(struct fat *fat, uint32_t cluster)
{
    static const uint8_t zeroes[8 * BLOCK];
    const uint64_t block = fat_cluster_block(fat, cluster);

    for (uint32_t i = 0; i < fat->shape.cluster_blocks; i += 8) {
        const uint32_t left = fat->shape.cluster_blocks - i;
        const int error = fat_write_blocks(fat, block + i, left < 8 ? left : 8, zeroes);
        if (error)
            return error;
    }
    return 0;
}
