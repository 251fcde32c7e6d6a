/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device: files with names, read byte by byte. Source: QEMU, docs/specs/fw_cfg.rst.
 *
 * This is the driver to begin a new one with (docs/how-to/driver.md): logic that knows its device and nothing of the system, here; its
 * program, main.c; its manifest, fw-cfg.driver; its test, tests/host/drivers/template/.
 *
 * F1 Each call ends after a bounded number of accesses, whatever the device answers.
 * F2 A count, a size or a name of the device's is checked before it is used; what cannot be is KERN_MEMORY_FAILURE.
 * F3 Nothing is kept between calls: a device that another driver left anywhere is as good as a fresh one.
 */
#pragma once

#include <libsys/device_logic.h>
#include <user/registers.h>

enum {
    FW_CFG_NAME = 56,             /* bytes of a name in the directory, with its NUL */
    FW_CFG_FILES_MAX = 1024,      /* more, and it is no directory */
    FW_CFG_SIZE_MAX = 256 * 1024, /* of a file that is read: a byte is an access */
};

struct fw_cfg {
    const struct device_environment *environment;
    struct registers registers;
};

struct fw_cfg_file {
    uint16_t key;
    uint32_t size;
};

/** KERN_NOT_FOUND: it is not there. */
kern_return_t fw_cfg_start(struct fw_cfg *device, const struct device_environment *environment,
                           struct registers registers);

/** Look a name up. KERN_NOT_FOUND; KERN_MEMORY_FAILURE: F2. */
kern_return_t fw_cfg_find(struct fw_cfg *device, const char *name, struct fw_cfg_file *file);

/** Up to `wanted` bytes of a file from `offset` on: *count. KERN_INVALID_ARGUMENT: offset is not before the end, or none are wanted;
 *  KERN_LIMIT: it is longer than FW_CFG_SIZE_MAX. */
kern_return_t fw_cfg_read(struct fw_cfg *device, const struct fw_cfg_file *file, uint32_t offset,
                          uint32_t wanted, uint8_t *bytes, uint32_t *count);
