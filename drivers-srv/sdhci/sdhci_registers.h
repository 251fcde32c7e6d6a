/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of an SD host controller, by the SD Association's simplified specification of the host controller, version 3.00,
 * chapter 2. Offsets are those of aligned words: some controllers take no other access (sdhci.h, H1).
 */
#pragma once

#include <stdint.h>

enum sdhci_register {
    SDHCI_SDMA = 0x00,  /* address of SDMA */
    SDHCI_BLOCK = 0x04, /* size in 11:0, SDMA boundary in 14:12, count in 31:16 */
    SDHCI_ARGUMENT = 0x08,
    SDHCI_COMMAND =
        0x0c, /* mode in 15:0, command in 31:16; it starts when the highest byte is written */
    SDHCI_RESPONSE = 0x10, /* four words */
    SDHCI_DATA = 0x20,
    SDHCI_PRESENT = 0x24,
    SDHCI_CONTROL = 0x28,  /* 8 bits */
    SDHCI_POWER = 0x29,    /* 8 bits */
    SDHCI_CLOCK = 0x2c,    /* 16 bits */
    SDHCI_TIMEOUT = 0x2e,  /* 8 bits */
    SDHCI_RESET = 0x2f,    /* 8 bits */
    SDHCI_STATUS = 0x30,   /* normal in 15:0, errors in 31:16; write one to clear */
    SDHCI_ENABLE = 0x34,   /* which of them are noted */
    SDHCI_SIGNAL = 0x38,   /* which of them interrupt */
    SDHCI_CONTROL2 = 0x3e, /* 16 bits */
    SDHCI_CAPS = 0x40,
    SDHCI_ADMA_ERROR = 0x54,
    SDHCI_ADMA = 0x58,
    SDHCI_VERSION = 0xfe, /* 16 bits */
};

enum {
    MODE_DMA = 1 << 0,
    MODE_COUNT = 1 << 1,
    MODE_STOP = 1 << 2, /* CMD12 after the last block */
    MODE_READ = 1 << 4,
    MODE_MULTIPLE = 1 << 5,
};

/* Bits of a command, beside its number in 13:8. */
enum {
    COMMAND_NO_RESPONSE = 0,
    COMMAND_LONG = 1,
    COMMAND_SHORT = 2,
    COMMAND_BUSY = 3, /* short, and DAT0 is low until the card is done */
    COMMAND_RESPONSE = 3,
    COMMAND_CRC = 1 << 3,
    COMMAND_INDEX = 1 << 4,
    COMMAND_DATA = 1 << 5,
    COMMAND_ABORT = 3 << 6,

    COMMAND_R1 = COMMAND_SHORT | COMMAND_CRC | COMMAND_INDEX, /* and R5, R6, R7 */
    COMMAND_R1B = COMMAND_BUSY | COMMAND_CRC | COMMAND_INDEX,
    COMMAND_R2 = COMMAND_LONG | COMMAND_CRC,
    COMMAND_R3 = COMMAND_SHORT,
};

enum {
    PRESENT_COMMAND = 1 << 0, /* a command is under way */
    PRESENT_DATA = 1 << 1,    /* data lines are in use, or the card is busy */
    PRESENT_ACTIVE = 1 << 2,
    PRESENT_CAN_WRITE = 1 << 10, /* the buffer has room for a block */
    PRESENT_CAN_READ = 1 << 11,
    PRESENT_CARD = 1 << 16,
    PRESENT_STABLE = 1 << 17,
    PRESENT_WRITABLE = 1 << 19,
    PRESENT_DAT0 = 1 << 20,
};

enum {
    CONTROL_4BIT = 1 << 1,
    CONTROL_HIGH_SPEED = 1 << 2,
    CONTROL_DMA = 3 << 3,
    CONTROL_ADMA2 = 2 << 3,

    POWER_ON = 1 << 0,
    POWER_3_3 = 7 << 1,
    POWER_3_0 = 6 << 1,

    CLOCK_INTERNAL = 1 << 0,
    CLOCK_STABLE = 1 << 1,
    CLOCK_CARD = 1 << 2,

    TIMEOUT_LONGEST = 0x0e,

    RESET_ALL = 1 << 0,
    RESET_COMMAND = 1 << 1,
    RESET_DATA = 1 << 2,

    CONTROL2_1_8 = 1 << 3,
};

enum {
    STATUS_COMMAND = 1 << 0,
    STATUS_TRANSFER = 1 << 1,
    STATUS_DMA = 1 << 3, /* SDMA has come to a boundary */
    STATUS_WRITE = 1 << 4,
    STATUS_READ = 1 << 5,
    STATUS_ERROR = 1 << 15,
    STATUS_COMMAND_TIMEOUT = 1 << 16,
    STATUS_COMMAND_CRC = 1 << 17,
    STATUS_COMMAND_END = 1 << 18,
    STATUS_COMMAND_INDEX = 1 << 19,
    STATUS_DATA_TIMEOUT = 1 << 20,
    STATUS_DATA_CRC = 1 << 21,
    STATUS_DATA_END = 1 << 22,
    STATUS_POWER = 1 << 23,
    STATUS_STOP = 1 << 24, /* the automatic CMD12 failed */
    STATUS_ADMA = 1 << 25,
};
/** What is noted: nothing of insertion, removal and cards' own interrupts. */
#define STATUS_NOTED  UINT32_C(0x03ff003b)
#define STATUS_ERRORS UINT32_C(0xffff0000)

enum {
    CAPS_ADMA2 = 1 << 19,
    CAPS_HIGH_SPEED = 1 << 21,
    CAPS_SDMA = 1 << 22,
    CAPS_3_3 = 1 << 24,
    CAPS_3_0 = 1 << 25,
};

/** A descriptor of ADMA2 with addresses of 32 bits. Little-endian, as this machine is. */
struct adma_descriptor {
    uint16_t attributes;
    uint16_t length; /* 0: 65,536 */
    uint32_t address;
};
_Static_assert(sizeof(struct adma_descriptor) == 8);

enum {
    ADMA_VALID = 1 << 0,
    ADMA_END = 1 << 1,
    ADMA_TRANSFER = 2 << 4,
    ADMA_LENGTH_MAX = 65536,
};
