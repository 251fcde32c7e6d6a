/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounting: the superblock is looked at, the journal replayed, then the file system is opened again as if there had never been a cut. While it is mounted for
 * writing, the superblock says that the journal is needed.
 */
#include "ext4_impl.h"
#include "journal_format.h"

enum {
    SUPER_PLACE = 1024,
    SUPER_SIZE = 1024,
    GROUP_LEAST = 256, /* blocks; what memory holds of a group is bounded by it */
};

/* Features that are read but not written: what changes a file system has to know them all. */
static const uint32_t read_incompatible =
    EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_EA_INODE |
    EXT4_FEATURE_INCOMPAT_ENCRYPT | EXT4_FEATURE_INCOMPAT_CASEFOLD | EXT4_FEATURE_INCOMPAT_MMP;
static const uint32_t write_compatible =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;

/* ---- the superblock on the medium ---- */

static int read_super(struct ext4 *fs, struct ext2_super_block *super)
{
    return fs->storage->operations->read(fs->storage, SUPER_PLACE, super, SUPER_SIZE);
}

static int write_super(struct ext4 *fs, const struct ext2_super_block *super)
{
    const int error = fs->storage->operations->write(fs->storage, SUPER_PLACE, super, SUPER_SIZE);

    return error != 0 ? error : device_flush(fs);
}

static bool has_sums(const struct ext2_super_block *super)
{
    return (super->s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_METADATA_CSUM) != 0;
}

static uint32_t sum_of(const struct ext2_super_block *super)
{
    return ext2fs_crc32c_le(~0u, (const unsigned char *)super,
                            offsetof(struct ext2_super_block, s_checksum));
}

/* The mark, alone: a superblock that is torn then differs from a whole one by nothing else, see mend_super(). */
static int set_mark(struct ext4 *fs, bool needed)
{
    struct ext2_super_block super;
    int error = read_super(fs, &super);

    if (error != 0)
        return error;
    super.s_feature_incompat &= ~(uint32_t)EXT3_FEATURE_INCOMPAT_RECOVER;
    if (needed)
        super.s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    if (has_sums(&super))
        super.s_checksum = sum_of(&super);
    error = write_super(fs, &super);
    if (error == 0)
        fs->marked = needed;
    return error;
}

/* One sector of the superblock has the mark and the other a checksum without it, or the other way round. */
static int mend_super(struct ext4 *fs, struct ext2_super_block *super)
{
    struct ext2_super_block other = *super;

    if (!has_sums(super) || super->s_checksum == sum_of(super))
        return 0;
    other.s_feature_incompat ^= EXT3_FEATURE_INCOMPAT_RECOVER;
    if (other.s_checksum != sum_of(&other) || fs->storage->read_only)
        return 0; /* whoever opens it will say so */
    *super = other;
    return write_super(fs, super);
}

static int check_super(struct ext4 *fs, const struct ext2_super_block *super)
{
    const uint64_t blocks =
        super->s_blocks_count | (super->s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT
                                     ? (uint64_t)super->s_blocks_count_hi << 32
                                     : 0);

    if (super->s_magic != EXT2_SUPER_MAGIC)
        return EINVAL; /* something else */
    if (super->s_feature_incompat & ~(uint32_t)EXT2_LIB_FEATURE_INCOMPAT_SUPP)
        return ENOTSUP;
    if (super->s_log_block_size > 5)
        return ENOTSUP;
    fs->block_size = 1024u << super->s_log_block_size;
    fs->blocks = blocks;
    if (blocks == 0 || blocks > fs->storage->size / fs->block_size ||
        super->s_blocks_per_group % 8 != 0 || super->s_blocks_per_group < GROUP_LEAST ||
        super->s_inodes_per_group % 8 != 0 || super->s_inodes_per_group > 8 * fs->block_size ||
        (super->s_rev_level > 0 && super->s_first_ino < EXT2_GOOD_OLD_FIRST_INO) ||
        super->s_first_data_block != (fs->block_size == 1024) ||
        super->s_desc_size > fs->block_size)
        return problem_set(fs, EBADMSG, "superblock", "sizes are wrong");
    return 0;
}

/* ---- opening and closing what lies on it ---- */

static int open_library(struct ext4 *fs, int flags)
{
    errcode_t result;
    int error;

    io_manager_prepare(fs);
    result = ext2fs_open2("", NULL, flags | EXT2_FLAG_64BITS, 0, 0, &ext4_io_manager, &fs->lib);
    if (result != 0) {
        fs->lib = NULL;
        return problem_of(fs, result, "superblock");
    }
    if (fs->lib->blocksize != fs->block_size || ext2fs_blocks_count(fs->lib->super) != fs->blocks)
        return problem_set(fs, EBADMSG, "superblock", "the journal has changed its sizes");
    result = ext2fs_check_desc(fs->lib);
    if (result != 0)
        return problem_of(fs, result, "group descriptors");
    error = zones_make(fs);
    return error;
}

static void close_library(struct ext4 *fs)
{
    journal_close(fs);
    ranges_empty(&fs->zones);
    if (fs->lib != NULL)
        ext2fs_free(fs->lib);
    fs->lib = NULL;
}

/* Everything else may be torn now; the journal's inode has never changed. */
static int replay(struct ext4 *fs)
{
    struct ext2_super_block super;
    int error;

    if (fs->storage->read_only)
        return problem_set(fs, EROFS, "mount",
                           "the journal must be replayed, and nothing can be written");
    error = open_library(fs, EXT2_FLAG_IGNORE_CSUM_ERRORS);
    if (error == 0)
        error = journal_open(fs);
    if (error == 0)
        error = journal_replay(fs);
    close_library(fs);
    if (error == 0)
        error = read_super(fs, &super);
    return error != 0 ? error : check_super(fs, &super);
}

static const char *why_read_only(const struct ext4 *fs)
{
    const struct ext2_super_block *super = fs->lib->super;

    if (super->s_feature_incompat & read_incompatible ||
        super->s_feature_ro_compat & ~write_compatible)
        return "it has features that are only read here";
    if (super->s_state & EXT2_ERROR_FS)
        return "it is marked as damaged and has to be checked";
    return NULL;
}

static int only_read(struct ext4 *fs, const char *why)
{
    (void)problem_set(fs, 0, "mount", why);
    return 0;
}

static int open_for_writing(struct ext4 *fs)
{
    static const char other_form[] = "its journal has another form";
    errcode_t result;
    int error = journal_open(fs);

    if (error == ENOENT)
        return only_read(fs, "it has no journal");
    if (error == ENOTSUP)
        return only_read(fs, other_form);
    if (error == 0)
        error = zones_add_journal(fs);
    if (error != 0)
        return error;
    fs->lib->flags |= EXT2_FLAG_RW;
    result = ext2fs_read_bitmaps(fs->lib);
    if (result != 0)
        return problem_of(fs, result, "bitmaps");
    error = journal_prepare(fs);
    if (error == ENOTSUP)
        return only_read(fs, other_form);
    if (error == 0)
        error = set_mark(fs, true);
    if (error != 0)
        return problem_set(fs, error, "mount", "error of the medium");
    fs->lib->super->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER;
    error = transaction_open(fs);
    fs->caching = true;
    survive_begin(fs);
    if (error == 0)
        error = survive_resume(fs);
    if (error == 0 && journal_has_error(&fs->journal))
        (void)problem_set(fs, EBADMSG, "journal", "it tells of an error, so all has to be checked");
    return error;
}

static int open_all(struct ext4 *fs, unsigned flags)
{
    struct ext2_super_block super;
    const char *why;
    int error = read_super(fs, &super);

    if (error == 0)
        error = mend_super(fs, &super);
    if (error == 0)
        error = check_super(fs, &super);
    if (error == 0 && (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER))
        error = replay(fs);
    if (error == 0)
        error = open_library(fs, 0);
    if (error != 0)
        return error;
    if ((super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) == 0)
        survive_found_clean(fs);
    why = why_read_only(fs);
    if (why != NULL)
        (void)problem_set(fs, 0, "mount", why);
    fs->read_only |= (flags & EXT4_READ_ONLY) != 0 || fs->storage->read_only;
    if (!fs->read_only)
        error = open_for_writing(fs);
    fs->caching = true;
    if (error == 0 && !fs->marked && (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER))
        error = set_mark(fs, false); /* it is replayed, and there will be nothing more */
    if (error == 0 && (flags & EXT4_KEEP_ORPHANS) == 0)
        error = ext4_free_orphans(fs);
    return fs->marked && fs->read_only ? 0 : error; /* damage, which is told with ext4_problem() */
}

static void free_all(struct ext4 *fs)
{
    folder_index_forget_all(fs);
    cache_clear(fs);
    transaction_close(fs);
    close_library(fs);
    holds_empty(fs);
    free(fs);
}

static int mount_once(struct storage *storage, unsigned flags, const struct ext4_memory *memory,
                      struct ext4 **mounted)
{
    struct ext4 *fs = calloc(1, sizeof(*fs));
    int error;

    if (fs == NULL)
        return ENOMEM;
    fs->storage = storage;
    survive_open(fs, memory);
    error = open_all(fs, flags);
    if (error != 0) {
        free_all(fs);
        return error;
    }
    *mounted = fs;
    return 0;
}

/* As ext4_unmount(), but for what becomes of the memory. */
static int end(struct ext4 *fs, void (*end_memory)(struct ext4 *fs))
{
    int error = 0;

    holds_empty(fs);
    if (fs->marked) {
        (void)ext4_free_orphans(fs); /* else the next mount does */
        error = ext4_checkpoint(fs);
        if (error == 0)
            error = journal_finish(fs);
        if (error == 0)
            error = device_flush(fs);
        if (error == 0)
            error = set_mark(fs, false);
    }
    if (error == 0 && fs->lost_count > 0)
        error = fs->lost[0].error;
    end_memory(fs);
    free_all(fs);
    return error;
}

int ext4_unmount(struct ext4 *fs)
{
    return end(fs, survive_end);
}

/* What a server that was killed had done has to be written once, whoever only reads from here on. */
static int write_survivors(struct storage *storage, const struct ext4_memory *memory)
{
    struct ext4 *fs;
    const int error = mount_once(storage, EXT4_KEEP_ORPHANS, memory, &fs);

    return error != 0 ? error : end(fs, survive_end_but_progress);
}

int ext4_mount_surviving(struct storage *storage, unsigned flags, const struct ext4_memory *memory,
                         struct ext4 **mounted)
{
    int error = 0;

    if (memory->size != 0 && memory->size < SURVIVOR_LEAST)
        return EINVAL;
    if ((flags & EXT4_READ_ONLY) && survive_is_there(memory))
        error = write_survivors(storage, memory);
    if (error == 0)
        error = mount_once(storage, flags, memory, mounted);
    return error == ESTALE ? mount_once(storage, flags, memory, mounted) : error;
}

int ext4_mount(struct storage *storage, unsigned flags, struct ext4 **mounted)
{
    return ext4_mount_surviving(storage, flags, &(struct ext4_memory){0}, mounted);
}

void ext4_abandon(struct ext4 *fs)
{
    free_all(fs);
}

void ext4_set_clock(struct ext4 *fs, void (*clock)(struct ext4_time *time))
{
    fs->clock = clock;
}
