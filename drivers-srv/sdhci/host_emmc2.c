/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EMMC2 of the BCM2711, where the Raspberry Pi 4 has its card: version 3.00, 100 MHz, ADMA2 with 32 bits; aligned words only. At
 * less than 200 kHz its clock domains lose each other. The end of a write is not relied upon: the card is asked (sources: README.md).
 * There are no pins for the card. Its supplies are switched by the firmware: lines 128 + 4 (1: 1.8 V) and 128 + 6 (power), which
 * the server offers as struct sd_supplies. QEMU's has other capabilities, without DMA: so they are always read.
 */
#include "sdhci.h"

const struct sdhci_kind sdhci_kind_emmc2 = {
    .name = "emmc2",
    .words_only = true,
    .slowest_clock = 200000,
    .caps = 0x45ee6432,
    .confirm_writes = true,
};
