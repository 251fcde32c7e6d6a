/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware configuration device: files are found and read; lies about counts, sizes, names and keys are told; every access may
 * fail, and the driver be killed at each.
 */
#include <fw_cfg.h>

#include "../stage/faults.h"

static struct fw_cfg_model {
    char signature[4];
    uint8_t directory[8192];
    uint8_t file[300];
    uint16_t selected;
    uint32_t at;
} model;
static struct stage stage;
static struct fw_cfg device;

static void put32(uint8_t *to, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* An entry of the directory. */
static uint8_t *entry(unsigned number)
{
    return model.directory + 4 + 64 * (size_t)number;
}

static void put_file(unsigned number, const char *name, uint16_t key, uint32_t size)
{
    uint8_t *at = entry(number);

    put32(at, size);
    at[4] = (uint8_t)(key >> 8);
    at[5] = (uint8_t)key;
    strncpy((char *)at + 8, name, FW_CFG_NAME);
    put32(model.directory, number + 1);
}

static uint32_t model_read(void *context, uint32_t offset, unsigned width)
{
    struct fw_cfg_model *m = context;
    uint32_t at = m->at++;

    CHECK_EQ(offset, 0);
    CHECK_EQ(width, 1);
    if (m->selected == 0)
        return at < 4 ? (uint8_t)m->signature[at] : 0;
    if (m->selected == 0x19)
        return at < sizeof(m->directory) ? m->directory[at] : 0;
    return at < sizeof(m->file) ? m->file[at] : 0;
}

static void model_write(void *context, uint32_t offset, unsigned width, uint32_t value)
{
    struct fw_cfg_model *m = context;

    CHECK_EQ(offset, 8);
    CHECK_EQ(width, 2);
    m->selected = __builtin_bswap16((uint16_t)value);
    m->at = 0;
}

static void pass(void *context, uint64_t now)
{
    (void)context;
    (void)now;
}

static uint64_t next(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static bool line(void *context)
{
    (void)context;
    return false;
}

static struct stage *create(void)
{
    static const struct stage_device behaviour = {model_read, model_write, pass, next, line};

    memset(&model, 0, sizeof(model));
    memcpy(model.signature, "QEMU", 4);
    for (size_t i = 0; i < sizeof(model.file); i++)
        model.file[i] = (uint8_t)(i * 7);
    put_file(0, "bootorder", 0x21, 0);
    put_file(1, "opt/test", 0x22, sizeof(model.file));
    put_file(2, "etc/large", 0x23, FW_CFG_SIZE_MAX + 1);
    put_file(3, "etc/low", 0x19, 4);
    stage_init(&stage, &behaviour, &model);
    stage.quiet = true;
    return &stage;
}

static kern_return_t start(void)
{
    return fw_cfg_start(&device, &stage.environment, stage_registers(&stage));
}

static void test_files(void)
{
    struct fw_cfg_file file;
    uint8_t bytes[256];
    uint32_t count;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(fw_cfg_find(&device, "opt/test", &file), KERN_SUCCESS);
    CHECK(file.key == 0x22 && file.size == sizeof(model.file));
    for (uint32_t offset = 0; offset < sizeof(model.file); offset += 11) {
        CHECK_EQ(fw_cfg_read(&device, &file, offset, 256, bytes, &count), KERN_SUCCESS);
        CHECK_EQ(count, sizeof(model.file) - offset < 256 ? sizeof(model.file) - offset : 256);
        CHECK(memcmp(bytes, model.file + offset, count) == 0);
    }
    CHECK_EQ(fw_cfg_read(&device, &file, sizeof(model.file), 1, bytes, &count),
             KERN_INVALID_ARGUMENT);
    CHECK_EQ(fw_cfg_read(&device, &file, UINT32_MAX, 1, bytes, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQ(fw_cfg_read(&device, &file, 0, 0, bytes, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQ(fw_cfg_find(&device, "opt/tes", &file), KERN_NOT_FOUND);
    CHECK_EQ(fw_cfg_find(&device, "", &file), KERN_NOT_FOUND);
    CHECK_EQ(fw_cfg_find(&device, "bootorder", &file), KERN_SUCCESS);
    CHECK_EQ(fw_cfg_read(&device, &file, 0, 1, bytes, &count), KERN_INVALID_ARGUMENT);
    CHECK_EQ(fw_cfg_find(&device, "etc/large", &file), KERN_SUCCESS);
    CHECK_EQ(fw_cfg_read(&device, &file, 0, 1, bytes, &count), KERN_LIMIT);
}

static void test_lies(void)
{
    struct fw_cfg_file file;

    create();
    CHECK_EQ(start(), KERN_SUCCESS);
    CHECK_EQ(fw_cfg_find(&device, "etc/low", &file), KERN_MEMORY_FAILURE);
    put32(model.directory, FW_CFG_FILES_MAX + 1);
    CHECK_EQ(fw_cfg_find(&device, "opt/test", &file), KERN_MEMORY_FAILURE);
    put32(model.directory, UINT32_MAX);
    CHECK_EQ(fw_cfg_find(&device, "opt/test", &file), KERN_MEMORY_FAILURE);
    put32(model.directory, FW_CFG_FILES_MAX); /* most of them behind the end: zeros */
    CHECK_EQ(fw_cfg_find(&device, "opt/none", &file), KERN_NOT_FOUND);
    memset(entry(0) + 8, 'x', FW_CFG_NAME);
    CHECK_EQ(fw_cfg_find(&device, "opt/test", &file), KERN_MEMORY_FAILURE);
    model.signature[3] = 'u';
    CHECK_EQ(start(), KERN_NOT_FOUND);
}

static void work(struct stage *s)
{
    struct fw_cfg_file file;
    uint8_t bytes[64];
    uint32_t count;

    (void)s;
    if (start() != KERN_SUCCESS || fw_cfg_find(&device, "opt/test", &file) != KERN_SUCCESS)
        return;
    if (fw_cfg_read(&device, &file, 10, 64, bytes, &count) == KERN_SUCCESS)
        CHECK(count >= 1 && count <= 64);
}

static void drive(void *context)
{
    work(context);
}

/* A driver that was killed anywhere leaves a device that the next one can use (F3). */
static void test_kills(void)
{
    create();
    for (uint64_t n = 1; n < 300; n++) {
        create();
        stage.kill_at = n;
        stage.kill_after = n % 2 == 0;
        (void)stage_run(&stage, drive, &stage);
        CHECK_EQ(start(), KERN_SUCCESS);
        work(&stage);
    }
}

int main(int argc, char **argv)
{
    static const struct fault_plan plan = {.create = create,
                                           .work = work,
                                           .accesses = 280,
                                           .most_time = DEVICE_SECOND,
                                           .most_accesses = 400000};

    check_begin(argc, argv);
    test_files();
    test_lies();
    run_with_faults(&plan);
    test_kills();
    return check_end();
}
