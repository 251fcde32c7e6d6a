/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EMMC1, an Arasan controller as the BCM2835 and its successors have it: aligned words only, no DMA of its own, and on hardware no
 * capabilities. On a Raspberry Pi 4 it belongs to the WLAN; QEMU's raspi4b has the card here (`-drive if=sd`).
 */
#include "sdhci.h"

enum {
    CLOCK_52_MHZ = 52 << 8,
};

const struct sdhci_kind sdhci_kind_arasan = {
    .name = "emmc1",
    .words_only = true,
    .slowest_clock = 200000,
    .caps = CAPS_3_3 | CAPS_HIGH_SPEED | CLOCK_52_MHZ,
    .no_dma = true,
};
